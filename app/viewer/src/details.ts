/** What a picture without headers cannot say: whose it is, from when, and for pathology where it comes from. */

import { h } from "./dom";
import { t } from "./i18n";
import type { WaitingPicture } from "./types";

export type Details = Record<string, unknown>;

interface Field {
  name: string;
  type: "text" | "date" | "number" | "select";
  options?: string[];
  needed?: boolean;
  pathology?: boolean;
}

const PICTURES = 6;
const SLIDES = 60;
const FIELDS: Field[] = [
  { name: "patient_name", type: "text", needed: true },
  { name: "patient_id", type: "text", needed: true },
  { name: "birth_date", type: "date" },
  { name: "sex", type: "select", options: ["", "F", "M", "O"] },
  { name: "study_date", type: "date", needed: true },
  { name: "description", type: "text" },
  { name: "specimen", type: "text", pathology: true },
  { name: "block", type: "text", pathology: true },
  { name: "stain", type: "text", pathology: true },
  { name: "um_per_pixel", type: "number", pathology: true },
];

/** Ask for the details of pictures that came without headers; null when the person takes the pictures back. */
export function askDetails(
  pictures: WaitingPicture[],
  signal: AbortSignal,
): Promise<Details | null> {
  return new Promise((resolve) => {
    const anySlide = pictures.some((one) => one.slide);
    const own = new Map<number, Record<string, HTMLInputElement>>();
    const kind = (value: string, checked: boolean) =>
      h("label", { class: "choice" }, h("input", { type: "radio", name: "kind", value, checked }), t(`ui.details.kind.${value}`));
    const inputs = new Map<string, HTMLElement>();
    const grid = h("div", { class: "details-grid" });
    for (const field of FIELDS) {
      const input = control(field);
      inputs.set(field.name, input);
      grid.append(
        h(
          "label",
          { class: "field", "data-pathology": field.pathology ?? null },
          h("span", {}, t(`ui.details.${field.name}`), field.needed ? ` · ${t("ui.details.for_signing")}` : ""),
          input,
        ),
      );
    }
    const form = h(
      "form",
      { class: "sheet", method: "dialog" },
      h("h2", {}, t("ui.details.title")),
      h("p", { class: "muted" }, t("ui.details.hint")),
      h("div", { class: "details-pictures" }, ...pictures.slice(0, anySlide ? SLIDES : PICTURES).map((one) => figure(one, pictures.length > 1, own))),
      h("fieldset", { class: "choices" }, h("legend", { class: "visually-hidden" }, t("ui.details.kind")), kind("radiology", !anySlide), kind("pathology", anySlide)),
      grid,
      h(
        "div",
        { class: "row-end" },
        h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("ui.details.discard")),
        h("button", { class: "button primary", type: "submit", value: "save" }, t("ui.details.save")),
      ),
    );
    const dialog = h("dialog", { class: "details", "aria-label": t("ui.details.title") }, form);
    const showKind = () => {
      const pathology = new FormData(form).get("kind") === "pathology";
      for (const label of grid.querySelectorAll<HTMLElement>("[data-pathology]")) label.hidden = !pathology;
    };
    form.addEventListener("change", showKind);
    showKind();
    signal.addEventListener("abort", () => dialog.close(), { once: true });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue !== "save") return resolve(null);
      const details: Details = { kind: String(new FormData(form).get("kind")) };
      for (const field of FIELDS) {
        const value = (inputs.get(field.name) as HTMLInputElement | HTMLSelectElement).value.trim();
        details[field.name] = field.type === "number" ? (value ? Number(value) : null) : value;
      }
      details["each"] = [...own].map(([n, fields]) => ({ n, specimen: fields["specimen"]?.value.trim() ?? "", block: fields["block"]?.value.trim() ?? "", stain: fields["stain"]?.value.trim() ?? "" }));
      resolve(details);
    });
    (document.querySelector(".dfm") ?? document.body).append(dialog);
    dialog.showModal();
  });
}

/** A picture; among several slides each has a block and a stain of its own. */
function figure(one: WaitingPicture, several: boolean, own: Map<number, Record<string, HTMLInputElement>>): HTMLElement {
  const shown = h("figure", {}, h("img", { src: one.thumbnail_url, alt: "" }), h("figcaption", { class: "muted small num" }, `${one.width} × ${one.height}`));
  if (!one.slide || !several) return shown;
  const fields: Record<string, HTMLInputElement> = {};
  for (const name of ["specimen", "block", "stain"]) {
    const words = t(`ui.details.${name}`);
    fields[name] = h("input", { class: "input small", type: "text", maxlength: 64, autocomplete: "off", placeholder: words, "aria-label": `${words} ${one.n + 1}`, "data-own": name });
    shown.append(fields[name]);
  }
  own.set(one.n, fields);
  return shown;
}

function control(field: Field): HTMLElement {
  if (field.type === "select") {
    return h("select", { class: "input", name: field.name }, ...(field.options ?? []).map((value) => h("option", { value }, value ? t(`ui.sex.${value}`) : t("ui.unknown"))));
  }
  return h("input", {
    class: "input", name: field.name, type: field.type, autocomplete: "off",
    ...(field.type === "number" ? { min: "0.01", max: "100", step: "any", inputmode: "decimal" } : {}),
    ...(field.type === "date" ? { max: "9999-12-31" } : { maxlength: 128 }),
  });
}
