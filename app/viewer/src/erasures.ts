/** Erasing patients, for the administrator: what was asked, what is held. Patients appear as pseudonyms only. */

import { get, post, remove } from "./api";
import { fill, h } from "./dom";
import { action, field, select, table } from "./form";
import { dayAndClock, t } from "./i18n";
import { shell } from "./shell";
import { askPassword } from "./signing";
import { complain, toast } from "./toast";
import type { Erasure, Erasures, Hold } from "./types";

const HOLDS = ["legal_claim", "investigation", "record_duty"] as const;

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.erasures") });
  const requests = h("div");
  const held = h("div");
  const load = async () => {
    const found = await get<Erasures>("/api/erasures");
    fill(requests, found.erasures.length > 0 ? asked(found.erasures, load) : h("p", { class: "muted" }, t("ui.erasures.none")));
    fill(held, found.holds.length > 0 ? holding(found.holds, load) : h("p", { class: "muted" }, t("ui.holds.none")));
    page.root.setAttribute("data-ready", "");
  };
  fill(
    page.main,
    h(
      "div",
      { class: "plain-page" },
      h("h1", {}, t("ui.nav.erasures")),
      h("section", { class: "card" }, h("h2", {}, t("ui.erasures.open")), requests),
      h("section", { class: "card" }, h("h2", {}, t("ui.holds")), h("p", { class: "muted" }, t("ui.holds.hint")), held, placing(load)),
    ),
  );
  load().catch(complain);
  return page.destroy;
}

const short = (ref: string) => h("span", { class: "num", title: ref }, ref.slice(0, 10));

function asked(erasures: Erasure[], load: () => Promise<void>): HTMLElement {
  return table(
    t("ui.erasures.open"),
    [t("ui.erasures.patient"), t("ui.erasures.when"), t("ui.erasures.asked_by"), t("ui.erasures.reason"), t("ui.erasures.extent"), t("ui.erasures.state"), ""],
    erasures.map((one) => [
      short(one.ref),
      h("span", { class: "num" }, dayAndClock(one.asked_at)),
      one.asked_by,
      t(`ui.erasures.reason.${one.reason}`),
      t("ui.erasures.extent.value", { studies: one.studies, signed: one.signed }),
      one.state === "asked" && one.held ? t("ui.erasures.held") : t(`ui.erasures.state.${one.state}`),
      one.state === "asked" ? h("span", { class: "row" }, deciding(one, load), action(t("ui.erasures.refuse"), () => post(`/api/erasures/${one.id}/refuse`).then(load), "button small-button")) : null,
    ]),
  );
}

function deciding(one: Erasure, load: () => Promise<void>): HTMLElement {
  const erase = async () => {
    const done = await askPassword({
      title: t("ui.erasures.title"),
      words: [h("p", {}, t("ui.erasures.statement", { studies: one.studies, signed: one.signed }))],
      button: t("ui.erasures.now"),
      blocked: false,
      danger: true,
      send: (password, code) => post(`/api/erasures/${one.id}/confirm`, { password, code }),
    });
    if (done) toast("done", t("ui.erasures.done"));
    await load();
  };
  const button = action(t("ui.erasures.erase"), erase, "button small-button danger");
  button.disabled = one.held;
  return button;
}

function holding(holds: Hold[], load: () => Promise<void>): HTMLElement {
  return table(
    t("ui.holds"),
    [t("ui.erasures.patient"), t("ui.erasures.when"), t("ui.holds.placed_by"), t("ui.erasures.reason"), ""],
    holds.map((one) => [
      short(one.ref),
      h("span", { class: "num" }, dayAndClock(one.placed_at)),
      one.placed_by,
      t(`ui.holds.reason.${one.reason}`),
      action(t("ui.holds.lift"), () => remove(`/api/holds/${one.id}`).then(load), "button small-button"),
    ]),
  );
}

function placing(load: () => Promise<void>): HTMLElement {
  const number = h("input", { class: "input", autocomplete: "off", maxlength: 64 });
  const issuer = h("input", { class: "input", autocomplete: "off", maxlength: 64 });
  const reason = select("hold-reason", HOLDS.map((one) => [one, t(`ui.holds.reason.${one}`)] as const));
  const place = async () => {
    await post("/api/holds", { number: number.value.trim(), issuer: issuer.value.trim(), reason: reason.value });
    for (const input of [number, issuer]) input.value = "";
    await load();
  };
  return h("div", {}, h("div", { class: "filters" }, field(t("ui.holds.number"), number), field(t("ui.holds.issuer"), issuer), field(t("ui.erasures.reason"), reason)), h("p", {}, action(t("ui.holds.place"), place, "button")));
}
