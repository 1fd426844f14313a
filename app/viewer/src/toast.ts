/** Short messages at the edge of the page: what happened, whether anything was lost, what to do, and a number. */

import { ApiError, Unreachable } from "./api";
import { h } from "./dom";
import { t } from "./i18n";
import { icon, type IconName } from "./icons";

type Kind = "error" | "note" | "done";
const ICONS: Record<Kind, IconName> = { error: "error", note: "info", done: "check" };

let stack: HTMLElement | null = null;

export function toast(kind: Kind, sentence: string, action?: { label: string; run: () => void }): void {
  stack ??= h("div", { class: "dfm-toasts", role: "region", "aria-label": t("ui.messages") });
  const root = document.querySelector(".dfm") ?? document.body;
  if (stack.parentElement !== root) root.appendChild(stack);
  const close = () => note.remove();
  const note = h(
    "div",
    { class: `toast toast-${kind}`, role: kind === "error" ? "alert" : "status" },
    icon(ICONS[kind]),
    h("p", {}, sentence),
    action && h("button", { class: "button quiet", type: "button", on: { click: () => (close(), action.run()) } }, action.label),
    h("button", { class: "tool", type: "button", "aria-label": t("ui.close"), on: { click: close } }, icon("close", 16)),
  );
  stack.appendChild(note);
  // An error stays until it is read; the rest leaves by itself.
  if (kind !== "error") window.setTimeout(close, action ? 9000 : 5000);
}

/** An error as a sentence with the reference number at its end. */
export function sentenceOf(error: unknown): string {
  if (error instanceof Unreachable) return t("ui.unreachable");
  if (error instanceof ApiError) {
    const said = error.sentence || t("ui.error.unsaid", { status: error.status });
    return error.reference ? `${said} ${t("ui.reference", { reference: error.reference })}` : said;
  }
  return t("ui.error.page");
}

export function complain(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (!(error instanceof ApiError || error instanceof Unreachable)) console.error(error);
  toast("error", sentenceOf(error));
}
