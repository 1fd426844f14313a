/** What leaves the treating side: a copy of the study without identity, and what waits until researchers may see it. */

import { get, post } from "./api";
import { fill, h } from "./dom";
import { t } from "./i18n";
import { icon } from "./icons";
import { takeAway } from "./takeaway";
import { complain } from "./toast";
import type { Withheld } from "./types";

const SWITCHES = ["keep_characteristics", "clean_descriptors", "keep_device", "keep_institution"] as const;

/** The button that offers a copy of the study. */
export function copyButton(studyId: string): HTMLElement {
  return h("button", { class: "tool", type: "button", "data-action": "copy", "aria-label": t("ui.copy"), title: t("ui.copy"), on: { click: () => copyDialog(studyId) } }, icon("lock"));
}

function copyDialog(studyId: string): void {
  const dates = h("select", { class: "input", name: "dates" }, ...["remove", "shift", "keep"].map((one) => h("option", { value: one }, t(`ui.copy.dates.${one}`))));
  const boxes = SWITCHES.map((name) => h("label", { class: "check" }, h("input", { type: "checkbox", name }), h("span", {}, t(`ui.copy.${name}`))));
  const take = h("button", { class: "button primary", type: "button", "data-action": "take", on: { click: () => void leave() } }, icon("leave"), t("ui.copy.take"));
  const form = h(
    "form",
    { class: "sheet", method: "dialog" },
    h("h2", {}, t("ui.copy")),
    h("p", {}, t("ui.copy.hint")),
    h("label", { class: "field" }, h("span", {}, t("ui.copy.dates")), dates),
    h("div", { class: "checks" }, ...boxes),
    h("p", { class: "notice amber" }, icon("warn"), h("span", {}, t("ui.copy.look"))),
    h("div", { class: "row-end" }, h("button", { class: "button", type: "submit" }, t("ui.cancel")), take),
  );
  const dialog = open("copy", t("ui.copy"), form);
  const leave = () => {
    const wanted = new URLSearchParams({ dates: dates.value });
    for (const name of SWITCHES) wanted.set(name, String(new FormData(form).has(name)));
    dialog.close();
    return takeAway(t("ui.copy"), `/api/studies/${studyId}/deidentified.zip?${wanted}`);
  };
}

/** Everything of a signed report that waits; each is looked at before it is released. */
export async function releaseDialog(studyId: string): Promise<void> {
  const list = h("ul", { class: "waiting" });
  const nothing = h("p", { class: "muted" }, t("ui.release.none"));
  const load = async () => {
    const found = await get<Withheld[]>(`/api/studies/${studyId}/releases`);
    nothing.hidden = found.length > 0;
    fill(list, ...found.map((one) => line(one)));
  };
  const line = (one: Withheld) => {
    const give = h("button", { class: "button", type: "button", "data-item": one.item, on: { click: () => void release(one, give) } }, t("ui.release.give"));
    const shown =
      one.item === "pictures"
        ? h("figure", {}, h("img", { src: `/api/studies/${studyId}/releases/picture.png`, alt: t("ui.release.preview") }), h("figcaption", { class: "muted small" }, t("ui.release.preview")))
        : h("blockquote", {}, one.text);
    return h("li", {}, h("p", { class: "muted small" }, one.reason), shown, give);
  };
  const release = async (one: Withheld, give: HTMLButtonElement) => {
    give.disabled = true;
    try {
      await post(`/api/studies/${studyId}/releases`, { item: one.item });
      await load();
      close.focus();
    } catch (error) {
      give.disabled = false;
      complain(error);
    }
  };
  const close = h("button", { class: "button primary", type: "submit" }, t("ui.close"));
  await load();
  open("release", t("ui.release"), h("form", { class: "sheet", method: "dialog" }, h("h2", {}, t("ui.release")), h("p", {}, t("ui.release.hint")), nothing, list, h("div", { class: "row-end" }, close)));
}

function open(name: string, title: string, form: HTMLElement): HTMLDialogElement {
  const dialog = h("dialog", { class: name, "aria-label": title }, form);
  dialog.addEventListener("close", () => dialog.remove());
  (document.querySelector(".dfm") ?? document.body).append(dialog);
  dialog.showModal();
  return dialog;
}
