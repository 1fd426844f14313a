/**
 * The picture: one Cornerstone3D stack per page, window, slices, zoom, pan, measuring, and the model's boxes above it.
 *
 * One rendering engine for the whole page: an engine per opened series runs out of WebGL contexts.
 */

import { Enums, init as initCore, RenderingEngine, utilities, type Types } from "@cornerstonejs/core";
import {
  addTool, annotation, Enums as ToolEnums, init as initTools, LengthTool, PanTool, RectangleROITool, StackScrollTool, ToolGroupManager, WindowLevelTool, ZoomTool,
} from "@cornerstonejs/tools";
import { h } from "./dom";
import { t } from "./i18n";
import { complain } from "./toast";
import { fetchAround, frameOf, register, registerLoader } from "./viewer/frames";
import { boxWords, lengthWords, Marks, toWorld } from "./viewer/marks";
import { Overlay, type Region } from "./viewer/overlay";
import { type PictureView, type ViewerEvents } from "./viewer/picture";
import { showKeys, Toolbar, type ToolName } from "./viewer/toolbar";
import type { Manifest, ViewSeen } from "./types";

const VIEWPORT = "picture";
const GROUP = "reading";
const { MouseBindings, KeyboardBindings } = ToolEnums;
const TOOLS: Record<ToolName, string> = {
  window: WindowLevelTool.toolName,
  pan: PanTool.toolName,
  zoom: ZoomTool.toolName,
  slices: StackScrollTool.toolName,
  length: LengthTool.toolName,
  box: RectangleROITool.toolName,
};
const TOOL_KEYS: Record<string, ToolName> = { w: "window", p: "pan", z: "zoom", s: "slices", l: "length", b: "box" };
const ZOOM_STEP = 1.2;
const MARK = "rgb(126, 240, 232)";
const MARK_STYLE = {
  global: {
    color: MARK, colorHighlighted: "rgb(255, 255, 255)", colorSelected: "rgb(255, 255, 255)", lineWidth: "1.75", lineDash: "", shadow: true,
    textBoxVisibility: true, textBoxFontFamily: "inherit", textBoxFontSize: "13px", textBoxColor: MARK, textBoxColorHighlighted: "rgb(255, 255, 255)",
    textBoxColorSelected: "rgb(255, 255, 255)", textBoxLinkLineWidth: "1", textBoxLinkLineDash: "2,3", textBoxShadow: true,
  },
};

let engine: RenderingEngine | null = null;

function theEngine(): RenderingEngine {
  if (engine) return engine;
  initCore({ rendering: { webGlContextCount: 1 } } as never);
  initTools();
  registerLoader();
  forgetBrowserNotes();
  annotation.config.style.setDefaultToolStyles(MARK_STYLE);
  for (const tool of [WindowLevelTool, PanTool, ZoomTool, StackScrollTool, LengthTool, RectangleROITool]) addTool(tool);
  engine = new RenderingEngine("dfm");
  return engine;
}

/** Two libraries note the graphics card and a log level in the browser; nothing of ours stays there. */
function forgetBrowserNotes(): void {
  for (const key of Object.keys(localStorage)) if (/^(cornerstone3D|loglevel)/.test(key)) localStorage.removeItem(key);
}

export class Viewer implements PictureView {
  readonly element: HTMLElement;
  private readonly picture = h("div", { class: "picture" });
  private readonly stage: HTMLElement;
  private readonly corner = h("div", { class: "corner-words top-left" });
  private readonly readout = h("div", { class: "corner-words bottom-left num" });
  private readonly slider = h("input", { class: "slice-slider", type: "range", min: 0, step: 1, value: 0 });
  private readonly toolbar: Toolbar;
  private readonly overlay: Overlay;
  private readonly marks: Marks;
  private readonly resize: ResizeObserver;
  private ids: string[] = [];
  private series = "";
  private manifest: Manifest | null = null;
  private regions: Region[] = [];
  private regionsOn = "";
  private tool: ToolName = "window";
  private inverted = false;
  private windowed = false;
  private overlayOn = true;
  private round = 0;

