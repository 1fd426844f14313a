/** The pictures of a study: panes side by side, one toolbar and one set of keys for the one that is worked in. */

import { Enums as ToolEnums, PanTool, StackScrollTool, ToolGroupManager, WindowLevelTool, ZoomTool } from "@cornerstonejs/tools";
import { h } from "./dom";
import { t } from "./i18n";
import { Cine } from "./viewer/cine";
import { forgetBrowserNotes, theEngine } from "./viewer/engine";
import type { DrawTool } from "./viewer/mark_layer";
import type { MarkStore } from "./viewer/mark_store";
import type { Region } from "./viewer/overlay";
import { Pane } from "./viewer/pane";
import type { PictureView, ViewerEvents } from "./viewer/picture";
import { showKeys, Toolbar, type ToolName } from "./viewer/toolbar";
import type { Manifest, Mark, ViewSeen } from "./types";

const GROUP = "reading";
const { MouseBindings, KeyboardBindings } = ToolEnums;
type MoveTool = "window" | "pan" | "zoom" | "slices";
const MOVING: Record<MoveTool, string> = { window: WindowLevelTool.toolName, pan: PanTool.toolName, zoom: ZoomTool.toolName, slices: StackScrollTool.toolName };
const TOOL_KEYS: Record<string, ToolName> = { w: "window", p: "pan", z: "zoom", s: "slices", l: "length", a: "angle", e: "ellipse", b: "box", d: "probe", m: "magnify" };
const ZOOM_STEP = 1.2;

export class Viewer implements PictureView {
  readonly element: HTMLElement;
  private readonly grid = h("div", { class: "panes" });
  private readonly toolbar: Toolbar;
  private readonly cine: Cine;
  private readonly panes: Pane[] = [];
  private active = 0;
  private made = 0;
  private regions: Region[] = [];
  private regionsOn = true;
  private tool: ToolName = "window";

  constructor(
    private readonly marks: MarkStore,
    private readonly events: ViewerEvents,
  ) {
    this.cine = new Cine(() => this.pane, () => this.showCine());
    this.toolbar = new Toolbar({
      tool: (name) => this.setTool(name),
      reset: () => this.pane.reset(),
      invert: () => this.pane.invert(),
      window: (window) => this.pane.setWindow(window),
      regions: () => this.toggleRegions(),
      overlays: () => this.toggleLaid(),
      key: () => void this.pane.toggleKey(),
      cine: () => this.cine.toggle(),
      stack: (stack) => void this.pane.chooseStack(stack),
      keys: () => showKeys(this.element),
    });
    this.element = h("section", { class: "viewer", "aria-label": t("ui.viewer") }, this.grid, this.toolbar.element);
    theEngine();
    const group = ToolGroupManager.createToolGroup(GROUP);
    for (const name of Object.values(MOVING)) group?.addTool(name);
    this.addPane();
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
    (this.element as HTMLElement & { __dfm?: unknown }).__dfm = this.forTests();
  }

  private get pane(): Pane {
    return this.panes[this.active] as Pane;
  }

  private addPane(): Pane {
    const pane = new Pane(`picture-${++this.made}`, this.marks, {
      changed: (one) => one === this.pane && this.onChange(),
      entered: (one) => this.enter(one),
      scrolled: () => undefined,
    });
    this.panes.push(pane);
    this.grid.append(pane.element);
    return pane;
  }

  private enter(pane: Pane): void {
    const at = this.panes.indexOf(pane);
    if (at < 0 || at === this.active) return;
    this.cine.stop();
    this.active = at;
    this.fit();
  }

  /** Show a series in the pane that is worked in: the frame that `at` names, else the middle one. */
  async show(series: string, manifest: Manifest, at?: { instance_id: string; frame: number }): Promise<void> {
    this.element.removeAttribute("data-ready");
    this.cine.stop();
    const { pane } = this;
    await pane.show(series, manifest, at);
    ToolGroupManager.getToolGroup(GROUP)?.addViewport(pane.id, theEngine().id);
    forgetBrowserNotes();
    this.regions = [];
    this.fit();
    this.setTool(manifest.samples === 3 ? "pan" : "window");
    this.element.setAttribute("data-ready", "");
  }

  destroy(): void {
    this.cine.stop();
    ToolGroupManager.destroyToolGroup(GROUP);
    for (const pane of this.panes) pane.destroy();
  }

  seen = (withBox = false): ViewSeen | null => this.pane.seen(withBox);
  words = (): string => this.pane.words();
  hasBox = (): boolean => this.pane.box() !== null;
  seriesId = (): string => this.pane.series;
  showView = (view: ViewSeen): Promise<boolean> => this.pane.showView(view);

  placeOf(view: ViewSeen): { n: number; of: number } | null {
    const at = this.pane.placeOf(view);
    return at >= 0 && this.pane.count() > 1 ? { n: at + 1, of: this.pane.count() } : null;
  }

  inWindows = (): ViewSeen[] => {
    const seen = this.seen();
    return seen ? this.toolbar.offered(3).map(({ center, width, function: curve }) => ({ ...seen, center, width, function: curve ?? "LINEAR" })) : [];
  };

  sample(count: number): ViewSeen[] {
    const seen = this.seen();
    const lines = this.pane.lines();
    const many = Math.min(count, lines.length);
    // The middles of as many equal parts: neither end is more likely to be seen than the rest.
    const chosen = Array.from({ length: many }, (_, n) => lines[Math.floor(((n + 0.5) * lines.length) / many)]);
    return seen ? chosen.flatMap((line) => (line ? [{ ...seen, instance_id: line.instance_id, frame: line.frame }] : [])) : [];
  }

