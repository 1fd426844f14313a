/** Three planes through a series with one crosshair: axial, coronal, sagittal, or turned; thin or as slabs. */

import { get } from "./api";
import { h } from "./dom";
import { t } from "./i18n";
import { complain } from "./toast";
import type { Manifest, PlaneSeen, ViewSeen, Volume, VolumeProgress } from "./types";
import { HOWS, MPR_KEYS, MPR_TOOL_KEYS, MprToolbar, SLABS, type How, type MprTool } from "./viewer/mpr_toolbar";
import type { Region } from "./viewer/overlay";
import type { PictureView, ViewerEvents } from "./viewer/picture";
import { normalOf, PlanePane, type Directions, type Shown } from "./viewer/plane_pane";
import { planeWords } from "./viewer/plane_words";
import { pointers } from "./viewer/plane_pointers";
import { dot, Grid, plus, straightened, times, turned, type Vec } from "./viewer/space";
import { showKeys } from "./viewer/toolbar";

const NAMES = ["axial", "coronal", "sagittal"] as const;
const COLORS = ["#ffb84d", "#7ef0e8", "#c9a2ff"] as const;
const ZOOM_STEP = 1.2;
const TURN_STEP = Math.PI / 36;
const POLL_MS = 250;

export class MprViewer implements PictureView {
  readonly element: HTMLElement;
  readonly showsPlanes = true;
  private readonly grid: Grid;
  private readonly panes: PlanePane[];
  private readonly toolbar: MprToolbar;
  private readonly words_ = h("p", { class: "mpr-words num", role: "status" });
  private readonly bar = h("progress", { max: 1, value: 0, "aria-label": t("ui.mpr.loading_label") });
  private readonly info = h("div", { class: "mpr-info" }, this.words_, this.bar);
  private readonly board: HTMLElement;
  private readonly resize = new ResizeObserver(() => this.redraw());
  private at: Vec;
  private active = 0;
  private slab = 0;
  private how: How = "mean";
  private tool: MprTool = "cross";
  private window: { center: number; width: number } | null = null;
  private inverted = false;
  private regionsOn = true;
  private regions: Region[] = [];
  private regionsKey = "";
  private gone = false;

  private constructor(
    private readonly series: string,
    private readonly stack: number,
    private readonly manifest: Manifest,
    private readonly opened: Volume,
    private readonly events: ViewerEvents,
    leave: () => void,
  ) {
    this.grid = new Grid(opened);
    this.at = this.grid.inside(opened.middle_mm, true);
    const own = this.own();
    this.panes = NAMES.map((name, n) => new PlanePane(name, t(`ui.mpr.${name}`), COLORS[n] as string, own[n] as Directions, () => this.shown(), (error) => this.gone || complain(error)));
    this.toolbar = new MprToolbar(manifest, {
      tool: (name) => this.setTool(name),
      slab: (mm) => this.setSlab(mm, this.how),
      how: (how) => this.setSlab(this.slab, how),
      preset: (center, width) => this.setWindow(center, width),
      invert: () => this.invert(),
      reset: () => this.reset(),
      regions: () => this.toggleRegions(),
      stack: leave,
      keys: () => showKeys(this.element, MPR_KEYS, "ui.keys.mpr_pointer"),
    });
    this.board = h("div", { class: "mpr-board" }, ...this.panes.map((pane) => pane.element), this.info);
    this.element = h("section", { class: "viewer mpr", "aria-label": t("ui.mpr") }, this.board, this.toolbar.element);
    this.panes.forEach((pane, n) => this.listen(pane, n));
    this.element.addEventListener("keydown", (event) => this.onKey(event, leave));
    this.element.addEventListener("plane-shown", () => this.told());
    (this.element as HTMLElement & { __dfm?: unknown }).__dfm = this.forTests();
  }

  /** Ask for the volume of a series; it is put together while its first planes are waited for. */
  static async open(series: string, stack: number, manifest: Manifest, events: ViewerEvents, leave: () => void): Promise<MprViewer> {
    const opened = await get<Volume>(`/api/series/${series}/volume?stack=${stack}`);
    return new MprViewer(series, stack, manifest, opened, events, leave);
  }

  /** Once it is on the page: how far the volume is, then its planes. */
  async show(view?: ViewSeen): Promise<void> {
    for (const pane of this.panes) this.resize.observe(pane.element);
    this.setTool("cross");
    let { done, of, ready } = this.opened;
    while (!ready && !this.gone) {
      this.words_.textContent = t("ui.mpr.loading", { done, of });
      this.bar.value = done / of;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      ({ done, of, ready } = await get<VolumeProgress>(`/api/series/${this.series}/volume/progress?stack=${this.stack}`));
    }
    if (this.gone) return;
    this.bar.hidden = true;
    if (view?.plane) this.take(view, view.plane);
    this.setSlab(this.slab, this.how);
    await this.settle();
    this.told();
    this.element.setAttribute("data-ready", "");
  }