  constructor(
    studyId: string,
    private readonly events: ViewerEvents,
  ) {
    this.stage = h("div", { class: "stage", tabindex: 0, role: "application", "aria-label": t("ui.viewer.stage") }, this.picture);
    this.slider.setAttribute("aria-label", t("ui.viewer.slice"));
    this.toolbar = new Toolbar({
      tool: (name) => this.setTool(name),
      reset: () => this.reset(),
      invert: () => this.invert(),
      preset: (center, width) => this.setWindow(center, width),
      regions: () => this.toggleRegions(),
      keys: () => showKeys(this.element),
    });
    this.element = h("section", { class: "viewer", "aria-label": t("ui.viewer") }, h("div", { class: "stage-frame" }, this.stage, this.corner, this.readout, this.slider), this.toolbar.element);
    this.overlay = new Overlay((x, y) => this.toCanvas(x, y));
    this.stage.append(this.overlay.element);
    this.marks = new Marks(this.picture, studyId, () => this.events.changed());
    this.resize = new ResizeObserver(() => theEngine().resize(true, true));
    this.picture.addEventListener("contextmenu", (event) => event.preventDefault());
    this.picture.addEventListener(Enums.Events.IMAGE_RENDERED, () => this.onRendered());
    this.picture.addEventListener(Enums.Events.STACK_NEW_IMAGE, () => this.onFrame());
    this.picture.addEventListener(Enums.Events.VOI_MODIFIED, () => {
      this.windowed = true;
      this.events.changed();
    });
    this.stage.addEventListener("keydown", (event) => this.onKey(event));
    this.picture.addEventListener("pointerdown", () => this.stage.focus({ preventScroll: true }));
    this.slider.addEventListener("input", () => this.goto(Number(this.slider.value)));
    (this.element as HTMLElement & { __dfm?: unknown }).__dfm = this.forTests();
  }

  /** Show a series; the frame at `index`, else the middle one of a stack. */
  async show(series: string, manifest: Manifest, index?: number): Promise<void> {
    const mine = ++this.round;
    this.element.removeAttribute("data-ready");
    const first = !this.manifest;
    const running = theEngine();
    if (first) {
      running.enableElement({ viewportId: VIEWPORT, type: Enums.ViewportType.STACK, element: this.picture, defaultOptions: { background: [0, 0, 0] } });
      this.bindTools();
    }
    this.series = series;
    this.manifest = manifest;
    this.ids = register(series, manifest);
    this.regions = [];
    this.inverted = false;
    const start = Math.min(index ?? (manifest.frames.length > 2 ? Math.floor(manifest.frames.length / 2) : 0), this.ids.length - 1);
    await this.viewport().setStack(this.ids, start);
    if (mine !== this.round) return;
    // After setStack, never before: a resize of an empty stack fails without a GPU.
    if (first) this.resize.observe(this.picture);
    this.reset();
    this.slider.max = String(this.ids.length - 1);
    this.slider.hidden = this.ids.length < 2;
    this.toolbar.fit(manifest);
    this.setTool(manifest.samples === 3 ? "pan" : "window");
    this.onFrame();
    forgetBrowserNotes();
    await this.marks.load(this.ids);
    this.element.setAttribute("data-ready", "");
  }

  destroy(): void {
    this.resize.disconnect();
    this.marks.destroy();
    ToolGroupManager.destroyToolGroup(GROUP);
    if (this.manifest) theEngine().disableElement(VIEWPORT);
    this.manifest = null;
  }

  /** What is on the screen, as the question will name it. */
  seen(withBox = false): ViewSeen | null {
    const line = this.line();
    if (!line) return null;
    const shown = this.windowed ? this.window() : null;
    return {
      series_id: this.series,
      instance_id: line.instance_id,
      frame: line.frame,
      center: shown ? shown.center : null,
      width: shown ? shown.width : null,
      invert: this.inverted,
      box: withBox ? this.marks.boxOn(this.imageId()) : null,
    };
  }

  words(): string {
    const shown = this.window();
    return [
      this.ids.length > 1 ? t("ui.seen.slice", { n: this.index() + 1, of: this.ids.length }) : t("ui.seen.picture"),
      shown ? `${Math.round(shown.center)}/${Math.round(shown.width)}` : "",
      this.inverted ? t("ui.seen.inverted") : "",
    ].filter(Boolean).join(" · ");
  }

