/** The row below three planes: what dragging does, how thick a slab is, what of it is shown, windows. */

import { fill, h } from "../dom";
import { t } from "../i18n";
import type { Manifest } from "../types";
import { tool } from "./toolbar";

export type MprTool = "cross" | "window" | "pan" | "zoom" | "turn";
export type How = "mean" | "max" | "min";
export const SLABS = [0, 2, 5, 10, 20, 40, 80] as const;
export const HOWS: How[] = ["mean", "max", "min"];
export const MPR_TOOL_KEYS: Record<string, MprTool> = { c: "cross", w: "window", p: "pan", z: "zoom", t: "turn" };
const TOOLS: [MprTool, string][] = [["cross", "C"], ["window", "W"], ["pan", "P"], ["zoom", "Z"], ["turn", "T"]];
export const MPR_KEYS: [keys: string, words: string][] = [
  ["↑ ↓ ← →", "ui.keys.cross"], ["Page ↑ ↓", "ui.keys.through"], ["Home End", "ui.keys.ends"], ["Enter", "ui.keys.single"], [", .", "ui.keys.turn"],
  ["J K", "ui.keys.slab"], ["H", "ui.keys.how"], ["1 – 9", "ui.keys.presets"], ["C", "ui.tool.cross"], ["W", "ui.tool.window"], ["P", "ui.tool.pan"], ["Z", "ui.tool.zoom"],
  ["T", "ui.tool.turn"], ["I", "ui.tool.invert"], ["R", "ui.tool.reset"], ["O", "ui.tool.regions"], ["+ −", "ui.keys.zoom"], ["X", "ui.tool.stack"], ["?", "ui.tool.keys"],
];

export interface MprActions {
  tool(name: MprTool): void;
  slab(mm: number): void;
  how(how: How): void;
  preset(center: number, width: number): void;
  invert(): void;
  reset(): void;
  regions(): void;
  stack(): void;
  keys(): void;
}

export class MprToolbar {
  readonly element: HTMLElement;
  private readonly tools = new Map<MprTool, HTMLElement>();
  private readonly inverted: HTMLElement;
  private readonly regions: HTMLElement;
  private readonly now = h("option", { value: "", hidden: true });
  private readonly windows = h("select", { class: "preset num", "aria-label": t("ui.tool.presets"), title: t("ui.tool.presets") });
  private readonly slabs = h("select", { class: "preset slab num", "data-choice": "slab", "aria-label": t("ui.mpr.slab"), title: t("ui.mpr.slab") });
  private readonly hows = h("select", { class: "preset slab", "data-choice": "how", "aria-label": t("ui.mpr.how"), title: t("ui.mpr.how") });
  private readonly presets: { words: string; center: number; width: number }[];

  constructor(manifest: Manifest, actions: MprActions) {
    for (const [name, key] of TOOLS) {
      const button = tool(name, key, () => actions.tool(name));
      button.setAttribute("aria-pressed", "false");
      this.tools.set(name, button);
    }
    this.inverted = tool("invert", "I", actions.invert);
    this.regions = tool("regions", "O", actions.regions);
    this.regions.classList.add("tool-text");
    this.regions.append(h("span", {}, t("ui.tool.regions.short")));
    this.presets = [
      ...manifest.windows.filter((one) => !one.table).map((one, n) => ({ words: one.explanation || t("ui.viewer.own_window", { n: n + 1 }), center: one.center, width: one.width })),
      ...manifest.presets.map((one) => ({ words: one.label, center: one.center, width: one.width })),
    ];
    fill(this.windows, this.now, ...this.presets.map((one, n) => h("option", { value: n }, `${n + 1}  ${one.words}  ${one.center} / ${one.width}`)));
    this.windows.value = "";
    this.windows.addEventListener("change", () => {
      const preset = this.presets[Number(this.windows.value)];
      if (preset) actions.preset(preset.center, preset.width);
      this.windows.value = "";
    });
    fill(this.slabs, ...SLABS.map((mm) => h("option", { value: mm }, mm ? t("ui.mpr.mm", { mm }) : t("ui.mpr.thin"))));
    this.slabs.addEventListener("change", () => actions.slab(Number(this.slabs.value)));
    fill(this.hows, ...HOWS.map((how) => h("option", { value: how }, t(`ui.mpr.how.${how}`))));
    this.hows.addEventListener("change", () => actions.how(this.hows.value as How));
    const group = (...children: (Element | undefined)[]) => h("div", { class: "tool-group", role: "group" }, ...children);
    this.element = h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": t("ui.tool.all") },
      group(tool("stack", "X", actions.stack, "slices")),
      group(...this.tools.values()),
      group(this.slabs, this.hows),
      group(tool("reset", "R", actions.reset), this.inverted, this.windows),
      group(this.regions, tool("keys", "?", actions.keys)),
    );
  }

  preset = (n: number) => this.presets[n] ?? null;

  setTool(name: MprTool): void {
    for (const [other, button] of this.tools) button.setAttribute("aria-pressed", String(other === name));
  }

  setSlab(mm: number, how: How): void {
    if (!SLABS.includes(mm as never) && !this.slabs.querySelector(`option[value="${mm}"]`)) this.slabs.append(h("option", { value: mm }, t("ui.mpr.mm", { mm })));
    this.slabs.value = String(mm);
    this.hows.value = how;
    this.hows.toggleAttribute("disabled", mm === 0);
  }

  setWindow(shown: { center: number; width: number }, invert: boolean): void {
    this.now.textContent = `${Math.round(shown.center * 10) / 10} / ${Math.round(shown.width * 10) / 10}`;
    this.inverted.setAttribute("aria-pressed", String(invert));
  }

  setRegions(on: boolean, there: boolean): void {
    this.regions.setAttribute("aria-pressed", String(on && there));
    this.regions.toggleAttribute("disabled", !there);
  }
}
