/** The state of the installation: workers and what they carry, line, disk, record. */

import { get } from "./api";
import { fill, h } from "./dom";
import { table } from "./form";
import { bytes, dayAndClock, t } from "./i18n";
import { shell } from "./shell";
import { complain } from "./toast";
import type { SystemState } from "./types";

const EVERY_MS = 5000;

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.system") });
  const place = h("div", { class: "plain-page" });
  fill(page.main, place);
  const load = () =>
    get<SystemState>("/api/system").then((state) => {
      fill(place, h("h1", {}, t("ui.nav.system")), figures(state), h("section", { class: "card" }, h("h2", {}, t("ui.system.workers")), workers(state)));
      page.root.setAttribute("data-ready", "");
    }, complain);
  void load();
  const timer = window.setInterval(() => document.hidden || void load(), EVERY_MS);
  return () => (window.clearInterval(timer), page.destroy());
}

function figures(state: SystemState): HTMLElement {
  const one = (label: string, value: string | number) => h("div", { class: "figure" }, h("span", { class: "muted" }, label), h("strong", { class: "num" }, value));
  return h("div", { class: "card figures" }, one(t("ui.system.waiting"), state.waiting), one(t("ui.system.disk"), `${bytes(state.disk.free)} / ${bytes(state.disk.total)}`), one(t("ui.system.entries"), state.audit_entries), one(t("ui.system.database"), state.database));
}

function workers(state: SystemState): HTMLElement {
  if (state.workers.length === 0) return h("p", { class: "notice amber" }, t("ui.system.no_worker"));
  return table(
    t("ui.system.workers"),
    [t("ui.system.worker"), t("ui.system.state"), t("ui.system.model"), t("ui.system.device"), t("ui.system.memory"), t("ui.system.pace"), t("ui.system.error")],
    state.workers.map((one) => [
      h("span", {}, one.id, h("br"), h("span", { class: "muted" }, dayAndClock(one.started_at))),
      one.alive ? t("ui.system.alive") : t("ui.system.silent", { seconds: one.seconds_silent }),
      h("span", {}, one.model.name, h("br"), h("span", { class: "muted num" }, `${one.model.architecture} · ${one.model.fingerprint.slice(0, 16)}`)),
      one.device,
      one.memory.device_total > 0 ? `${bytes(one.memory.device_used)} / ${bytes(one.memory.device_total)}` : bytes(one.memory.weights),
      `${one.pace_ms} ms`,
      one.last_error ?? "—",
    ]),
  );
}
