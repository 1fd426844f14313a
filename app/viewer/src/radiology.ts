/** The pictures of a study: panes side by side, one toolbar and one set of keys for the one that is worked in. */

import { cache } from "@cornerstonejs/core";
import { h } from "./dom";
import { day, t } from "./i18n";
import { complain } from "./toast";
import { bind, closeTools, giveTools, isMoving, openTools, takeTools } from "./viewer/binding";
import { Cine } from "./viewer/cine";
import { forgetBrowserNotes, theEngine } from "./viewer/engine";
import type { DrawTool } from "./viewer/mark_layer";
import type { Region } from "./viewer/overlay";
import { Pane } from "./viewer/pane";
import type { PictureView, ViewerEvents } from "./viewer/picture";
import { showKeys, Toolbar, type ToolName } from "./viewer/toolbar";
import { CELLS, priorFor, type Hung, type Layout } from "./viewer/hanging";
import { Link } from "./viewer/link";
import { offerPlanes } from "./viewer/mpr_button";
import { MarkStore } from "./viewer/mark_store";
import type { Manifest, Mark, Prior, SeriesLine, ViewSeen } from "./types";

const TOOL_KEYS: Record<string, ToolName> = { w: "window", p: "pan", z: "zoom", s: "slices", l: "length", a: "angle", e: "ellipse", b: "box", d: "probe", m: "magnify" };
const ZOOM_STEP = 1.2;

/** What there is to look at, and how to get it. */
export interface Library {
  series(): SeriesLine[];
  priors(): Prior[];
  manifest(seriesId: string): Promise<Manifest>;
  /** Open three planes through a stack of a series instead. */
  planes(seriesId: string, manifest: Manifest, stack: number): void;
}

export class Viewer implements PictureView {
  readonly element: HTMLElement;
  private readonly grid = h("div", { class: "panes" });
  private readonly toolbar: Toolbar;
  private readonly cine: Cine;
  private readonly panes: Pane[] = [];
  private readonly link = new Link();
  private readonly stores = new Map<string, MarkStore>();
  private layout: Layout = "one";
  private active = 0;
  private made = 0;
  private regions: Region[] = [];
  private regionsOn = true;
  private tool: ToolName = "window";

  constructor(
    private readonly marks: MarkStore,
    private readonly library: Library,
    private readonly events: ViewerEvents,
  ) {
    this.cine = new Cine(() => this.pane, () => this.showCine());
    this.toolbar = new Toolbar({
      tool: (name) => this.setTool(name),
      reset: () => this.shown?.reset(),
      invert: () => this.shown?.invert(),
      window: (window) => this.shown?.setWindow(window),
      regions: () => this.toggleRegions(),
      overlays: () => this.toggleLaid(),
      key: () => void this.shown?.toggleKey(),
      cine: () => this.cine.toggle(),
      stack: (stack) => void this.shown?.chooseStack(stack).then(() => this.link.note(this.panes)),
      layout: (layout) => void this.setLayout(layout).catch(complain),
      link: () => this.toggleLink(),
      prior: () => void this.showPrior().catch(complain),
      keys: () => showKeys(this.element),
    });
    this.element = h("section", { class: "viewer", "aria-label": t("ui.viewer") }, this.grid, this.toolbar.element);
    theEngine();
    openTools();
    this.addPane();
    this.toolbar.setLayout(this.layout, this.link.isOn, false);
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
    (this.element as HTMLElement & { __dfm?: unknown }).__dfm = this.forTests();
  }

  private get pane(): Pane {
    return this.panes[this.active] as Pane;
  }

  /** The pane that is worked in, once it shows something. */
  private get shown(): Pane | null {
    return this.pane.manifest ? this.pane : null;
  }

  /** The pane that a question is about: never a picture of another study. */
  private get asked(): Pane | null {
    const own = (pane: Pane) => pane.manifest !== null && !pane.prior;
    return own(this.pane) ? this.pane : (this.panes.find(own) ?? null);
  }

