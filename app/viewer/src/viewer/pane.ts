/** One picture on the screen: a stack of frames of a series, its window, what is laid over it, and the marks on it. */

import { Enums, type Types } from "@cornerstonejs/core";
import { h } from "../dom";
import { t } from "../i18n";
import { complain } from "../toast";
import type { Curve, FrameLine, Manifest, Mark, Point, ViewSeen, WindowValue } from "../types";
import { drawsCurves, theEngine } from "./engine";
import { fetchAround, frameOf, Prefetch, register, toPixels, toWorld } from "./frames";
import { Laid } from "./laid";
import { Lens } from "./lens";
import { MarkLayer, type DrawTool } from "./mark_layer";
import type { MarkStore } from "./mark_store";
import { Overlay, type Region } from "./overlay";
import { boxOf, isAt, scaleOf, trim, windowWords } from "./pane_words";
import { drawTable, forgetTable } from "./table";
import { curveOf, FUNCTIONS, rangeOf, windowOf } from "./voi";

export interface PaneEvents {
  /** The frame, window or marks have changed. */
  changed(pane: Pane): void;
  /** Somebody works in this pane. */
  entered(pane: Pane): void;
  /** Another frame is shown, because somebody went there and not because it follows another pane. */
  scrolled(pane: Pane): void;
}

export class Pane {
  readonly element: HTMLElement;
  readonly stage: HTMLElement;
  readonly layer: MarkLayer;
  readonly lens: Lens;
  private readonly picture = h("div", { class: "picture" });
  private readonly corner = h("div", { class: "corner-words top-left" });
  private readonly readout = h("div", { class: "corner-words bottom-left num" });
  private readonly keyed = h("div", { class: "corner-words key-flag", hidden: true }, t("ui.marks.key"));
  private readonly said = h("div", { class: "visually-hidden", role: "status" });
  private readonly slider = h("input", { class: "slice-slider", type: "range", min: 0, step: 1, value: 0, hidden: true });
  private readonly overlay: Overlay;
  private readonly laid: Laid;
  private readonly prefetch = new Prefetch();
  private readonly resize: ResizeObserver;
  private readonly empty = h("p", { class: "pane-empty muted" }, t("ui.layout.empty"));
  private forget: () => void;
  private ids: string[] = [];
  private every: string[] = [];
  private regions: Region[] = [];
  private regionsOn = "";
  private regionsVisible = true;
  private round = 0;
  private applying = false;
  private windowed = false;
  /** The library draws by the file's table. */
  private tabled = false;
  private curve: Curve = "LINEAR";
  private enabled = false;
  private follows = false;
  private opening = false;
  inverted = false;
  series = "";
  /** The day of another study of the patient; empty for the one that is read. */
  prior = "";
  manifest: Manifest | null = null;
  stack = 0;

  constructor(
    readonly id: string,
    public store: MarkStore,
    private readonly events: PaneEvents,
  ) {
    this.stage = h("div", { class: "stage", tabindex: 0, role: "application", "aria-label": t("ui.viewer.stage") }, this.picture);
    this.slider.setAttribute("aria-label", t("ui.viewer.slice"));
    this.element = h("div", { class: "stage-frame", "data-pane": id }, this.stage, this.empty, this.corner, this.keyed, this.readout, this.slider, this.said);
    const toCanvas = (x: number, y: number) => this.toCanvas(x, y);
    this.overlay = new Overlay(toCanvas);
    this.laid = new Laid(toCanvas);
    this.lens = new Lens(toCanvas, () => ({ image: this.imageId(), window: this.window(), inverted: this.inverted !== (this.manifest?.invert ?? false) }));
    this.layer = new MarkLayer(this.stage, {
      toCanvas,
      toPicture: this.toPicture,
      here: () => this.here(),
      store: () => this.store,
      measured: () => this.manifest?.regions.filter((one) => one.spacing_mm) ?? [],
      over: (point) => this.lens.show(point),
      magnified: (point) => void this.magnified(point),
      spoken: (words) => (this.said.textContent = words),
    });
    this.stage.append(this.laid.element, this.overlay.element, this.layer.element, this.lens.element);
    this.resize = new ResizeObserver(() => theEngine().resize(true, true));
    this.picture.addEventListener("contextmenu", (event) => event.preventDefault());
    this.picture.addEventListener(Enums.Events.IMAGE_RENDERED, () => this.onRendered());
    this.picture.addEventListener(Enums.Events.STACK_NEW_IMAGE, () => this.onFrame());
    this.picture.addEventListener(Enums.Events.VOI_MODIFIED, () => {
      if (this.applying) return;
      this.windowed = true;
      const shown = this.window();
      if (shown?.table) this.apply({ ...shown, table: false });
      this.events.changed(this);
    });
    this.stage.addEventListener("pointerdown", () => this.focus(), true);
    this.stage.addEventListener("focusin", () => this.events.entered(this));
    this.stage.addEventListener("wheel", () => this.events.entered(this), { passive: true });
    this.slider.addEventListener("input", () => void this.goto(Number(this.slider.value)));
    this.forget = this.follow(store);
  }

