/** The record, for the auditor: search, verify, take away. Patients appear as pseudonyms only. */

import { get, post } from "./api";
import { fill, h } from "./dom";
import { emergencyNotice } from "./emergencies";
import { action, field, select, table } from "./form";
import { dayAndClock, t } from "./i18n";
import { shell } from "./shell";
import { takeAway } from "./takeaway";
import { complain } from "./toast";
import type { Entries, Entry, LogVerdict } from "./types";

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.log") });
  const list = h("div", { class: "card" });
  const verdict = h("div", { role: "status" });
  const actor = h("input", { class: "input", autocomplete: "off" });
  const since = h("input", { class: "input", type: "date" });
  const until = h("input", { class: "input", type: "date" });
  const kind = select("action", [["", t("ui.log.all")]]);
  const notice = emergencyNotice();
  let entries: Entry[] = [];

  const load = async (cursor: number | null = null) => {
    const query = new URLSearchParams({ limit: "100" });
    if (actor.value) query.set("actor", actor.value);
    if (kind.value) query.set("action", kind.value);
    if (since.value) query.set("since", `${since.value}T00:00:00Z`);
    if (until.value) query.set("until", `${until.value}T23:59:59Z`);
    if (cursor !== null) query.set("cursor", String(cursor));
    const found = await get<Entries>(`/api/audit?${query}`);
    if (kind.options.length === 1) for (const name of found.actions) kind.append(h("option", { value: name }, name));
    entries = cursor === null ? found.entries : [...entries, ...found.entries];
    fill(list, listed(entries), found.cursor === null ? null : action(t("ui.log.more"), () => load(found.cursor), "button small-button"));
    page.root.setAttribute("data-ready", "");
  };
  const verify = async () => {
    const found = await post<LogVerdict>("/api/audit/verify");
    const clean = found.verdict === "clean";
    fill(verdict, h("div", { class: `notice ${clean ? "teal" : "red"}`, "data-verdict": found.verdict }, h("div", {}, h("strong", {}, t(`ui.log.verdict.${found.verdict}`)), ...found.lines.map((line) => h("p", { class: "num" }, line)))));
  };
  for (const input of [actor, since, until, kind]) input.addEventListener("change", () => load().catch(complain));
  fill(
    page.main,
    h(
      "div",
      { class: "plain-page" },
      h(
        "div",
        { class: "row spread" },
        h("h1", {}, t("ui.nav.log")),
        h(
          "p",
          { class: "row" },
          action(t("ui.log.verify"), verify, "button primary"),
          action(t("ui.log.export"), () => takeAway(t("ui.log.export"), "/api/audit/export", "audit-log.jsonl"), "button small-button"),
          h("a", { class: "button small-button", href: "/api/audit/public-key", download: "public.pem" }, t("ui.log.key")),
        ),
      ),
      notice.element,
      verdict,
      h("div", { class: "card filters" }, field(t("ui.log.actor"), actor), field(t("ui.log.action"), kind), field(t("ui.log.since"), since), field(t("ui.log.until"), until)),
      list,
    ),
  );
  load().catch(complain);
  return () => (notice.destroy(), page.destroy());
}

function listed(entries: Entry[]): HTMLElement {
  if (entries.length === 0) return h("p", { class: "muted" }, t("ui.log.none"));
  return table(
    t("ui.nav.log"),
    ["#", t("ui.log.time"), t("ui.log.actor"), t("ui.log.action"), t("ui.log.outcome"), t("ui.log.subject"), t("ui.log.object")],
    entries.map((one) => [
      h("a", { class: "num", href: `/api/audit/receipt?seq=${one.seq}`, download: `receipt-${one.seq}.json`, title: t("ui.log.receipt") }, one.seq),
      h("span", { class: "num" }, dayAndClock(one.time)),
      `${one.actor.name ?? one.actor.id.slice(0, 18)} · ${one.actor.role}`,
      one.action,
      t(one.outcome === "success" ? "ui.log.success" : "ui.log.failure"),
      h("span", { class: "num" }, one.subject?.slice(0, 10) ?? "—"),
      h("span", { class: "num" }, one.object.type ? `${one.object.type} ${one.object.id?.slice(0, 8) ?? ""}` : "—"),
    ]),
  );
}