  hasBox = (): boolean => this.manifest !== null && this.marks.boxOn(this.imageId()) !== null;
  index = (): number => (this.manifest ? this.viewport().getCurrentImageIdIndex() : 0);
  count = (): number => this.ids.length;
  seriesId = (): string => this.series;
  line = () => this.manifest?.frames[this.index()] ?? null;
  isColor = (): boolean => this.manifest?.samples === 3;

  /** Window as center and width, as the header writes it. */
  window(): { center: number; width: number } | null {
    const range = this.manifest && this.viewport().getProperties().voiRange;
    if (!range || this.isColor()) return null;
    const { windowCenter, windowWidth } = utilities.windowLevel.toWindowLevel(range.lower, range.upper);
    return { center: Math.round(windowCenter * 10) / 10, width: Math.round(windowWidth * 10) / 10 };
  }

  setWindow(center: number, width: number): void {
    if (this.isColor()) return;
    this.windowed = true;
    this.viewport().setProperties({ voiRange: utilities.windowLevel.toLowHighRange(width, center) as Types.VOIRange });
    this.viewport().render();
    this.events.changed();
  }

  goto(index: number): void {
    const to = Math.max(0, Math.min(this.ids.length - 1, index));
    if (to !== this.index()) this.viewport().setImageIdIndex(to).catch(complain);
  }

  /** Go to where a frame of this series lies, with its window; false when it is in another series. */
  async showView(view: ViewSeen): Promise<boolean> {
    const at = this.manifest?.frames.findIndex((line) => line.instance_id === view.instance_id && line.frame === view.frame) ?? -1;
    if (at < 0) return false;
    if (at !== this.index()) await this.viewport().setImageIdIndex(at);
    if (view.center !== null && view.center !== undefined && view.width !== null) this.setWindow(view.center, view.width);
    return true;
  }

  /** Where a seen picture stands in the stack on the screen; null for a single picture and for other series. */
  placeOf(view: ViewSeen): { n: number; of: number } | null {
    const at = this.manifest?.frames.findIndex((line) => line.instance_id === view.instance_id && line.frame === view.frame) ?? -1;
    return at >= 0 && this.ids.length > 1 ? { n: at + 1, of: this.ids.length } : null;
  }

  /** Boxes of the model over the picture; they belong to one frame and stay hidden on the others. */
  showRegions(regions: Region[]): void {
    this.regions = regions;
    this.regionsOn = this.imageId();
    this.toolbar.setRegions(this.overlayOn, regions.length > 0);
    this.drawRegions();
  }

  toggleRegions(on = !this.overlayOn): void {
    this.overlayOn = on;
    this.toolbar.setRegions(on, this.regions.length > 0);
    this.drawRegions();
  }

  private drawRegions(): void {
    this.overlay.draw(this.overlayOn && this.imageId() === this.regionsOn ? this.regions : []);
  }

  focus = (): void => this.stage.focus({ preventScroll: true });

  private viewport = (): Types.IStackViewport => theEngine().getViewport(VIEWPORT) as Types.IStackViewport;
  private imageId = (): string => this.ids[this.index()] ?? "";

  private bindTools(): void {
    const group = ToolGroupManager.createToolGroup(GROUP);
    if (!group) return;
    for (const name of [TOOLS.window, TOOLS.pan, TOOLS.zoom, TOOLS.slices]) group.addTool(name);
    group.addTool(TOOLS.length, { getTextLines: lengthWords });
    group.addTool(TOOLS.box, { getTextLines: boxWords });
    group.addViewport(VIEWPORT, theEngine().id);
    this.setTool("window");
  }

  private setTool(name: ToolName): void {
    this.tool = name;
    this.toolbar.setTool(name);
    const group = ToolGroupManager.getToolGroup(GROUP);
    if (!group) return;
    const fixed: Partial<Record<ToolName, object[]>> = {
      pan: [{ mouseButton: MouseBindings.Auxiliary }],
      zoom: [{ mouseButton: MouseBindings.Secondary }, { numTouchPoints: 2 }],
      slices: [{ mouseButton: MouseBindings.Wheel }, { numTouchPoints: 3 }],
    };
    for (const [tool, full] of Object.entries(TOOLS) as [ToolName, string][]) {
      const bindings = [...(fixed[tool] ?? [])];
      if (tool === name) bindings.push({ mouseButton: MouseBindings.Primary }, { numTouchPoints: 1 });
      if (tool === "pan") bindings.push({ mouseButton: MouseBindings.Primary, modifierKey: KeyboardBindings.Shift });
      group.setToolPassive(full, { removeAllBindings: true });
      if (bindings.length > 0) group.setToolActive(full, { bindings });
    }
  }

