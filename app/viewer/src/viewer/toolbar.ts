/** The row below the picture: tools as icons with names and keys, in groups; and the list of all keys. */

import { fill, h } from "../dom";
import { t } from "../i18n";
import { icon, type IconName } from "../icons";
import type { Manifest } from "../types";

export type ToolName = "window" | "pan" | "zoom" | "slices" | "length" | "box";
const TOOLS: [name: ToolName, key: string][] = [["window", "W"], ["pan", "P"], ["zoom", "Z"], ["slices", "S"], ["length", "L"], ["box", "B"]];
const KEYS: [keys: string, words: string][] = [
  ["↑ ↓", "ui.keys.slices"], ["Page ↑ ↓", "ui.keys.ten"], ["Home End", "ui.keys.ends"], ["1 – 9", "ui.keys.presets"],
  ["W", "ui.tool.window"], ["P", "ui.tool.pan"], ["Z", "ui.tool.zoom"], ["S", "ui.tool.slices"], ["L", "ui.tool.length"], ["B", "ui.tool.box"],
  ["I", "ui.tool.invert"], ["R", "ui.tool.reset"], ["O", "ui.tool.regions"], ["+ −", "ui.keys.zoom"], ["Delete", "ui.keys.delete"], ["?", "ui.tool.keys"],
];

export interface Actions {
  tool(name: ToolName): void;
  reset(): void;
  invert(): void;
  preset(center: number, width: number): void;
  regions(): void;
  keys(): void;
}

interface PresetLine {
  words: string;
  center: number;
  width: number;
}

export class Toolbar {
  readonly element: HTMLElement;
  private readonly tools = new Map<ToolName, HTMLElement>();
  private readonly inverted: HTMLElement;
  private readonly regions: HTMLElement;
  private readonly now = h("option", { value: "", hidden: true });
  private readonly select = h("select", { class: "preset num" });
  private presets: PresetLine[] = [];

  constructor(actions: Actions) {
    for (const [name, key] of TOOLS) {
      const button = tool(name, key, () => actions.tool(name));
      button.setAttribute("aria-pressed", "false");
      this.tools.set(name, button);
    }
    this.inverted = tool("invert", "I", actions.invert);
    this.regions = tool("regions", "O", actions.regions);
    this.regions.classList.add("tool-text");
    this.regions.append(h("span", {}, t("ui.tool.regions.short")));
    this.select.setAttribute("aria-label", t("ui.tool.presets"));
    this.select.title = t("ui.tool.presets");
    this.select.addEventListener("change", () => {
      const preset = this.presets[Number(this.select.value)];
      if (preset) actions.preset(preset.center, preset.width);
      this.select.value = "";
    });
    const group = (...children: (Element | undefined)[]) => h("div", { class: "tool-group", role: "group" }, ...children.filter((child) => child !== undefined));
    this.element = h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": t("ui.tool.all") },
      group(...["window", "pan", "zoom", "slices"].map((name) => this.tools.get(name as ToolName))),
      group(this.tools.get("length"), this.tools.get("box")),
      group(tool("reset", "R", actions.reset), this.inverted, this.select),
      group(this.regions, tool("keys", "?", actions.keys)),
    );
  }

  setTool(name: ToolName): void {
    for (const [other, button] of this.tools) button.setAttribute("aria-pressed", String(other === name));
  }

  setInverted(on: boolean): void {
    this.inverted.setAttribute("aria-pressed", String(on));
  }

  setRegions(on: boolean, there: boolean): void {
    this.regions.setAttribute("aria-pressed", String(on && there));
    this.regions.toggleAttribute("disabled", !there);
  }

  /** Offer what this series can do: color has no window, a single picture no slices. */
  fit(manifest: Manifest): void {
    const color = manifest.samples === 3;
    this.tools.get("window")?.toggleAttribute("hidden", color);
    this.tools.get("slices")?.toggleAttribute("hidden", manifest.frames.length < 2);
    this.inverted.hidden = color;
    this.select.hidden = color;
    this.setRegions(false, false);
    this.presets = [
      ...manifest.windows.map((one, n) => ({ words: one.explanation || t("ui.viewer.own_window", { n: n + 1 }), center: one.center, width: one.width })),
      ...manifest.presets.map((one) => ({ words: one.label, center: one.center, width: one.width })),
    ];
    fill(this.select, this.now, ...this.presets.map((one, n) => h("option", { value: n }, `${n + 1}  ${one.words}  ${one.center} / ${one.width}`)));
    this.select.value = "";
  }

  preset = (n: number): PresetLine | null => this.presets[n] ?? null;

  setWindow(shown: { center: number; width: number } | null): void {
    if (!shown) return;
    const words = `${Math.round(shown.center * 10) / 10} / ${Math.round(shown.width * 10) / 10}`;
    if (this.now.textContent !== words) this.now.textContent = words;
  }
}

/** One button with its words, key and icon. */
export function tool(name: string, key: string, run: () => void, picture: IconName = name as IconName): HTMLButtonElement {
  const words = `${t(`ui.tool.${name}`)} (${key})`;
  return h("button", { class: "tool", type: "button", "data-tool": name, "aria-label": words, title: words, on: { click: run } }, icon(picture, 20));
}

/** All keys of the picture in one sheet. */
export function showKeys(near: HTMLElement, keys = KEYS, pointer = "ui.keys.pointer"): void {
  const close = h("button", { class: "button primary", type: "submit" }, t("ui.close"));
  const dialog = h(
    "dialog",
    { "aria-label": t("ui.tool.keys") },
    h(
      "form",
      { class: "sheet", method: "dialog" },
      h("h2", {}, t("ui.tool.keys")),
      h("dl", { class: "keys" }, ...keys.flatMap(([names, words]) => [h("dt", {}, ...names.split(/ (?!–|– )/).map((key) => h("kbd", {}, key))), h("dd", {}, t(words))])),
      h("p", { class: "muted" }, t(pointer)),
      h("div", { class: "row-end" }, close),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  near.append(dialog);
  dialog.showModal();
}
