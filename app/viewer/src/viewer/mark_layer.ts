/**
 * Marks over one picture: drawn by mouse, pen, finger or keys, shown with the server's numbers, moved by their handles.
 *
 * Its own layer and not the library's tools: those have no keyboard, and write a number of the browser beside the mark.
 */

import { t } from "../i18n";
import type { Mark, MarkTool, Point } from "../types";
import { shape, writing } from "./drawn";
import type { MarkStore } from "./mark_store";
import { linesOf } from "./mark_words";

export type DrawTool = Exclude<MarkTool, "key"> | "magnify";
export const POINTS: Record<DrawTool, number> = { length: 2, angle: 3, ellipse: 2, box: 2, probe: 1, magnify: 1 };

/** What the picture below lends to the layer. */
export interface Ground {
  toCanvas(x: number, y: number): Point;
  toPicture(left: number, top: number): Point;
  /** Which frame is shown, and its size in pixels; null while none is. */
  here(): { instance_id: string; frame: number; width: number; height: number } | null;
  store(): MarkStore;
  /** Parts of the picture in which alone lengths are in mm; none where one scale holds for all of it. */
  measured(): readonly { left: number; top: number; right: number; bottom: number }[];
  /** The finger, pointer or cursor is over this pixel, or over none. */
  over(point: Point | null): void;
  /** A point chosen with the magnifier. */
  magnified(point: Point): void;
  spoken(words: string): void;
}

const NEAR_PX = 12;
const NEAR_FINGER_PX = 24;
const STILL_PX = 4;

interface Grip {
  mark: Mark;
  /** Takes the handle to a place. */
  to(place: Point): Point[];
}

export class MarkLayer {
  readonly element = shape("svg", { class: "marks", "aria-hidden": "true" });
  private tool: DrawTool | null = null;
  private points: Point[] = [];
  private live: Point | null = null;
  private pressed: { id: number; start: Point; began: boolean } | null = null;
  private grip: Grip | null = null;
  private selected: Mark | null = null;
  private cursor: Point | null = null;
  private touches = new Set<number>();

  constructor(
    private readonly stage: HTMLElement,
    private readonly ground: Ground,
  ) {
    stage.addEventListener("pointerdown", this.down, true);
    stage.addEventListener("pointermove", this.move, true);
    stage.addEventListener("pointerup", this.up, true);
    stage.addEventListener("pointercancel", this.cancel, true);
    stage.addEventListener("pointerleave", () => this.pressed || this.cursor || this.ground.over(null));
    // The library below listens to these; what a mark has taken must not also move the window.
    for (const name of ["mousedown", "touchstart", "touchmove"]) stage.addEventListener(name, this.shield, { capture: true, passive: false });
  }

  setTool(tool: DrawTool | null): void {
    if (tool === this.tool) return;
    this.tool = tool;
    this.stop();
    this.stage.classList.toggle("drawing", tool !== null);
  }

  /** Give up what is being drawn, and the cursor of the keys. */
  stop(): void {
    this.points = [];
    this.live = this.pressed = this.grip = this.cursor = null;
    this.ground.over(null);
    this.draw();
  }

  get isDrawing(): boolean {
    return this.points.length > 0 || this.grip !== null;
  }

  /** The mark that Delete takes: the chosen one, else the newest on this frame. */
  chosen(): Mark | null {
    const here = this.marks().filter((mark) => mark.tool !== "key");
    return this.selected && here.includes(this.selected) ? this.selected : (here.at(-1) ?? null);
  }

  select(mark: Mark | null): void {
    this.selected = mark;
    this.draw();
  }

