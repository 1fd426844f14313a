/**
 * One slide on the screen: tiles, overview, scale bar, boxes. Everything outside is in pixels of the largest level.
 *
 * Magnification is the lens's: at 20× a scan of a 20× lens is shown pixel for pixel. Without a stated lens it is told
 * from the resolution, 10 µm by the pixel's, as pathologists reckon it; with neither there is none.
 */

import OpenSeadragon from "openseadragon";
import { h } from "../dom";
import { t } from "../i18n";
import type { SlideManifest } from "../types";
import { Overlay, type Region } from "./overlay";
import { tileSource } from "./slide_source";

export type Box = [x: number, y: number, width: number, height: number];
/** Where one looks: center in pixels of the largest level, screen pixels by pixel of it. */
export interface Place {
  x: number;
  y: number;
  zoom: number;
}

const BAR_PX = 130;
const KEPT_TILES = 96;
const TILES_AT_ONCE = 6;
const SETTLE_SECONDS = 0.25;
const NOMINAL = 10;

export interface PaneEvents {
  moved(): void;
  drawn(box: Box): void;
  used(): void;
}

export class SlidePane {
  readonly element: HTMLElement;
  readonly stage: HTMLElement;
  private readonly tiles = h("div", { class: "picture slide-tiles" });
  private readonly catcher = h("div", { class: "slide-catcher", hidden: true });
  private readonly bar = h("span", { class: "scale-line" });
  private readonly barWords = h("span", {});
  private readonly scale = h("div", { class: "slide-scale num" }, this.bar, this.barWords);
  private readonly readout = h("div", { class: "corner-words bottom-left num" });
  private readonly corner = h("div", { class: "corner-words top-left" });
  private readonly overlay: Overlay;
  private readonly osd: OpenSeadragon.Viewer;
  private regions: Region[] = [];
  private from: [number, number] | null = null;
  private drawing: Box | null = null;