  /** Show a series: the frame that `at` names, else the middle one of a stack. */
  async show(series: string, manifest: Manifest, at?: { instance_id: string; frame: number }, from?: { store: MarkStore; prior: string }): Promise<void> {
    const mine = ++this.round;
    this.series = series;
    this.empty.hidden = true;
    this.prior = from?.prior ?? "";
    if (from && from.store !== this.store) {
      this.forget();
      this.store = from.store;
      this.forget = this.follow(from.store);
    }
    this.manifest = manifest;
    this.every = register(series, manifest);
    this.regions = [];
    const line = at && manifest.frames.find((one) => one.instance_id === at.instance_id && one.frame === at.frame);
    this.stack = line?.stack ?? manifest.frames[0]?.stack ?? 0;
    await this.showStack(mine, line ?? null);
  }

  /** Another of the stacks that one object holds, at the same place. */
  async chooseStack(stack: number): Promise<void> {
    const before = this.index();
    this.stack = stack;
    await this.showStack(++this.round, null, before);
    this.events.scrolled(this);
  }

  private async showStack(mine: number, line: FrameLine | null, at?: number): Promise<void> {
    if (!this.manifest) return;
    const first = !this.enabled;
    if (first) {
      theEngine().enableElement({ viewportId: this.id, type: Enums.ViewportType.STACK, element: this.picture, defaultOptions: { background: [0, 0, 0] } });
      this.enabled = true;
    }
    this.ids = this.every.filter((id) => frameOf(id)?.line.stack === this.stack);
    const found = line ? this.ids.findIndex((id) => frameOf(id)?.line === line) : -1;
    const middle = this.ids.length > 2 ? Math.floor(this.ids.length / 2) : 0;
    this.layer.stop();
    this.opening = true;
    await this.viewport().setStack(this.ids, Math.max(0, Math.min(found >= 0 ? found : (at ?? middle), this.ids.length - 1)));
    if (mine !== this.round) return;
    // After setStack, never before: a resize of an empty stack fails without a GPU.
    if (first) this.resize.observe(this.picture);
    this.slider.max = String(this.ids.length - 1);
    this.slider.hidden = this.ids.length < 2;
    this.reset();
    this.onFrame();
    this.opening = false;
  }

  destroy(): void {
    this.round++;
    this.resize.disconnect();
    this.forget();
    this.lens.destroy();
    this.prefetch.stop();
    if (this.enabled) theEngine().disableElement(this.id);
    this.enabled = false;
    this.manifest = null;
    this.element.remove();
  }

  /** What is on the screen, as the question will name it. */
  seen(withBox = false): ViewSeen | null {
    const line = this.line();
    if (!line) return null;
    const shown = this.windowed ? this.window() : null;
    return {
      instance_id: line.instance_id,
      frame: line.frame,
      center: shown ? shown.center : null,
      width: shown ? shown.width : null,
      function: shown ? curveOf(shown) : null,
      invert: this.inverted,
      overlays: this.laid.overlays,
      supplemental: this.laid.supplemental,
      box: withBox ? this.box() : null,
    };
  }

  /** The last box drawn on the frame: x, y, width, height in picture pixels. */
  box(): [number, number, number, number] | null {
    const line = this.line();
    return line && boxOf(this.store.on(line.instance_id, line.frame));
  }

  words(): string {
    const shown = this.window();
    return [
      this.ids.length > 1 ? t("ui.seen.slice", { n: this.index() + 1, of: this.ids.length }) : t("ui.seen.picture"),
      this.byTable() ? t("ui.viewer.table") : shown ? `${trim(shown.center)}/${trim(shown.width)}` : "",
      this.inverted ? t("ui.seen.inverted") : "",
      this.laid.overlays ? t("ui.seen.overlays") : "",
    ].filter(Boolean).join(" · ");
  }

