/** The line between picture and panel: dragged or moved with the arrow keys, remembered for this person. */

import { debounce, h } from "./dom";
import { t } from "./i18n";
import { choosePanelWidth } from "./session";
import { complain } from "./toast";

const NARROWEST = 340;
const USUAL = 440;
const STEP = 24;

export function divider(panel: HTMLElement, remembered: number | null): HTMLElement {
  const widest = () => Math.max(NARROWEST, Math.round(window.innerWidth * 0.55));
  const line = h("div", { class: "divider", role: "separator", tabindex: 0, "aria-orientation": "vertical", "aria-label": t("ui.divider"), "aria-valuemin": NARROWEST });
  const keep = debounce(600, (width: number) => void choosePanelWidth(width).catch(complain));
  let width = USUAL;
  const set = (wanted: number) => {
    width = Math.round(Math.min(widest(), Math.max(NARROWEST, wanted)));
    panel.style.setProperty("--panel-width", `${width}px`);
    line.setAttribute("aria-valuenow", String(width));
    line.setAttribute("aria-valuemax", String(widest()));
  };
  set(remembered ?? USUAL);
  line.addEventListener("pointerdown", (event) => {
    const from = event.clientX + width;
    line.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent) => set(from - moved.clientX);
    const done = () => {
      line.removeEventListener("pointermove", move);
      keep(width);
    };
    line.addEventListener("pointermove", move);
    line.addEventListener("pointerup", done, { once: true });
    line.addEventListener("pointercancel", done, { once: true });
  });
  line.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowLeft" ? STEP : event.key === "ArrowRight" ? -STEP : 0;
    if (!step) return;
    set(width + step);
    keep(width);
    event.preventDefault();
  });
  return line;
}
