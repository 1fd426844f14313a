/** The way from a stack to three planes through it; where the stack is no volume, the reason in its place. */

import { h } from "../dom";
import { t } from "../i18n";
import type { Manifest } from "../types";
import { icon } from "./../icons";

const opens = new WeakMap<HTMLElement, () => void>();

/** Put the button into the toolbar of a viewer, or fit the one that is there to another series. */
export function offerPlanes(viewer: HTMLElement, manifest: Manifest, open: () => void): void {
  viewer.querySelector("[data-tool=planes]")?.remove();
  const reason = manifest.no_volume ?? "";
  const words = reason ? `${t("ui.tool.planes")}: ${reason}` : `${t("ui.tool.planes")} (X)`;
  // Not `disabled`: a reader who gets no planes must be able to reach the reason by keyboard.
  const button = h("button", { class: "tool", type: "button", "data-tool": "planes", "aria-label": words, title: words, "aria-disabled": reason ? "true" : false, on: { click: () => !reason && open() } }, icon("planes", 20));
  viewer.querySelector(".toolbar .tool-group")?.append(button);
  if (!opens.has(viewer)) {
    viewer.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
      opens.get(viewer)?.();
      event.preventDefault();
    });
  }
  opens.set(viewer, () => !reason && open());
}
