/** Tools of a slide: move, draw a region, magnify as a microscope does. */

import { h } from "../dom";
import { t } from "../i18n";
import { tool } from "./toolbar";

export type SlideTool = "pan" | "box";
export const MAGNIFICATIONS = [1, 2.5, 5, 10, 20, 40] as const;
export const SLIDE_KEYS: [keys: string, words: string][] = [
  ["↑ ↓ ← →", "ui.keys.move"], ["1 – 6", "ui.keys.magnify"], ["+ −", "ui.keys.zoom"], ["P", "ui.tool.pan"], ["B", "ui.tool.region"],
  ["V", "ui.tool.visible"], ["R", "ui.tool.whole"], ["O", "ui.tool.regions"], ["Delete", "ui.keys.delete_region"], ["?", "ui.tool.keys"],
];

export interface SlideActions {
  tool(name: SlideTool): void;
  magnify(times: number): void;
  visible(): void;
  whole(): void;
  regions(): void;
  keys(): void;
}

export class SlideToolbar {
  readonly element: HTMLElement;
  private readonly tools: Record<SlideTool, HTMLElement>;
  private readonly lenses: HTMLElement[];
  private readonly regions: HTMLElement;

  constructor(actions: SlideActions, magnified: boolean) {
    this.tools = { pan: tool("pan", "P", () => actions.tool("pan")), box: tool("region", "B", () => actions.tool("box"), "box") };
    this.lenses = MAGNIFICATIONS.map((times, n) =>
      h("button", { class: "tool tool-text lens num", type: "button", "data-lens": times, "aria-pressed": "false", "aria-label": t("ui.slide.magnify", { n: times }), title: `${t("ui.slide.magnify", { n: times })} (${n + 1})`, on: { click: () => actions.magnify(times) } }, `${times}×`),
    );
    this.regions = tool("regions", "O", actions.regions);
    this.regions.classList.add("tool-text");
    this.regions.append(h("span", {}, t("ui.tool.regions.short")));
    const group = (...children: Element[]) => h("div", { class: "tool-group", role: "group" }, ...children);
    this.element = h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": t("ui.tool.all") },
      group(this.tools.pan, this.tools.box, tool("visible", "V", actions.visible, "full")),
      magnified ? group(...this.lenses) : null,
      group(tool("whole", "R", actions.whole, "reset"), this.regions, tool("keys", "?", actions.keys)),
    );
    this.setRegions(false, false);
  }

  setTool(name: SlideTool): void {
    for (const [other, button] of Object.entries(this.tools)) button.setAttribute("aria-pressed", String(other === name));
  }

  setMagnification(now: number | null): void {
    MAGNIFICATIONS.forEach((times, n) => this.lenses[n]?.setAttribute("aria-pressed", String(now !== null && Math.abs(now / times - 1) < 0.02)));
  }

  setRegions(on: boolean, there: boolean): void {
    this.regions.setAttribute("aria-pressed", String(on && there));
    this.regions.toggleAttribute("disabled", !there);
  }
}
