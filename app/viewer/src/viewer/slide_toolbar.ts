/** Tools of a slide: move, draw a region, magnify as a microscope does. */

import { h } from "../dom";
import { t } from "../i18n";
import { tool } from "./toolbar";

export type SlideTool = "pan" | "box";
export const MAGNIFICATIONS = [1, 2.5, 5, 10, 20, 40] as const;
export const SLIDE_KEYS: [keys: string, words: string][] = [
  ["↑ ↓ ← →", "ui.keys.move"], ["1 – 6", "ui.keys.magnify"], ["+ −", "ui.keys.zoom"], ["P", "ui.tool.pan"], ["B", "ui.tool.region"],
  ["V", "ui.tool.visible"], ["R", "ui.tool.whole"], ["O", "ui.tool.regions"], ["Y", "ui.tool.slide_link"], ["Delete", "ui.keys.delete_region"], ["?", "ui.tool.keys"],
];

export interface SlideActions {
  tool(name: SlideTool): void;
  magnify(times: number): void;
  visible(): void;
  whole(): void;
  regions(): void;
  keys(): void;
  /** Put the slide of this place in the list beside the open one; null: none. */
  beside(place: number | null): void;
  link(): void;
}

export class SlideToolbar {
  readonly element: HTMLElement;
  private readonly tools: Record<SlideTool, HTMLElement>;
  private readonly lenses: HTMLElement[];
  private readonly regions: HTMLElement;
  private readonly linked: HTMLElement;
  private readonly besides = h("select", { class: "preset besides", "aria-label": t("ui.slide.beside") });

  /** others: what the other slides of the case are called. */
  constructor(actions: SlideActions, magnified: boolean, others: string[] = []) {
    this.linked = tool("slide_link", "Y", actions.link, "link");
    this.besides.append(h("option", { value: "" }, t("ui.slide.beside.none")), ...others.map((words, n) => h("option", { value: n }, words)));
    this.besides.addEventListener("change", () => actions.beside(this.besides.value ? Number(this.besides.value) : null));
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
      others.length ? group(this.besides, this.linked) : null,
      group(tool("whole", "R", actions.whole, "reset"), this.regions, tool("keys", "?", actions.keys)),
    );
    this.setRegions(false, false);
    this.setLink(false, false);
  }

  setLink(on: boolean, there: boolean): void {
    this.linked.setAttribute("aria-pressed", String(on && there));
    this.linked.toggleAttribute("disabled", !there);
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
