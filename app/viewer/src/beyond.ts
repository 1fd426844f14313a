/** Asking about a picture that the gate warns of: its sentence, and the reader's own decision to go beyond it. */

import { ApiError } from "./api";
import { h } from "./dom";
import { t } from "./i18n";

/** The answer to what is sent; null when the reader turned back at a warning. A refusal is an error like any other. */
export async function beyond<T>(send: (overridden: string[]) => Promise<T>): Promise<T | null> {
  const overridden: string[] = [];
  for (;;) {
    try {
      return await send(overridden);
    } catch (error) {
      if (!(error instanceof ApiError) || error.facts["may_override"] !== true) throw error;
      const code = String(error.facts["scope"]);
      // The server asks for each warning once; the same again would be asked for ever.
      if (overridden.includes(code)) throw error;
      if (!(await goesOn(error.sentence))) return null;
      overridden.push(code);
    }
  }
}

function goesOn(sentence: string): Promise<boolean> {
  return new Promise((resolve) => {
    const form = h(
      "form",
      { class: "sheet", method: "dialog" },
      h("h2", {}, t("ui.scope.title")),
      h("p", {}, sentence),
      h("p", { class: "muted small" }, t("ui.scope.recorded")),
      h(
        "div",
        { class: "row-end" },
        h("button", { class: "button primary", type: "submit", value: "" }, t("ui.scope.back")),
        h("button", { class: "button", type: "submit", value: "beyond" }, t("ui.scope.beyond")),
      ),
    );
    const dialog = h("dialog", { class: "beyond", "aria-label": t("ui.scope.title") }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "beyond");
    });
    (document.querySelector(".dfm") ?? document.body).append(dialog);
    dialog.showModal();
  });
}
