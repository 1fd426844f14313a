/** Small pieces that the plain pages share: a labelled field, a table, a busy button, a page that cannot load. */

import { h, type Child } from "./dom";
import { complain } from "./toast";

let count = 0;

/** An input, select or text area under its label. */
export function field(label: string, input: HTMLElement): HTMLElement {
  input.id ||= `field-${++count}`;
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input);
}

export function select(name: string, options: readonly (readonly [value: string, label: string])[], chosen = ""): HTMLSelectElement {
  return h("select", { class: "input", name }, ...options.map(([value, label]) => h("option", { value, selected: value === chosen }, label)));
}

export function table(caption: string, heads: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement {
  return h(
    "div",
    { class: "table-scroll" },
    h(
      "table",
      { class: "plain-table" },
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, ...heads.map((head) => (head ? h("th", { scope: "col" }, head) : h("td"))))),
      h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell))))),
    ),
  );
}

/** A button that does one thing at a time and complains in words when it fails. */
export function action(label: string, run: () => Promise<unknown>, kind = "button"): HTMLButtonElement {
  const button = h("button", { class: kind, type: "button" }, label);
  button.addEventListener("click", () => {
    button.disabled = true;
    run().catch(complain).finally(() => (button.disabled = false));
  });
  return button;
}