  index = (): number => (this.enabled && this.ids.length > 0 ? this.viewport().getCurrentImageIdIndex() : 0);
  count = (): number => this.ids.length;
  line = (): FrameLine | null => frameOf(this.imageId())?.line ?? null;
  /** The frames that can be scrolled through, in order. */
  lines = (): FrameLine[] => this.ids.flatMap((id) => frameOf(id)?.line ?? []);
  isColor = (): boolean => this.manifest?.samples === 3;
  focus = (): void => this.stage.focus({ preventScroll: true });
  zoom = (): number => (this.enabled ? this.viewport().getZoom() : 0);
  viewport = (): Types.IStackViewport => theEngine().getViewport(this.id) as Types.IStackViewport;
  imageId = (): string => this.ids[this.index()] ?? "";

  /** Window as center and width, as the header writes it, with its curve. */
  window(): WindowValue | null {
    const range = this.enabled && this.manifest && this.viewport().getProperties()?.voiRange;
    if (!range || this.isColor()) return null;
    return { ...windowOf(range, this.curve), ...(this.tabled && { table: true }) };
  }

  setWindow(window: WindowValue): void {
    if (this.isColor()) return;
    this.windowed = !window.table;
    this.apply(window.table ? (this.own() ?? window) : window);
    this.viewport().render();
    this.events.changed(this);
  }

  private apply(window: WindowValue): void {
    this.applying = true;
    this.curve = curveOf(window);
    const voiRange = rangeOf(window);
    if (this.tabled) forgetTable(this.viewport());
    // Without a graphics card the library draws straight lines only; the corner of the picture says so.
    this.viewport().setProperties(drawsCurves() ? { voiRange, VOILUTFunction: FUNCTIONS[this.curve] } : { voiRange });
    const table = window.table && drawsCurves() ? frameOf(this.imageId())?.table : undefined;
    if (table) drawTable(this.viewport(), table);
    this.tabled = table !== undefined;
    this.applying = false;
  }

  private byTable = (): boolean => !this.windowed && (this.own()?.table ?? false);

  /** The window the file gives this frame, or its table. */
  private own = (): WindowValue | null => frameOf(this.imageId())?.table?.window ?? this.line()?.window ?? this.manifest?.windows[0] ?? null;

  /** follows: because another pane went there, which must not answer in turn. */
  async goto(index: number, follows = false): Promise<void> {
    const to = Math.max(0, Math.min(this.ids.length - 1, index));
    if (to === this.index()) return;
    this.follows = follows;
    await this.viewport().setImageIdIndex(to).catch(complain);
  }

  placeOf = (view: ViewSeen): number => this.ids.findIndex((id) => isAt(frameOf(id)?.line, view));
  /** Go to a frame of this series, with its window; false when it is in another one. */
  async showView(view: ViewSeen): Promise<boolean> {
    const line = this.manifest?.frames.find((one) => isAt(one, view));
    if (!line) return false;
    if (line.stack !== this.stack) {
      this.stack = line.stack;
      await this.showStack(++this.round, line);
    } else if (this.placeOf(view) !== this.index()) await this.viewport().setImageIdIndex(this.placeOf(view));
    if (view.center !== null && view.center !== undefined && view.width) this.setWindow({ center: view.center, width: view.width, function: view.function ?? "LINEAR" });
    this.setLaid(view.overlays ?? false, view.supplemental ?? false);
    return true;
  }

  /** Boxes of the model over the picture; they belong to one frame and stay hidden on the others. */
  showRegions(regions: Region[], visible: boolean): void {
    if (regions !== this.regions) this.regionsOn = this.imageId();
    this.regions = regions;
    this.regionsVisible = visible;
    this.drawRegions();
  }

  private drawRegions(): void {
    this.overlay.draw(this.regionsVisible && this.imageId() === this.regionsOn ? this.regions : []);
  }

  setTool(tool: DrawTool | null): void {
    this.lens.setOn(tool === "magnify");
    this.layer.setTool(tool);
  }

  /** Drawings of the file, and colors of its supplemental palette, over the picture. */
  setLaid(overlays: boolean, supplemental: boolean): void {
    this.laid.set(overlays, supplemental);
    this.laid.show(this.line(), this.manifest);
    this.events.changed(this);
  }
  laidOver = (): { overlays: boolean; supplemental: boolean } => ({ overlays: this.laid.overlays, supplemental: this.laid.supplemental });