  constructor(
    readonly manifest: SlideManifest,
    private readonly events: PaneEvents,
  ) {
    this.stage = h("div", { class: "stage", tabindex: 0, role: "application", "aria-label": t("ui.slide.stage") }, this.tiles, this.catcher);
    this.element = h("div", { class: "stage-frame" }, this.stage, this.corner, this.readout, this.scale);
    this.overlay = new Overlay((x, y) => this.toScreen(x, y));
    this.stage.append(this.overlay.element);
    this.osd = OpenSeadragon({
      element: this.tiles, prefixUrl: "", drawer: "canvas", tabIndex: -1, showNavigationControl: false, crossOriginPolicy: false,
      showNavigator: true, navigatorPosition: "TOP_RIGHT", navigatorSizeRatio: 0.16, navigatorAutoFade: false, navigatorOpacity: 1, navigatorBackground: "#000",
      navigatorBorderColor: "#5b6f75", navigatorDisplayRegionColor: "#41b9b5", maxImageCacheCount: KEPT_TILES, imageLoaderLimit: TILES_AT_ONCE,
      // OpenSeadragon asks for one tile by frame: without a GPU, where a frame may take 100 ms, a screen would fill in seconds.
      maxTilesPerFrame: TILES_AT_ONCE,
      animationTime: SETTLE_SECONDS, blendTime: 0, immediateRender: true, visibilityRatio: 0.4, minZoomImageRatio: 0.2, maxZoomPixelRatio: 8,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true, pinchRotate: false },
      tileSources: tileSource(manifest) as never,
    });
    // The stage has keys of its own; OpenSeadragon's would turn and mirror the slide.
    this.osd.addHandler("canvas-key", (event) => (event.preventDefaultAction = true));
    for (const name of ["update-viewport", "resize", "open"] as const) this.osd.addHandler(name, () => this.redraw());
    for (const name of ["zoom", "pan"] as const) this.osd.addHandler(name, () => this.events.moved());
    this.stage.addEventListener("pointerdown", () => {
      this.stage.focus({ preventScroll: true });
      this.events.used();
    });
    this.corner.textContent = [manifest.block, manifest.stain, manifest.um_per_pixel ? "" : t("ui.viewer.no_scale")].filter(Boolean).join("   ");
    this.listen();
  }

  /** Resolves with the first whole picture on the screen. */
  async ready(): Promise<void> {
    if (!this.osd.isOpen()) await new Promise<void>((resolve, reject) => {
      this.osd.addOnceHandler("open", () => resolve());
      this.osd.addOnceHandler("open-failed", () => reject(new Error("open-failed")));
    });
    await new Promise<void>((resolve) => {
      const item = this.osd.world.getItemAt(0);
      if (item.getFullyLoaded()) return resolve();
      item.addOnceHandler("fully-loaded-change", () => resolve());
    });
    // The size of the stage may have changed while the first tiles were on their way.
    this.redraw();
  }

  destroy(): void {
    this.osd.destroy();
  }

  focus = (): void => this.stage.focus({ preventScroll: true });

  /** Screen pixels by pixel of the largest level at which magnification is 1; null where nobody knows. */
  private unit(): number | null {
    const { objective, um_per_pixel } = this.manifest;
    const native = objective ?? (um_per_pixel ? NOMINAL / um_per_pixel[0] : null);
    return native ? 1 / native : null;
  }

  magnification(): number | null {
    const unit = this.unit();
    return unit === null ? null : this.place().zoom / unit;
  }

  magnify(times: number, now = false): void {
    const unit = this.unit();
    if (unit !== null) this.move({ ...this.place(), zoom: times * unit }, now);
  }

  place(): Place {
    const center = this.osd.viewport.viewportToImageCoordinates(this.osd.viewport.getCenter());
    return { x: center.x, y: center.y, zoom: this.osd.viewport.viewportToImageZoom(this.osd.viewport.getZoom()) };
  }

  move(to: Place, now = false): void {
    const { viewport } = this.osd;
    viewport.zoomTo(viewport.imageToViewportZoom(to.zoom), undefined, now);
    viewport.panTo(viewport.imageToViewportCoordinates(to.x, to.y), now);
    viewport.applyConstraints(now);
  }

  /** What of the slide is on the screen. */
  visible(): Box {
    const { viewport } = this.osd;
    const seen = viewport.viewportToImageRectangle(viewport.getBounds());
    const left = Math.max(0, seen.x);
    const top = Math.max(0, seen.y);
    const right = Math.min(this.manifest.width, seen.x + seen.width);
    const bottom = Math.min(this.manifest.height, seen.y + seen.height);
    return [left, top, Math.max(1, right - left), Math.max(1, bottom - top)].map(Math.round) as Box;
  }

  /** Bring a part onto the screen, with a little around it. */
  fit([x, y, width, height]: Box, margin = 0.15, now = false): void {
    const rect = this.osd.viewport.imageToViewportRectangle(x - width * margin, y - height * margin, width * (1 + 2 * margin), height * (1 + 2 * margin));
    this.osd.viewport.fitBounds(rect, now);
  }

  home = (): void => void this.osd.viewport.goHome();

  pan(right: number, down: number): void {
    const { viewport } = this.osd;
    viewport.panBy(viewport.deltaPointsFromPixels(new OpenSeadragon.Point(right, down)));
    viewport.applyConstraints();
  }

  zoomBy(factor: number): void {
    this.osd.viewport.zoomBy(factor);
    this.osd.viewport.applyConstraints();
  }

  setRegions(regions: Region[]): void {
    this.regions = regions;
    this.redraw();
  }

  /** While a box is to be drawn, the pointer belongs to it; wheel and keys still move the slide. */
  setDrawing(on: boolean): void {
    this.catcher.hidden = !on;
    this.stage.classList.toggle("is-drawing", on);
  }

  toScreen(x: number, y: number): [number, number] {
    const at = this.osd.viewport.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
    return [at.x, at.y];
  }

  private toSlide(event: PointerEvent): [number, number] {
    const box = this.tiles.getBoundingClientRect();
    const at = this.osd.viewport.viewerElementToImageCoordinates(new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top));
    return [Math.min(Math.max(at.x, 0), this.manifest.width), Math.min(Math.max(at.y, 0), this.manifest.height)];
  }

  private listen(): void {
    this.catcher.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.catcher.setPointerCapture(event.pointerId);
      this.from = this.toSlide(event);
    });
    this.catcher.addEventListener("pointermove", (event) => {
      if (!this.from) return;
      const [x, y] = this.toSlide(event);
      this.drawing = [Math.min(x, this.from[0]), Math.min(y, this.from[1]), Math.abs(x - this.from[0]), Math.abs(y - this.from[1])];
      this.redraw();
    });
    const end = (keep: boolean) => () => {
      const box = this.drawing;
      this.from = this.drawing = null;
      this.redraw();
      // A click that trembled is no region.
      if (keep && box && Math.min(box[2], box[3]) * this.place().zoom >= 6) this.events.drawn(box.map(Math.round) as Box);
    };
    this.catcher.addEventListener("pointerup", end(true));
    this.catcher.addEventListener("pointercancel", end(false));
    this.catcher.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(event.deltaY < 0 ? 1.25 : 0.8);
    }, { passive: false });
  }

  private redraw(): void {
    if (!this.osd.isOpen()) return;
    const drawing: Region[] = this.drawing ? [{ number: "", x: this.drawing[0], y: this.drawing[1], width: this.drawing[2], height: this.drawing[3], kept: true, chosen: true }] : [];
    this.overlay.draw([...this.regions, ...drawing]);
    const times = this.magnification();
    const { zoom } = this.place();
    this.readout.textContent = times === null ? `${Math.round(100 * zoom)} %` : `${times < 10 ? times.toFixed(1) : Math.round(times)}×`;
    this.drawScale(zoom);
  }

  private drawScale(zoom: number): void {
    const um = this.manifest.um_per_pixel?.[0];
    this.scale.hidden = !um;
    if (!um) return;
    const most = (BAR_PX * um) / zoom;
    const power = 10 ** Math.floor(Math.log10(most));
    const length = ([5, 2, 1].find((step) => step * power <= most) ?? 1) * power;
    this.bar.style.width = `${(length / um) * zoom}px`;
    this.barWords.textContent = length >= 1000 ? `${length / 1000} mm` : `${Number(length.toPrecision(3))} µm`;
  }
}
