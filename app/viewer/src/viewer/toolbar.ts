/** The row below the picture: tools as icons with names and keys, in groups; and the list of all keys. */

import { fill, h } from "../dom";
import { t } from "../i18n";
import { icon, type IconName } from "../icons";
import type { Manifest, WindowValue } from "../types";
import type { Layout } from "./hanging";

export type ToolName = "window" | "pan" | "zoom" | "slices" | "length" | "angle" | "ellipse" | "box" | "probe" | "magnify";
const MOVING: [name: ToolName, key: string][] = [["window", "W"], ["pan", "P"], ["zoom", "Z"], ["slices", "S"]];
const DRAWING: [name: ToolName, key: string][] = [["length", "L"], ["angle", "A"], ["ellipse", "E"], ["box", "B"], ["probe", "D"], ["magnify", "M"]];
const LAYOUTS: [name: Layout, key: string, picture: IconName][] = [["one", "F1", "single"], ["two", "F2", "beside"], ["four", "F4", "four"]];
const KEYS: [keys: string, words: string][] = [
  ["↑ ↓", "ui.keys.slices"], ["Page ↑ ↓", "ui.keys.ten"], ["Home End", "ui.keys.ends"], ["1 – 9", "ui.keys.presets"],
  ["W", "ui.tool.window"], ["P", "ui.tool.pan"], ["Z", "ui.tool.zoom"], ["S", "ui.tool.slices"],
  ["L", "ui.tool.length"], ["A", "ui.tool.angle"], ["E", "ui.tool.ellipse"], ["B", "ui.tool.box"], ["D", "ui.tool.probe"], ["M", "ui.tool.magnify"],
  ["Enter", "ui.keys.draw"], ["↑ ↓ ← →", "ui.keys.cursor"], ["Escape", "ui.keys.escape"], ["Delete", "ui.keys.delete"],
  ["K", "ui.tool.key"], ["I", "ui.tool.invert"], ["R", "ui.tool.reset"], ["V", "ui.tool.overlays"], ["O", "ui.tool.regions"], ["Space", "ui.tool.cine"], [", .", "ui.keys.cine"],
  ["F1", "ui.tool.layout.one"], ["F2", "ui.tool.layout.two"], ["F4", "ui.tool.layout.four"], ["N", "ui.keys.next"], ["Y", "ui.tool.link"], ["C", "ui.tool.prior"],
  ["+ −", "ui.keys.zoom"], ["?", "ui.tool.keys"],
];

export interface Actions {
  tool(name: ToolName): void;
  reset(): void;
  invert(): void;
  window(window: WindowValue): void;
  regions(): void;
  overlays(): void;
  key(): void;
  cine(): void;
  stack(stack: number): void;
  layout(layout: Layout): void;
  link(): void;
  prior(): void;
  keys(): void;
}

/** What the buttons show of the picture. */
export interface Shown {
  window: WindowValue | null;
  inverted: boolean;
  regions: boolean;
  hasRegions: boolean;
  overlays: boolean;
  key: boolean;
}

interface PresetLine extends WindowValue {
  words: string;
}

export class Toolbar {
  readonly element: HTMLElement;
  private readonly tools = new Map<ToolName, HTMLElement>();
  private readonly inverted: HTMLElement;
  private readonly regions: HTMLElement;
  private readonly overlays: HTMLElement;
  private readonly key: HTMLElement;
  private readonly cine: HTMLElement;
  private readonly rate = h("span", { class: "num" });
  private readonly now = h("option", { value: "", hidden: true });
  private readonly select = h("select", { class: "preset num" });
  private readonly stacks = h("select", { class: "preset stacks" });
  private readonly layouts = new Map<Layout, HTMLElement>();
  private readonly link: HTMLElement;
  private readonly prior: HTMLElement;
  private presets: PresetLine[] = [];

