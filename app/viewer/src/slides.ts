/** The picture of a slide study: a slide that is moved and magnified, regions that are drawn on it and asked about. */

import { h } from "./dom";
import { t } from "./i18n";
import type { MarkStore } from "./viewer/mark_store";
import type { Region } from "./viewer/overlay";
import { inUm, type PictureView, type ViewerEvents } from "./viewer/picture";
import { SlideLink } from "./viewer/slide_link";
import { SlidePane, type Box } from "./viewer/slide_pane";
import { MAGNIFICATIONS, SLIDE_KEYS, SlideToolbar, type SlideTool } from "./viewer/slide_toolbar";
import { showKeys } from "./viewer/toolbar";
import { complain } from "./toast";
import type { Mark, SeriesLine, SlideManifest, ViewSeen } from "./types";

/** The other slides of the case, and how one of them is had. */
export interface OtherSlides {
  lines: SeriesLine[];
  manifest(seriesId: string): Promise<SlideManifest>;
}

const NO_OTHERS: OtherSlides = { lines: [], manifest: () => Promise.reject(new Error("none")) };
const STEP_PX = 120;
const ZOOM_STEP = 1.3;

export class SlideViewer implements PictureView {
  readonly element: HTMLElement;
  private readonly toolbar: SlideToolbar;
  private readonly pane: SlidePane;
  private readonly forget: () => void;
  private regions: Region[] = [];
  private overlayOn = true;
  private tool: SlideTool = "pan";
  private readonly pair = h("div", { class: "panes" });
  private second: SlidePane | null = null;
  private link: SlideLink | null = null;
  private asking = 0;

  constructor(
    private readonly marks: MarkStore,
    private readonly series: string,
    private readonly manifest: SlideManifest,
    private readonly events: ViewerEvents,
    private readonly others: OtherSlides = NO_OTHERS,
  ) {
    this.pane = new SlidePane(manifest, { moved: () => (this.onMoved(), this.link?.follow(this.pane)), drawn: (box) => void this.keep(box), used: () => undefined });
    this.toolbar = new SlideToolbar(
      {
        tool: (name) => this.setTool(name),
        magnify: (times) => this.pane.magnify(times),
        visible: () => void this.keep(this.pane.visible()),
        whole: () => this.pane.home(),
        regions: () => this.toggleRegions(),
        keys: () => showKeys(this.element, SLIDE_KEYS, "ui.keys.slide_pointer"),
        beside: (place) => void this.showBeside(place).catch(complain),
        link: () => this.toggleLink(),
      },
      this.manifest.objective !== null || this.manifest.um_per_pixel !== null,
      others.lines.map((one) => [one.specimen, one.description || t("ui.series.unnamed")].filter(Boolean).join(" · ")),
    );
    this.pair.append(this.pane.element);
    this.element = h("section", { class: "viewer slide-viewer", "aria-label": t("ui.viewer") }, this.pair, this.toolbar.element);
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.setTool("pan");
    this.forget = marks.onChange(() => {
      this.draw();
      this.events.changed();
    });
    (this.element as HTMLElement & { __dfm?: unknown }).__dfm = this.forTests();
  }

  /** Show it, and what was drawn on it before. */
  async show(): Promise<void> {
    await this.pane.ready();
    this.draw();
    this.onMoved();
    this.element.setAttribute("data-ready", "");
  }

  /** Another slide of the case beside this one, moved with it; to be looked at: questions are about the first. */
  private async showBeside(place: number | null): Promise<void> {
    const mine = ++this.asking;
    const line = place === null ? undefined : this.others.lines[place];
    const manifest = line && (await this.others.manifest(line.series_id));
    if (mine !== this.asking) return;
    this.link = null;
    this.second?.destroy();
    this.second?.element.remove();
    this.second = null;
    if (manifest) {
      this.pair.dataset["layout"] = "two";
      const second = new SlidePane(manifest, { moved: () => this.link?.follow(second), drawn: () => undefined, used: () => undefined });
      this.second = second;
      this.pair.append(second.element);
      await second.ready();
      if (mine !== this.asking) return;
      this.link = new SlideLink(this.pane, second);
    } else this.pair.dataset["layout"] = "one";
    this.toolbar.setLink(this.link?.isOn ?? false, this.link !== null);
  }

  private toggleLink(): void {
    this.link?.toggle();
    this.toolbar.setLink(this.link?.isOn ?? false, this.link !== null);
  }

  destroy(): void {
    this.asking += 1;
    this.second?.destroy();
    this.forget();
    this.pane.destroy();
  }

