/** What the files of an upload tell of the patient, listed before anything is kept; the person decides what becomes of them. */

import { h } from "./dom";
import { t } from "./i18n";
import { icon } from "./icons";
import type { LensFound, Told } from "./types";

/** Show what was found; null when the person takes the files back. */
export function askLens(uploadId: string, found: LensFound, signal: AbortSignal): Promise<{ pseudonymise: boolean } | null> {
  return new Promise((resolve) => {
    const keep = h("button", { class: "button primary", type: "submit", value: "keep" }, t(`ui.lens.agree.${found.rule}`));
    const free = found.rule === "keep" ? h("button", { class: "button", type: "submit", value: "pseudonymise" }, t("ui.lens.agree.pseudonymise")) : null;
    const form = h(
      "form",
      { class: "sheet", method: "dialog" },
      h("h2", {}, t("ui.lens.title")),
      h("p", {}, t("ui.lens.summary", { naming: found.naming, files: found.files }), " ", t(`ui.lens.rule.${found.rule}`)),
      group("ui.lens.identifies", found.told.filter((one) => one.identifies), true),
      group("ui.lens.beside", found.told.filter((one) => !one.identifies), false),
      found.suspects > 0 ? suspects(uploadId, found) : null,
      h(
        "div",
        { class: "row-end" },
        h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("ui.lens.discard")),
        free,
        keep,
      ),
    );
    const dialog = h("dialog", { class: "lens", "aria-label": t("ui.lens.title") }, form);
    signal.addEventListener("abort", () => dialog.close(), { once: true });
    dialog.addEventListener("close", () => {
      dialog.remove();
      const chosen = dialog.returnValue;
      resolve(chosen ? { pseudonymise: chosen === "pseudonymise" } : null);
    });
    (document.querySelector(".dfm") ?? document.body).append(dialog);
    dialog.showModal();
    keep.focus();
  });
}

function group(title: string, told: Told[], open: boolean): HTMLElement | null {
  if (told.length === 0) return null;
  return h(
    "details",
    { class: "lens-group", open },
    h("summary", {}, t(title, { n: told.length })),
    h(
      "ul",
      {},
      ...told.map((one) =>
        h("li", {}, h("code", {}, one.attribute), h("span", { class: "muted" }, t(`ui.lens.kind.${one.kind}`)), h("span", { class: "muted num" }, t("ui.upload.files", { n: one.files }))),
      ),
    ),
  );
}

/** Pictures into which a device may have written, as they are and with the bands blanked that a copy would lose. */
function suspects(uploadId: string, found: LensFound): HTMLElement {
  const picture = (n: number, masked: boolean) =>
    h(
      "figure",
      {},
      h("img", { src: `/api/uploads/${uploadId}/lens/${n}.png${masked ? "?masked=true" : ""}`, alt: t(masked ? "ui.lens.masked" : "ui.lens.plain"), loading: "lazy" }),
      h("figcaption", { class: "muted small" }, t(masked ? "ui.lens.masked" : "ui.lens.plain")),
    );
  return h(
    "section",
    { class: "lens-suspects" },
    h("p", { class: "notice amber" }, icon("warn"), h("span", {}, t("ui.lens.suspects", { n: found.suspects, lettered: found.lettered }))),
    h("div", { class: "lens-pictures", tabindex: 0, role: "group", "aria-label": t("ui.lens.pictures") }, ...found.previews.map((n) => h("div", { class: "lens-pair" }, picture(n, false), picture(n, true)))),
  );
}