  destroy(): void {
    this.gone = true;
    this.resize.disconnect();
  }

  seriesId = (): string => this.series;
  hasBox = (): boolean => false;
  placeOf = (): null => null;

  /** The plane that was used last: a question is about one picture. */
  seen(): ViewSeen {
    const pane = this.pane();
    // The nearest slice of the series, where planes are not known: the order of both is along the same normal.
    const line = this.manifest.frames[this.manifest.frames.length === this.opened.shape[0] ? Math.round(this.grid.toVoxel(this.at)[0]) : 0] ?? this.manifest.frames[0];
    return {
      instance_id: line?.instance_id ?? "",
      frame: line?.frame ?? 0,
      center: this.window?.center ?? null,
      width: this.window?.width ?? null,
      invert: this.inverted,
      box: null,
      plane: { at: this.at, right: pane.plane.right, down: pane.plane.down, slab_mm: this.slab, how: this.how, stack: this.stack },
    };
  }

  words(): string {
    return [t(`ui.mpr.${NAMES[this.active] ?? "axial"}.short`), planeWords(this.seen().plane), this.inverted ? t("ui.seen.inverted") : ""].filter(Boolean).join(" · ");
  }

  async showView(view: ViewSeen): Promise<boolean> {
    const mine = this.manifest.frames.some((one) => one.instance_id === view.instance_id);
    if (!view.plane || !mine || (view.plane.stack ?? 0) !== this.stack) return false;
    this.take(view, view.plane);
    this.update();
    await this.settle();
    return true;
  }

  showRegions(regions: Region[]): void {
    this.regions = regions;
    this.regionsKey = this.address(this.pane());
    this.drawRegions();
  }

  toggleRegions(on = !this.regionsOn): void {
    this.regionsOn = on;
    this.drawRegions();
  }

  private drawRegions(): void {
    this.toolbar.setRegions(this.regionsOn, this.regions.length > 0);
    for (const pane of this.panes) pane.showRegions(this.regionsKey, this.regionsOn ? this.regions : []);
    this.redraw();
  }

  /** Axial from below, coronal from the front, sagittal from the left: as films hang. */
  private own(): Directions[] {
    const [left, back, head] = this.opened.axes;
    const feet = times(head, -1);
    return [{ right: left, down: back }, { right: left, down: feet }, { right: back, down: feet }];
  }

  private pane = (): PlanePane => this.panes[this.active] as PlanePane;

  private isAligned(): boolean {
    return this.own().every((own, n) => dot(own.right, this.panes[n]?.plane.right as Vec) > 1 - 1e-12 && dot(own.down, this.panes[n]?.plane.down as Vec) > 1 - 1e-12);
  }

  private take(view: ViewSeen, plane: PlaneSeen): void {
    const number = (value: number | string) => Number(value);
    const [right, down] = [plane.right.map(number) as Vec, plane.down.map(number) as Vec];
    const normal = normalOf({ right, down }).map(Math.abs) as Vec;
    this.active = normal[2] >= normal[0] && normal[2] >= normal[1] ? 0 : normal[1] >= normal[0] ? 1 : 2;
    Object.assign(this.pane().plane, { right, down });
    this.at = plane.at.map(number) as Vec;
    [this.slab, this.how] = [Number(plane.slab_mm), plane.how];
    this.window = view.center !== null && view.width !== null ? { center: Number(view.center), width: Number(view.width) } : null;
    this.inverted = view.invert;
    this.toolbar.setSlab(this.slab, this.how);
    this.restain();
  }

  private address(pane: PlanePane): string {
    // Along its own directions a plane is the same wherever the crosshair stands in it.
    const { plane } = pane;
    const normal = normalOf(plane);
    const at = plus(this.opened.middle_mm, normal, dot(plus(this.at, this.opened.middle_mm, -1), normal));
    const text = (point: Vec) => point.map((value) => String(Math.round(value * 1e9) / 1e9)).join(",");
    const exact = (point: Vec) => point.map(String).join(",");
    return `/api/series/${this.series}/plane?stack=${this.stack}&at=${text(at)}&right=${exact(plane.right)}&down=${exact(plane.down)}&slab_mm=${this.slab}&how=${this.slab ? this.how : "mean"}`;
  }