  /** The regions drawn on this slide, oldest first. */
  private drawn(): { mark: Mark; box: Box }[] {
    return this.marks.on(this.manifest.instance_id, 0).flatMap((mark) => {
      const [a, b] = mark.points;
      return mark.tool === "box" && a && b ? [{ mark, box: [a[0], a[1], b[0] - a[0], b[1] - a[1]] as Box }] : [];
    });
  }

  select(mark: Mark): void {
    const found = this.drawn().find((one) => one.mark === mark);
    if (found) this.pane.fit(found.box);
  }

  seriesId = (): string => this.series;
  hasBox = (): boolean => this.drawn().length > 0;
  placeOf = (): null => null;

  seen(withBox = false): ViewSeen {
    const box = (withBox && this.drawn().at(-1)?.box) || this.pane.visible();
    return { instance_id: this.manifest.instance_id, frame: 0, center: null, width: null, invert: false, box };
  }

  words(): string {
    const [, , width, height] = this.pane.visible();
    const um = this.manifest.um_per_pixel;
    const times = this.pane.magnification();
    return t("ui.seen.visible", {
      size: um ? inUm(width * um[0], height * um[1]) : `${width} × ${height} px`,
      magnification: times === null ? "" : `${times < 10 ? times.toFixed(1) : Math.round(times)}×`,
    }).trim();
  }

  async showView(view: ViewSeen): Promise<boolean> {
    if (view.instance_id !== this.manifest.instance_id) return false;
    if (view.box) this.pane.fit(view.box);
    return true;
  }

  showRegions(regions: Region[]): void {
    this.regions = regions;
    this.draw();
  }

  toggleRegions(on = !this.overlayOn): void {
    this.overlayOn = on;
    this.draw();
  }

  private draw(): void {
    this.toolbar.setRegions(this.overlayOn, this.regions.length > 0);
    const drawn = this.drawn();
    const own = drawn.map(({ box }, n): Region => ({ number: "", x: box[0], y: box[1], width: box[2], height: box[3], kept: true, chosen: n === drawn.length - 1, own: true }));
    this.pane.setRegions([...(this.overlayOn ? this.regions : []), ...own]);
  }

  private onMoved(): void {
    this.toolbar.setMagnification(this.pane.magnification());
    this.events.changed();
  }

  private setTool(name: SlideTool): void {
    this.tool = name;
    this.toolbar.setTool(name);
    this.pane.setDrawing(name === "box");
  }

  /** A region that was drawn: on the screen at once, then kept; afterwards the slide can be moved again. */
  private async keep(box: Box): Promise<void> {
    this.setTool("pan");
    await this.marks.add({ tool: "box", instance_id: this.manifest.instance_id, frame: 0, points: [[box[0], box[1]], [box[0] + box[2], box[1] + box[3]]], label: t("ui.tool.region") });
  }

  private removeOne(): void {
    const last = this.drawn().at(-1);
    if (last) void this.marks.remove(last.mark);
  }

  private onKey(event: KeyboardEvent): void {
    const pane = [this.pane, this.second].find((one) => one?.stage.contains(event.target as Node));
    if (event.ctrlKey || event.metaKey || event.altKey || !pane) return;
    const lens = MAGNIFICATIONS[Number(event.key) - 1];
    const steps: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (lens) pane.magnify(lens);
    else if (step) pane.pan(step[0] * STEP_PX, step[1] * STEP_PX);
    else if (event.key === "+" || event.key === "=") pane.zoomBy(ZOOM_STEP);
    else if (event.key === "-") pane.zoomBy(1 / ZOOM_STEP);
    else if (event.key === "y") this.toggleLink();
    else if (event.key === "p" || event.key === "Escape") this.setTool("pan");
    else if (event.key === "b") this.setTool("box");
    else if (event.key === "v") void this.keep(this.pane.visible());
    else if (event.key === "r" || event.key === "Home") pane.home();
    else if (event.key === "o") this.toggleRegions();
    else if (event.key === "Delete" || event.key === "Backspace") this.removeOne();
    else if (event.key === "?") showKeys(this.element, SLIDE_KEYS, "ui.keys.slide_pointer");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private forTests() {
    return {
      magnification: () => this.pane.magnification(),
      place: () => this.pane.place(),
      besides: () => this.second?.place() ?? null,
      linked: () => this.link?.isOn ?? false,
      move: (x: number, y: number, zoom: number) => this.pane.move({ x, y, zoom }, true),
      visible: () => this.pane.visible(),
      toCanvas: (x: number, y: number) => this.pane.toScreen(x, y),
      drawn: () => this.drawn().map((one) => one.box),
      boxes: () => this.regions,
      tool: () => this.tool,
      seen: (box = false) => this.seen(box),
    };
  }
}