  /** Keys while a measuring tool is chosen: Enter shows a cursor and sets points, arrows move it, Escape ends. */
  key(event: KeyboardEvent): boolean {
    const here = this.ground.here();
    if (!this.tool || !here) return false;
    if (event.key === "Escape" && (this.points.length > 0 || this.cursor)) {
      if (this.points.length > 0) {
        this.points = [];
        this.live = null;
        this.draw();
      } else this.stop();
      return true;
    }
    if (event.key === "Enter") {
      if (this.cursor) this.set(this.cursor);
      else this.cursor = this.middle();
      this.follow();
      return true;
    }
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || !this.cursor) return false;
    const by = event.shiftKey ? 10 : 1;
    const within = (value: number, size: number) => Math.min(size - 0.5, Math.max(0.5, value));
    this.cursor = [within(this.cursor[0] + by * (step[0] ?? 0), here.width), within(this.cursor[1] + by * (step[1] ?? 0), here.height)];
    this.follow();
    return true;
  }

  draw(): void {
    const parts: SVGElement[] = this.tool ? this.scales() : [];
    for (const mark of this.marks()) if (mark.tool !== "key") parts.push(...this.drawn(mark, mark === this.selected));
    if (this.points.length > 0 && this.tool && this.tool !== "magnify") {
      const unfinished: Mark = { id: "", tool: this.tool, instance_id: "", frame: 0, points: this.live ? [...this.points, this.live] : this.points, measured: {} };
      parts.push(...this.drawn(unfinished, true));
    }
    if (this.cursor) {
      const [x, y] = this.ground.toCanvas(...this.cursor);
      const arms = `M${x - 14} ${y}h10m8 0h10M${x} ${y - 14}v10m0 8v10`;
      parts.push(shape("path", { class: "mark-halo", d: arms }), shape("path", { class: "mark-cursor", d: arms }));
    }
    this.element.replaceChildren(...parts);
  }

  /** Where a length would be one. */
  private scales(): SVGElement[] {
    return this.ground.measured().flatMap((region) => {
      const [left, top] = this.ground.toCanvas(region.left, region.top);
      const [right, bottom] = this.ground.toCanvas(region.right + 1, region.bottom + 1);
      return [shape("rect", { class: "mark-scale", x: left, y: top, width: right - left, height: bottom - top }), ...writing(["mm"], right - 8, top + 14, "end")];
    });
  }

  private marks(): Mark[] {
    const here = this.ground.here();
    return here ? this.ground.store().on(here.instance_id, here.frame) : [];
  }

  private drawn(mark: Mark, chosen: boolean): SVGElement[] {
    const at = mark.points.map((point) => this.ground.toCanvas(...point));
    const [first, second] = at;
    if (!first) return [];
    const outline = outlineOf(mark.tool, at);
    const parts: SVGElement[] = [shape("path", { class: "mark-halo", d: outline }), shape("path", { class: `mark-line${chosen ? " chosen" : ""}`, d: outline })];
    if (chosen || this.tool) for (const [x, y] of handlesOf(mark.tool, at)) parts.push(shape("circle", { class: "mark-handle", cx: x, cy: y, r: chosen ? 5 : 3.5 }));
    // The range stands in the list only: a picture full of words is no picture.
    const lines = linesOf(mark).slice(0, 3);
    const right = Math.max(...at.map(([x]) => x)) + 10;
    const top = second ? Math.max(...at.map(([, y]) => y)) : first[1];
    // Beside the mark; on its left where the right edge of the picture would cut the words off.
    const fits = right + 150 < this.stage.clientWidth;
    const side = fits ? right : Math.min(...at.map(([x]) => x)) - 10;
    parts.push(...writing(lines, side, Math.min(top, this.stage.clientHeight - 16 * lines.length), fits ? "start" : "end"));
    return parts;
  }

  private readonly down = (event: PointerEvent) => {
    if (event.pointerType === "touch") this.touches.add(event.pointerId);
    if (this.touches.size > 1) return this.giveWay();
    if (event.button !== 0 || event.shiftKey || !this.ground.here()) return;
    const place = this.place(event);
    this.cursor = null;
    this.grip = this.points.length === 0 ? this.gripAt(place, event.pointerType === "touch" ? NEAR_FINGER_PX : NEAR_PX) : null;
    if (this.grip) this.selected = this.grip.mark;
    else if (this.tool) {
      this.live = this.picture(place);
      const began = this.points.length === 0;
      if (began) this.points = [this.live];
      this.ground.over(this.live);
      this.pressed = { id: event.pointerId, start: place, began };
    } else return;
    this.stage.setPointerCapture(event.pointerId);
    this.draw();
  };

  private readonly move = (event: PointerEvent) => {
    const at = this.picture(this.place(event));
    if (this.grip) {
      this.grip.mark.points = this.grip.to(at);
      this.grip.mark.measured = null;
    } else if (this.points.length > 0) this.live = at;
    if (this.tool && !this.cursor) this.ground.over(at);
    if (this.grip || this.points.length > 0) this.draw();
  };

  private readonly up = (event: PointerEvent) => {
    this.touches.delete(event.pointerId);
    if (this.grip) {
      const { mark } = this.grip;
      this.grip = null;
      if (mark.measured === null) void this.ground.store().move(mark, mark.points);
      return this.draw();
    }
    if (!this.pressed || event.pointerId !== this.pressed.id) return;
    const place = this.place(event);
    const { start, began } = this.pressed;
    this.pressed = null;
    const still = Math.hypot(place[0] - start[0], place[1] - start[1]) < STILL_PX;
    // Dragged: both ends of a line. Only touched: the first of its points, the next comes with the next touch.
    if (this.tool && POINTS[this.tool] === 1) {
      this.points = [];
      this.set(this.picture(place));
    } else if (!began || !still) this.set(this.picture(place));
    else this.draw();
  };

  private readonly cancel = (event: PointerEvent) => {
    this.touches.delete(event.pointerId);
    this.giveWay();
  };

  /** A second finger zooms: what the first began was no mark. */
  private giveWay(): void {
    if (this.pressed?.began) this.points = [];
    if (this.grip) void this.ground.store().load();
    this.pressed = this.grip = this.live = null;
    this.ground.over(null);
    this.draw();
  }

  private readonly shield = (event: Event) => {
    if (!this.pressed && !this.grip) return;
    event.stopPropagation();
    if (event.cancelable) event.preventDefault();
  };

  /** The next point; the last one makes the mark. */
  private set(point: Point): void {
    const here = this.ground.here();
    if (!this.tool || !here) return;
    const rounded = (value: number) => Math.round(value * 100) / 100;
    this.points = [...this.points, [rounded(point[0]), rounded(point[1])]];
    if (this.points.length >= POINTS[this.tool]) {
      const { tool, points } = this;
      this.points = [];
      this.live = null;
      if (tool === "magnify") this.ground.magnified(points[0] as Point);
      else void this.keep({ tool, instance_id: here.instance_id, frame: here.frame, points: points.map(([x, y]) => [rounded(x), rounded(y)]) });
    }
    this.draw();
  }

  private async keep(draft: { tool: Exclude<MarkTool, "key">; instance_id: string; frame: number; points: Point[] }): Promise<void> {
    const store = this.ground.store();
    const kept = store.add(draft);
    const mark = store.all.at(-1) ?? null;
    this.select(mark);
    await kept;
    if (mark?.id) this.ground.spoken([t(`ui.tool.${mark.tool}`), ...linesOf(mark)].join(", "));
  }

  private follow(): void {
    if (this.points.length > 0) this.live = this.cursor;
    this.ground.over(this.cursor);
    if (this.cursor) this.ground.spoken(t("ui.marks.cursor", { x: Math.floor(this.cursor[0]), y: Math.floor(this.cursor[1]) }));
    this.draw();
  }

  private gripAt(place: Point, near: number): Grip | null {
    for (const mark of this.marks().reverse()) {
      if (mark.tool === "key") continue;
      const handles = handlesOf(mark.tool, mark.points.map((point) => this.ground.toCanvas(...point)));
      const n = handles.findIndex(([x, y]) => Math.hypot(x - place[0], y - place[1]) <= near);
      if (n < 0) continue;
      const before = mark.points.map(([x, y]): Point => [x, y]);
      const [a, b] = before as [Point, Point];
      // The four corners of what encloses a box: the first and the third are its points.
      if (mark.tool === "box" || mark.tool === "ellipse") {
        const opposite = ([b, [a[0], b[1]], a, [b[0], a[1]]] as Point[])[n] as Point;
        return { mark, to: (to) => [opposite, to] };
      }
      return { mark, to: (to) => before.map((point, m) => (m === n ? to : point)) };
    }
    return null;
  }

  private place(event: PointerEvent): Point {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private picture([left, top]: Point): Point {
    return this.ground.toPicture(left, top);
  }

  /** The pixel in the middle of what is visible. */
  private middle(): Point {
    const here = this.ground.here();
    const [x, y] = this.ground.toPicture(this.stage.clientWidth / 2, this.stage.clientHeight / 2);
    const within = (value: number, size: number) => Math.min(size - 0.5, Math.max(0.5, Math.floor(value) + 0.5));
    return [within(x, here?.width ?? 1), within(y, here?.height ?? 1)];
  }
}