  private addPane(): Pane {
    const pane = new Pane(`picture-${++this.made}`, this.marks, {
      changed: (one) => one === this.pane && this.onChange(),
      entered: (one) => this.enter(one),
      scrolled: (one) => this.link.follow(one, this.panes.filter((other) => other !== one && other.manifest !== null)),
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
    await this.fill(this.pane, series, manifest, at);
    this.ready();
  }

  /** The pictures of a study as they hang when it is opened. */
  async hang(hung: Hung): Promise<void> {
    this.element.removeAttribute("data-ready");
    this.arrange(hung.layout);
    const manifests = await Promise.all(hung.cells.map(({ line }) => this.library.manifest(line.series_id)));
    for (const [n, { line, prior }] of hung.cells.entries()) {
      const [pane, manifest] = [this.panes[n], manifests[n]];
      if (pane && manifest) await this.fill(pane, line.series_id, manifest, undefined, prior);
    }
    this.ready();
  }

  /** A series of another study beside what is open. */
  async showBeside(line: SeriesLine, prior: Prior): Promise<void> {
    this.element.removeAttribute("data-ready");
    if (this.panes.length < 2) this.arrange("two");
    const manifest = await this.library.manifest(line.series_id);
    const pane = this.panes.find((one) => one.prior !== "") ?? this.panes.find((one) => one !== this.pane && !one.manifest) ?? this.panes.find((one) => one !== this.pane);
    if (pane) await this.fill(pane, line.series_id, manifest, undefined, prior);
    this.ready();
  }

  private async fill(pane: Pane, series: string, manifest: Manifest, at?: { instance_id: string; frame: number }, prior: Prior | null = null): Promise<void> {
    this.cine.stop();
    const store = prior ? await this.storeOf(prior) : this.marks;
    await pane.show(series, manifest, at, { store, prior: prior ? day(prior.study_date) : "" });
    giveTools(pane.id);
  }

  /** The marks of another study are its own: they are shown with it and kept with it. */
  private async storeOf(prior: Prior): Promise<MarkStore> {
    let store = this.stores.get(prior.study_id);
    if (!store) {
      store = new MarkStore(prior.study_id);
      this.stores.set(prior.study_id, store);
      await store.load();
    }
    return store;
  }

  private ready(): void {
    forgetBrowserNotes();
    this.regions = [];
    this.link.note(this.panes);
    this.fit();
    this.setTool(this.pane.isColor() ? "pan" : "window");
    this.element.setAttribute("data-ready", "");
  }

  /** One picture, two side by side, or four; what is new is filled with what the study has more. */
  async setLayout(layout: Layout): Promise<void> {
    this.element.removeAttribute("data-ready");
    this.arrange(layout);
    const shown = new Set(this.panes.map((pane) => pane.series));
    const more = this.library.series().filter((line) => !line.slide && !shown.has(line.series_id));
    for (const pane of this.panes.filter((one) => !one.manifest)) {
      const line = more.shift();
      if (line) await this.fill(pane, line.series_id, await this.library.manifest(line.series_id));
    }
    this.ready();
  }

  private arrange(layout: Layout): void {
    this.layout = layout;
    const wanted = CELLS[layout];
    // The picture that is worked in stays.
    if (wanted === 1 && this.active > 0) {
      const [kept] = this.panes.splice(this.active, 1);
      if (kept) this.panes.unshift(kept);
      this.active = 0;
    }
    for (const gone of this.panes.splice(wanted)) {
      takeTools(gone.id);
      gone.destroy();
    }
    while (this.panes.length < wanted) this.addPane();
    this.active = Math.min(this.active, wanted - 1);
    this.grid.dataset["layout"] = layout;
    // Each picture fills its place anew: what was large in a large pane is cut off in a small one.
    theEngine().resize(true, false);
    this.fit();
  }

  private toggleLink = (): void => (this.link.toggle(this.panes), this.fit());

  /** The study before this one, beside it; again, and it is gone. */
  private async showPrior(): Promise<void> {
    if (this.panes.some((pane) => pane.prior)) {
      this.active = Math.max(0, this.panes.findIndex((pane) => !pane.prior));
      return this.setLayout("one");
    }
    const line = this.library.series().find((one) => one.series_id === this.pane.series);
    const found = line && priorFor(line, this.library.priors());
    if (found) await this.showBeside(found.line, found.prior);
  }

  destroy(): void {
    this.cine.stop();
    closeTools();
    for (const pane of this.panes) pane.destroy();
  }

  seen = (withBox = false): ViewSeen | null => this.asked?.seen(withBox) ?? null;
  words = (): string => this.asked?.words() ?? "";
  hasBox = (): boolean => (this.asked?.box() ?? null) !== null;
  seriesId = (): string => this.pane.series;

  async showView(view: ViewSeen): Promise<boolean> {
    // Where it is open already, there; the pane that is worked in goes first.
    for (const pane of [this.pane, ...this.panes.filter((one) => one !== this.pane)]) {
      if (pane.manifest && !pane.prior && (await pane.showView(view))) {
        this.enter(pane);
        return true;
      }
    }
    if (this.pane.prior) this.enter(this.panes.find((pane) => !pane.prior) ?? this.pane);
    return false;
  }

  placeOf(view: ViewSeen): { n: number; of: number } | null {
    const pane = this.panes.find((one) => !one.prior && one.placeOf(view) >= 0);
    return pane && pane.count() > 1 ? { n: pane.placeOf(view) + 1, of: pane.count() } : null;
  }

  inWindows = (): ViewSeen[] => {
    const seen = this.seen();
    return seen ? this.toolbar.offered(3).map(({ center, width, function: curve }) => ({ ...seen, center, width, function: curve ?? "LINEAR" })) : [];
  };

  sample(count: number): ViewSeen[] {
    const seen = this.seen();
    const lines = this.asked?.lines() ?? [];
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
    if (!this.shown) return;
    const { overlays, supplemental } = this.pane.laidOver();
    const on = !(overlays || supplemental);
    this.pane.setLaid(on, on);
  }

  /** The toolbar offers what the picture that is worked in can do. */
  private fit(): void {
    const { manifest } = this.pane;
    for (const [n, pane] of this.panes.entries()) pane.element.toggleAttribute("data-active", n === this.active && this.panes.length > 1);
    if (manifest) this.toolbar.fit(manifest, this.pane.stack);
    const { asked } = this;
    // Of a prior there is no question, and its planes are its own study's.
    if (asked?.manifest) offerPlanes(this.element, asked.manifest, () => asked.manifest && this.library.planes(asked.series, asked.manifest, asked.stack));
    this.toolbar.setLayout(this.layout, this.link.isOn, this.panes.some((pane) => pane.prior !== ""));
    this.toolbar.setPriors(this.library.priors().length > 0);
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
      key: line !== null && pane.store.keyOn(line.instance_id, line.frame) !== undefined,
    });
    this.events.changed();
  }

  private showCine(): void {
    this.toolbar.setCine(this.cine.isOn ? this.cine.rate : null);
  }

  private setTool(name: ToolName): void {
    this.tool = name;
    this.toolbar.setTool(name);
    const draws = isMoving(name) ? null : (name as DrawTool);
    for (const pane of this.panes) pane.setTool(draws);
    bind(name);
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
    if (key === "F1" || key === "F2" || key === "F4") {
      void this.setLayout(key === "F1" ? "one" : key === "F2" ? "two" : "four").catch(complain);
      return true;
    }
    if (!pane.manifest) return false;
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
    else if (key === "n") return this.next();
    else if (key === "c") void this.showPrior().catch(complain);
    else if (key === "y") this.toggleLink();
    else if (key === "?") showKeys(this.element);
    else return false;
    return true;
  }

  /** Work in the next pane. */
  private next(): boolean {
    this.panes[(this.active + 1) % this.panes.length]?.focus();
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
      layout: () => this.layout,
      panes: () => this.panes.map((pane) => ({ series: pane.series, prior: pane.prior, index: pane.index(), position: pane.line()?.position_mm ?? null })),
      cached: () => cache.getCacheSize(),
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