  private reset(): void {
    this.inverted = false;
    const viewport = this.viewport();
    viewport.resetCamera();
    viewport.resetProperties();
    this.applyInvert();
    this.windowed = false;
    viewport.render();
    this.events.changed();
  }

  private invert(): void {
    if (this.isColor()) return;
    this.inverted = !this.inverted;
    this.applyInvert();
    this.viewport().render();
    this.events.changed();
  }

  private applyInvert(): void {
    if (this.isColor()) return;
    this.viewport().setProperties({ invert: this.inverted !== (this.manifest?.invert ?? false) });
    this.toolbar.setInverted(this.inverted);
  }

  private zoomBy(factor: number): void {
    const viewport = this.viewport();
    viewport.setZoom(viewport.getZoom() * factor);
    viewport.render();
  }

  private onFrame(): void {
    fetchAround(this.ids, this.index());
    this.slider.value = String(this.index());
    this.slider.setAttribute("aria-valuetext", `${this.index() + 1} / ${this.ids.length}`);
    this.events.changed();
  }

  private onRendered(): void {
    if (!this.manifest) return;
    const shown = this.window();
    const percent = Math.round(100 * this.viewport().getZoom());
    const lines = [
      this.ids.length > 1 ? t("ui.viewer.at", { n: this.index() + 1, of: this.ids.length }) : "",
      shown ? t("ui.viewer.window", { center: trim(shown.center), width: trim(shown.width) }) : "",
      `${percent} %`,
    ].filter(Boolean);
    this.readout.textContent = lines.join("   ");
    this.corner.textContent = [this.manifest.modality, this.manifest.spacing_mm ? "" : t("ui.viewer.no_scale")].filter(Boolean).join("   ");
    this.toolbar.setWindow(shown);
    this.drawRegions();
  }

  private toCanvas(x: number, y: number): [number, number] {
    const [left, top] = this.viewport().worldToCanvas(toWorld(this.imageId(), x, y));
    return [left, top];
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const tool = TOOL_KEYS[event.key.toLowerCase()];
    const number = Number(event.key);
    const preset = Number.isInteger(number) && number > 0 ? this.toolbar.preset(number - 1) : null;
    if (tool && !(tool === "window" && this.isColor())) this.setTool(tool);
    else if (preset) this.setWindow(preset.center, preset.width);
    else if (event.key === "ArrowUp" || event.key === "ArrowLeft") this.goto(this.index() - 1);
    else if (event.key === "ArrowDown" || event.key === "ArrowRight") this.goto(this.index() + 1);
    else if (event.key === "PageUp") this.goto(this.index() - 10);
    else if (event.key === "PageDown") this.goto(this.index() + 10);
    else if (event.key === "Home") this.goto(0);
    else if (event.key === "End") this.goto(this.ids.length - 1);
    else if (event.key === "+" || event.key === "=") this.zoomBy(ZOOM_STEP);
    else if (event.key === "-") this.zoomBy(1 / ZOOM_STEP);
    else if (event.key === "i") this.invert();
    else if (event.key === "r") this.reset();
    else if (event.key === "o") this.toggleRegions();
    else if (event.key === "Delete" || event.key === "Backspace") (this.marks.removeOne(), this.viewport().render());
    else if (event.key === "?") showKeys(this.element);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private forTests() {
    return {
      getWL: () => this.window(),
      goto: (index: number) => this.goto(index),
      index: () => this.index(),
      zoom: () => this.viewport().getZoom(),
      inverted: () => this.inverted,
      tool: () => this.tool,
      annotations: () => this.marks.all(),
      boxes: () => this.regions,
      toCanvas: (x: number, y: number) => this.toCanvas(x, y),
      frame: () => frameOf(this.imageId())?.line ?? null,
      seen: (box = false) => this.seen(box),
    };
  }
}

const trim = (value: number): string => String(Math.abs(value) < 100 ? Math.round(value * 10) / 10 : Math.round(value));