/** Of a box and an ellipse the corners of what encloses them, in turn; of the others their points. */
function handlesOf(tool: MarkTool, at: Point[]): Point[] {
  const [a, b] = at;
  if ((tool !== "box" && tool !== "ellipse") || !a || !b) return at;
  return [a, [b[0], a[1]], b, [a[0], b[1]]];
}

function outlineOf(tool: MarkTool, at: Point[]): string {
  const [a, b] = at;
  if (!a) return "";
  if (tool === "probe" || !b) return `M${a[0] - 7} ${a[1]}h5m4 0h5M${a[0]} ${a[1] - 7}v5m0 4v5`;
  if (tool === "ellipse") {
    const [across, down] = [Math.abs(b[0] - a[0]) / 2, Math.abs(b[1] - a[1]) / 2];
    const [left, middle] = [Math.min(a[0], b[0]), (a[1] + b[1]) / 2];
    return `M${left} ${middle}a${across} ${down} 0 1 0 ${2 * across} 0a${across} ${down} 0 1 0 ${-2 * across} 0`;
  }
  if (tool === "box") return `M${a[0]} ${a[1]}H${b[0]}V${b[1]}H${a[0]}Z`;
  return `M${at.map(([x, y]) => `${x} ${y}`).join("L")}`;
}