  constructor(actions: Actions) {
    for (const [name, key] of [...MOVING, ...DRAWING]) {
      const button = tool(name, key, () => actions.tool(name));
      button.setAttribute("aria-pressed", "false");
      this.tools.set(name, button);
    }
    this.inverted = tool("invert", "I", actions.invert);
    this.overlays = tool("overlays", "V", actions.overlays);
    this.key = tool("key", "K", actions.key);
    this.cine = tool("cine", t("ui.keys.space"), actions.cine);
    this.cine.append(this.rate);
    this.regions = tool("regions", "O", actions.regions);
    this.regions.classList.add("tool-text");
    this.regions.append(h("span", {}, t("ui.tool.regions.short")));
    for (const [name, key, picture] of LAYOUTS) this.layouts.set(name, tool(`layout.${name}`, key, () => actions.layout(name), picture));
    this.link = tool("link", "Y", actions.link);
    this.prior = tool("prior", "C", actions.prior, "clock");
    named(this.select, "ui.tool.presets");
    this.select.addEventListener("change", () => {
      const preset = this.presets[Number(this.select.value)];
      if (preset) actions.window(preset);
      this.select.value = "";
    });
    named(this.stacks, "ui.tool.stacks");
    this.stacks.addEventListener("change", () => actions.stack(Number(this.stacks.value)));
    const group = (...children: (Element | undefined)[]) => h("div", { class: "tool-group", role: "group" }, ...children.filter((child) => child !== undefined));
    this.element = h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": t("ui.tool.all") },
      group(...MOVING.map(([name]) => this.tools.get(name))),
      group(...DRAWING.map(([name]) => this.tools.get(name)), this.key),
      group(tool("reset", "R", actions.reset), this.inverted, this.overlays, this.select),
      group(this.cine, this.stacks),
      group(...this.layouts.values(), this.link, this.prior),
      group(this.regions, tool("keys", "?", actions.keys)),
    );
  }

  setTool(name: ToolName): void {
    for (const [other, button] of this.tools) button.setAttribute("aria-pressed", String(other === name));
  }

  /** rate: pictures a second while the film runs. */
  setCine(rate: number | null): void {
    this.cine.setAttribute("aria-pressed", String(rate !== null));
    this.cine.classList.toggle("tool-text", rate !== null);
    this.rate.textContent = rate === null ? "" : `${rate}/s`;
  }

  setLayout(layout: Layout, linked: boolean, prior: boolean): void {
    for (const [name, button] of this.layouts) button.setAttribute("aria-pressed", String(name === layout));
    this.link.hidden = layout === "one";
    this.link.setAttribute("aria-pressed", String(linked));
    this.prior.setAttribute("aria-pressed", String(prior));
  }

  setPriors(there: boolean): void {
    this.prior.hidden = !there;
  }

  show(shown: Shown): void {
    this.inverted.setAttribute("aria-pressed", String(shown.inverted));
    this.regions.setAttribute("aria-pressed", String(shown.regions));
    this.regions.toggleAttribute("disabled", !shown.hasRegions);
    this.overlays.setAttribute("aria-pressed", String(shown.overlays));
    this.key.setAttribute("aria-pressed", String(shown.key));
    if (!shown.window) return;
    const words = shown.window.table ? t("ui.viewer.table") : `${rounded(shown.window.center)} / ${rounded(shown.window.width)}`;
    if (this.now.textContent !== words) this.now.textContent = words;
  }

  /** Offer what this series can do: color has no window, a single picture no slices, one stack no choice. */
  fit(manifest: Manifest, stack: number): void {
    const color = manifest.samples === 3;
    this.tools.get("window")?.toggleAttribute("hidden", color);
    this.tools.get("slices")?.toggleAttribute("hidden", manifest.frames.length < 2);
    this.cine.hidden = manifest.frames.length < 2;
    this.inverted.hidden = color;
    this.select.hidden = color;
    this.overlays.hidden = manifest.overlays === 0 && !manifest.supplemental;
    this.presets = [
      ...manifest.windows.map((one, n) => ({ ...one, words: one.table ? t("ui.viewer.table") : one.explanation || t("ui.viewer.own_window", { n: n + 1 }) })),
      ...manifest.presets.map((one) => ({ words: one.label, center: one.center, width: one.width })),
    ];
    fill(this.select, this.now, ...this.presets.map((one, n) => h("option", { value: n }, `${n + 1}  ${one.words}${one.table ? "" : `  ${rounded(one.center)} / ${rounded(one.width)}`}${one.function === "SIGMOID" ? ` ${t("ui.viewer.sigmoid")}` : ""}`)));
    this.select.value = "";
    const stacks = [...new Set(manifest.frames.map((one) => one.stack))];
    this.stacks.hidden = stacks.length < 2;
    const apart = Object.keys(manifest.dimensions).map((name) => t(`ui.dimension.${name}`)).join(", ");
    fill(this.stacks, ...stacks.map((one, n) => h("option", { value: one }, [t("ui.viewer.stack", { n: n + 1, of: stacks.length }), apart].filter(Boolean).join(" · "))));
    this.stacks.value = String(stack);
  }

  /** The first windows that differ: the file's, then the usual ones of the region. */
  offered(most: number): WindowValue[] {
    const seen = new Set<string>();
    return this.presets.filter((one) => !one.table && !seen.has(`${one.center}/${one.width}`) && seen.add(`${one.center}/${one.width}`)).slice(0, most);
  }

  preset = (n: number): WindowValue | null => this.presets[n] ?? null;
}

const rounded = (value: number): string => String(Math.abs(value) < 10 ? Number(value.toPrecision(3)) : Math.round(value * 10) / 10);

function named(select: HTMLSelectElement, key: string): void {
  select.setAttribute("aria-label", t(key));
  select.title = t(key);
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