  private shown(): Shown {
    const own = this.panes.find((pane) => pane.picture)?.picture?.window ?? { center: 0, width: 1 };
    return { ...(this.window ?? own), invert: this.inverted };
  }

  private update(): void {
    for (const [n, pane] of this.panes.entries()) {
      const others = this.panes.filter((other) => other !== pane);
      pane.mark(this.at, others.map((other) => ({ normal: normalOf(other.plane), color: other.color, slab: this.slab })));
      pane.element.classList.toggle("active", n === this.active);
      void pane.want(this.address(pane));
    }
    this.redraw();
    this.told();
    this.events.changed();
  }

  private redraw(): void {
    for (const pane of this.panes) pane.draw();
  }

  private restain(): void {
    for (const pane of this.panes) pane.restain();
    this.toolbar.setWindow(this.shown(), this.inverted);
    this.redraw();
  }

  private told(): void {
    const value = this.value();
    const unit = this.pane().picture?.unit ?? "";
    const [x, y, z] = this.at;
    const place = [[x, "L", "R"], [y, "P", "A"], [z, "H", "F"]].map(([mm, plus, minus]) => `${(mm as number) >= 0 ? plus : minus} ${Math.abs(mm as number).toFixed(1)}`).join("  ");
    const { center, width } = this.shown();
    const thick = this.slab ? t("ui.mpr.told_slab", { mm: this.slab, how: t(`ui.mpr.how.${this.how}`) }) : "";
    this.words_.textContent = [value === null ? "" : t("ui.mpr.value", { value: Math.round(value * 100) / 100, unit }).trim(), `${place} mm`, t("ui.viewer.window", { center: Math.round(center), width: Math.round(width) }), thick].filter(Boolean).join("\n");
    this.toolbar.setWindow(this.shown(), this.inverted);
  }

  /** The value under the crosshair, of the plane that is in use. */
  private value(): number | null {
    const pane = this.pane();
    return pane.isReady ? pane.valueAt(this.at) : null;
  }