  select(mark: Mark): void {
    this.pane.select(mark);
  }

  showRegions(regions: Region[]): void {
    this.regions = regions;
    this.pane.showRegions(regions, this.regionsOn);
    this.onChange();
  }

  toggleRegions(on = !this.regionsOn): void {
    this.regionsOn = on;
    this.pane.showRegions(this.regions, on);
    this.onChange();
  }

  private toggleLaid(): void {
    const { overlays, supplemental } = this.pane.laidOver();
    const on = !(overlays || supplemental);
    this.pane.setLaid(on, on);
  }

  /** The toolbar offers what the picture that is worked in can do. */
  private fit(): void {
    const { manifest } = this.pane;
    for (const [n, pane] of this.panes.entries()) pane.element.toggleAttribute("data-active", n === this.active && this.panes.length > 1);
    if (manifest) this.toolbar.fit(manifest, this.pane.stack);
    this.onChange();
  }

  private onChange(): void {
    const { pane } = this;
    const line = pane.line();
    const laid = pane.laidOver();
    this.toolbar.show({
      window: pane.window(),
      inverted: pane.inverted,
      regions: this.regionsOn && this.regions.length > 0,
      hasRegions: this.regions.length > 0,
      overlays: laid.overlays || laid.supplemental,
      key: line !== null && this.marks.keyOn(line.instance_id, line.frame) !== undefined,
    });
    this.events.changed();
  }

  private showCine(): void {
    this.toolbar.setCine(this.cine.isOn ? this.cine.rate : null);
  }

  private setTool(name: ToolName): void {
    this.tool = name;
    this.toolbar.setTool(name);
    const draws = name in MOVING ? null : (name as DrawTool);
    for (const pane of this.panes) pane.setTool(draws);
    const group = ToolGroupManager.getToolGroup(GROUP);
    if (!group) return;
    const fixed: Partial<Record<MoveTool, object[]>> = {
      pan: [{ mouseButton: MouseBindings.Auxiliary }, { mouseButton: MouseBindings.Primary, modifierKey: KeyboardBindings.Shift }],
      zoom: [{ mouseButton: MouseBindings.Secondary }, { numTouchPoints: 2 }],
      slices: [{ mouseButton: MouseBindings.Wheel }, { numTouchPoints: 3 }],
    };
    for (const [tool, full] of Object.entries(MOVING) as [MoveTool, string][]) {
      const bindings = [...(fixed[tool] ?? [])];
      if (tool === name) bindings.push({ mouseButton: MouseBindings.Primary }, { numTouchPoints: 1 });
      group.setToolPassive(full, { removeAllBindings: true });
      if (bindings.length > 0) group.setToolActive(full, { bindings });
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.pane.stage.contains(event.target as Node)) return;
    if (this.keyed(event.key) || this.pane.layer.key(event) || this.moved(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** Letters and numbers: tools and switches. */
  private keyed(key: string): boolean {
    const { pane } = this;
    const tool = TOOL_KEYS[key.toLowerCase()];
    const number = Number(key);
    const preset = Number.isInteger(number) && number > 0 ? this.toolbar.preset(number - 1) : null;
    if (tool && !(tool === "window" && pane.isColor())) this.setTool(tool);
    else if (preset) pane.setWindow(preset);
    else if (this.tool === "magnify" && (key === "+" || key === "=" || key === "-")) pane.lens.grow(key === "-" ? 1 / ZOOM_STEP : ZOOM_STEP);
    else if (key === "+" || key === "=") pane.zoomBy(ZOOM_STEP);
    else if (key === "-") pane.zoomBy(1 / ZOOM_STEP);
    else if (key === "i") pane.invert();
    else if (key === "r") pane.reset();
    else if (key === "o") this.toggleRegions();
    else if (key === "v") this.toggleLaid();
    else if (key === "k") void pane.toggleKey();
    else if (key === " ") this.cine.toggle();
    else if (key === "," || key === ".") this.cine.hurry(key === ".");
    else if (key === "Delete" || key === "Backspace") pane.removeChosen();
    else if (key === "?") showKeys(this.element);
    else return false;
    return true;
  }

  /** Arrows and their like: slices, unless the cursor of a measuring tool takes them. */
  private moved(key: string): boolean {
    const { pane } = this;
    const steps: Record<string, number> = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -pane.count(), End: pane.count() };
    const step = steps[key];
    if (step === undefined) return false;
    this.cine.stop();
    void pane.goto(pane.index() + step);
    return true;
  }

  private forTests() {
    return {
      getWL: () => this.pane.window(),
      goto: (index: number) => this.pane.goto(index),
      index: () => this.pane.index(),
      count: () => this.pane.count(),
      zoom: () => this.pane.zoom(),
      inverted: () => this.pane.inverted,
      tool: () => this.tool,
      marks: () => this.marks.all,
      boxes: () => this.regions,
      toCanvas: (x: number, y: number) => this.pane.toCanvas(x, y),
      frame: () => this.pane.line(),
      seen: (box = false) => this.seen(box),
      gray: (x: number, y: number) => this.grayAt(x, y),
    };
  }

  /** How bright a pixel is on the screen. */
  private grayAt(x: number, y: number): number {
    const [left, top] = this.pane.toCanvas(x + 0.5, y + 0.5);
    const canvas = this.pane.element.querySelector("canvas");
    const scale = canvas ? canvas.width / canvas.clientWidth : 1;
    return canvas?.getContext("2d")?.getImageData(Math.round(left * scale), Math.round(top * scale), 1, 1).data[0] ?? -1;
  }
}