  reset(): void {
    this.inverted = false;
    const viewport = this.viewport();
    this.applying = true;
    viewport.resetCamera();
    viewport.resetProperties();
    this.applying = false;
    this.windowed = false;
    const own = this.own();
    if (own && !this.isColor()) this.apply(own);
    this.applyInvert();
    viewport.render();
    this.events.changed(this);
  }

  invert(): void {
    if (this.isColor()) return;
    this.inverted = !this.inverted;
    this.applyInvert();
    this.viewport().render();
    this.events.changed(this);
  }

  private applyInvert(): void {
    if (!this.isColor()) this.viewport().setProperties({ invert: this.inverted !== (this.manifest?.invert ?? false) });
  }

  zoomBy(factor: number): void {
    const viewport = this.viewport();
    viewport.setZoom(viewport.getZoom() * factor);
    viewport.render();
  }

  /** Mark the frame as a key image, as it is shown; or take the mark away. */
  async toggleKey(): Promise<void> {
    const seen = this.seen();
    if (!seen) return;
    const there = this.store.keyOn(seen.instance_id, seen.frame);
    if (there) return this.store.remove(there);
    const { center, width, function: curve, invert, overlays, supplemental } = seen;
    await this.store.add({ tool: "key", instance_id: seen.instance_id, frame: seen.frame, points: [], view: { center, width, function: curve ?? null, invert, overlays: overlays ?? false, supplemental: supplemental ?? false } });
  }

  removeChosen(): void {
    const mark = this.layer.chosen();
    if (mark) void this.store.remove(mark);
  }

  select = (mark: Mark): void => this.layer.select(mark);

  private async magnified(point: Point): Promise<void> {
    const here = this.here();
    if (here) await this.store.add({ tool: "box", instance_id: here.instance_id, frame: here.frame, points: this.lens.boxAround(point, here) });
  }

  private follow(store: MarkStore): () => void {
    return store.onChange(() => {
      this.layer.draw();
      this.drawKey();
      this.events.changed(this);
    });
  }

  private here(): { instance_id: string; frame: number; width: number; height: number } | null {
    const line = this.line();
    return line && this.manifest ? { instance_id: line.instance_id, frame: line.frame, width: this.manifest.columns, height: this.manifest.rows } : null;
  }

  private drawKey(): void {
    const line = this.line();
    this.keyed.hidden = !line || !this.store.keyOn(line.instance_id, line.frame);
  }

  private onFrame(): void {
    fetchAround(this.ids, this.index());
    this.prefetch.at(this.ids, this.index());
    this.slider.value = String(this.index());
    this.slider.setAttribute("aria-valuetext", `${this.index() + 1} / ${this.ids.length}`);
    // The library keeps the window of the frame before, or its curve: each frame is shown by its own, or all by the reader's.
    const window = this.windowed ? this.window() : this.own();
    if (window && !this.isColor()) this.apply(window);
    this.laid.show(this.line(), this.manifest);
    this.drawKey();
    this.events.changed(this);
    // What is opened leads nobody: only what somebody leafs through does.
    if (!this.follows && !this.opening) this.events.scrolled(this);
    this.follows = false;
  }

  private onRendered(): void {
    if (!this.manifest || !this.enabled) return;
    const at = this.ids.length > 1 ? t("ui.viewer.at", { n: this.index() + 1, of: this.ids.length }) : "";
    const zoom = `${Math.round(100 * this.viewport().getZoom())} %`;
    this.readout.textContent = [at, ...windowWords(this.window(), this.byTable(), drawsCurves()), zoom].filter(Boolean).join("   ");
    this.corner.textContent = [this.prior ? t("ui.layout.prior", { day: this.prior }) : "", this.manifest.modality, scaleOf(this.manifest)].filter(Boolean).join("   ");
    this.corner.classList.toggle("prior", this.prior !== "");
    this.drawRegions();
    this.laid.draw();
    this.layer.draw();
    this.lens.draw();
  }

  toCanvas(x: number, y: number): Point {
    const [left, top] = this.viewport().worldToCanvas(toWorld(this.imageId(), x, y));
    return [left, top];
  }

  private toPicture = (left: number, top: number): Point => toPixels(this.imageId(), this.viewport().canvasToWorld([left, top]));
}