  private async settle(): Promise<void> {
    for (let n = 0; n < 600 && !this.gone && !this.panes.every((pane) => pane.isReady); n++) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  private setTool(name: MprTool): void {
    this.tool = name;
    this.toolbar.setTool(name);
    this.board.dataset["drag"] = name;
  }

  private setSlab(mm: number, how: How): void {
    [this.slab, this.how] = [mm, how];
    this.toolbar.setSlab(mm, how);
    this.update();
  }

  private setWindow(center: number, width: number): void {
    this.window = { center: Math.round(center * 10) / 10, width: Math.max(1, Math.round(width * 10) / 10) };
    this.restain();
    this.told();
    this.events.changed();
  }

  private invert(): void {
    this.inverted = !this.inverted;
    this.restain();
    this.events.changed();
  }

  private reset(): void {
    this.window = null;
    this.inverted = false;
    this.own().forEach((own, n) => Object.assign(this.panes[n]?.plane as Directions, own));
    for (const pane of this.panes) [pane.zoom, pane.pan] = [1, [0, 0]];
    this.at = this.grid.inside(this.opened.middle_mm, true);
    this.restain();
    this.setSlab(0, "mean");
  }

  private goto(point: Vec): void {
    this.at = this.grid.inside(point, this.isAligned());
    this.update();
  }

  /** Through the planes of a pane, away from who looks or towards them; axial planes go to the feet with "next". */
  private through(n: number, steps: number): void {
    const pane = this.panes[n] as PlanePane;
    const normal = n === 0 ? times(normalOf(pane.plane), -1) : normalOf(pane.plane);
    this.goto(plus(this.at, normal, steps * this.grid.step(normal)));
  }

  /** Turn the other two planes about the line of sight of this one. */
  private turn(n: number, angle: number): void {
    const axis = normalOf((this.panes[n] as PlanePane).plane);
    for (const other of this.panes.filter((_, m) => m !== n)) {
      const [right, down] = straightened(turned(other.plane.right, axis, angle), turned(other.plane.down, axis, angle));
      Object.assign(other.plane, { right, down });
    }
    this.update();
  }

  private use(n: number): void {
    if (this.active === n) return;
    this.active = n;
    this.update();
  }

  private zoomBy(pane: PlanePane, factor: number): void {
    pane.zoom = Math.min(20, Math.max(0.3, pane.zoom * factor));
    this.redraw();
  }

  private listen(pane: PlanePane, n: number): void {
    pane.element.addEventListener("focus", () => this.use(n));
    pointers(pane.element, {
      start: () => (pane.element.focus({ preventScroll: true }), this.use(n)),
      drag: (to, by, button) => this.drag(pane, n, to, by, button),
      pinch: (factor, by) => {
        pane.pan = [pane.pan[0] + by[0], pane.pan[1] + by[1]];
        this.zoomBy(pane, factor);
      },
      wheel: (steps) => (this.use(n), this.through(n, steps)),
      twice: () => this.single(n),
    });
  }

  private drag(pane: PlanePane, n: number, to: [number, number], by: [number, number], button: number): void {
    if (!pane.picture) return;
    const tool = button === 2 ? "zoom" : button === 1 ? "pan" : this.tool;
    if (tool === "cross") this.goto(pane.fromCanvas(...to));
    else if (tool === "pan") {
      pane.pan = [pane.pan[0] + by[0], pane.pan[1] + by[1]];
      this.redraw();
    } else if (tool === "zoom") this.zoomBy(pane, Math.exp(-by[1] / 150));
    else if (tool === "window") {
      const { center, width } = this.shown();
      const speed = Math.max(width, 50) / 300;
      this.setWindow(center + by[1] * speed, width + by[0] * speed);
    } else {
      const [cx, cy] = pane.toCanvas(...pane.toPixel(this.at));
      const angle = (x: number, y: number) => Math.atan2(y - cy, x - cx);
      this.turn(n, angle(...to) - angle(to[0] - by[0], to[1] - by[1]));
    }
  }

  private single(n: number): void {
    const on = this.board.dataset["single"] !== NAMES[n];
    if (on) this.board.dataset["single"] = NAMES[n] as string;
    else delete this.board.dataset["single"];
    this.redraw();
  }

  private onKey(event: KeyboardEvent, leave: () => void): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.board.contains(event.target as Node)) return;
    const pane = this.pane();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const moves: Record<string, Vec> = { ArrowLeft: times(pane.plane.right, -1), ArrowRight: pane.plane.right, ArrowUp: times(pane.plane.down, -1), ArrowDown: pane.plane.down };
    const move = moves[key];
    const tool = MPR_TOOL_KEYS[key];
    const preset = /^[1-9]$/.test(key) ? this.toolbar.preset(Number(key) - 1) : null;
    if (move) this.goto(plus(this.at, move, this.grid.step(move) * (event.shiftKey ? 10 : 1)));
    else if (tool) this.setTool(tool);
    else if (preset) this.setWindow(preset.center, preset.width);
    else if (key === "PageUp") this.through(this.active, event.shiftKey ? -10 : -1);
    else if (key === "PageDown") this.through(this.active, event.shiftKey ? 10 : 1);
    else if (key === "Home") this.through(this.active, -5000);
    else if (key === "End") this.through(this.active, 5000);
    else if (key === "Enter") this.single(this.active);
    else if (key === "," || key === ".") this.turn(this.active, key === "." ? TURN_STEP : -TURN_STEP);
    else if (key === "j" || key === "k") this.setSlab(SLABS[Math.min(SLABS.length - 1, Math.max(0, SLABS.findIndex((mm) => mm >= this.slab) + (key === "k" ? 1 : -1)))] ?? 0, this.how);
    else if (key === "h") this.setSlab(this.slab, HOWS[(HOWS.indexOf(this.how) + 1) % HOWS.length] as How);
    else if (key === "+" || key === "=") this.zoomBy(pane, ZOOM_STEP);
    else if (key === "-") this.zoomBy(pane, 1 / ZOOM_STEP);
    else if (key === "i") this.invert();
    else if (key === "r") this.reset();
    else if (key === "o") this.toggleRegions();
    else if (key === "x") leave();
    else if (key === "?") showKeys(this.element, MPR_KEYS, "ui.keys.mpr_pointer");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private forTests() {
    return {
      at: () => this.at,
      voxel: () => this.grid.toVoxel(this.at),
      value: () => this.value(),
      active: () => NAMES[this.active],
      slab: () => [this.slab, this.how],
      tool: () => this.tool,
      getWL: () => ({ center: this.shown().center, width: this.shown().width }),
      inverted: () => this.inverted,
      seen: () => this.seen(),
      settled: () => this.panes.every((pane) => pane.isReady),
      values: (n: number) => ({ values: Array.from(this.panes[n]?.picture?.values ?? []), rows: this.panes[n]?.picture?.rows, columns: this.panes[n]?.picture?.columns }),
      grays: (n: number) => this.panes[n]?.grays(),
      zoom: (n: number) => this.panes[n]?.zoom,
      directions: (n: number) => this.panes[n]?.plane,
      place: (n: number) => this.panes[n]?.toCanvas(...(this.panes[n]?.toPixel(this.at) ?? [0, 0])),
      boxes: () => this.regions,
    };
  }
}
