/** One plane on the screen: its values through the window, the lines of the other planes, the letters at its edges. */

import { raw } from "../api";
import { h } from "../dom";
import { Overlay, type Region } from "./overlay";
import { cross, dot, letters, plus, times, type Vec } from "./space";

export interface Directions {
  right: Vec;
  down: Vec;
}
export interface Shown {
  center: number;
  width: number;
  invert: boolean;
}
/** A plane as the server sent it. */
export interface Picture {
  key: string;
  values: Int16Array | Float32Array;
  rows: number;
  columns: number;
  first: Vec;
  pixel: number;
  unit: string;
  invert: boolean;
  window: { center: number; width: number };
  right: Vec;
  down: Vec;
}
export interface Line {
  normal: Vec;
  color: string;
  slab: number;
}

const KEPT = 48;
const SCREEN_SMALLEST = 1;

export const normalOf = (plane: Directions): Vec => cross(plane.right, plane.down);

export class PlanePane {
  readonly element: HTMLElement;
  readonly canvas = h("canvas", {});
  picture: Picture | null = null;
  zoom = 1;
  pan: [number, number] = [0, 0];
  private readonly edges = ["top", "right", "bottom", "left"].map((side) => h("span", { class: `plane-edge plane-${side}` }));
  private readonly kept = new Map<string, Picture>();
  private readonly overlay = new Overlay((x, y) => this.toCanvas(x, y));
  private drawn = document.createElement("canvas");
  private wanted = "";
  private loading = false;
  private regions: { key: string; list: Region[] } = { key: "", list: [] };
  private at: Vec = [0, 0, 0];
  private lines: Line[] = [];
  private stale = true;

  constructor(
    readonly name: string,
    label: string,
    readonly color: string,
    readonly plane: Directions,
    private readonly shown: () => Shown,
    private readonly failed: (error: unknown) => void,
  ) {
    this.element = h("div", { class: "plane", tabindex: 0, role: "application", "aria-label": label, "data-plane": name }, this.canvas, ...this.edges, h("span", { class: "plane-name", "aria-hidden": "true" }, label.split(".")[0]));
    this.element.append(this.overlay.element);
    this.element.style.setProperty("--plane", color);
  }

  /** Ask for the plane at an address, unless it is there; only the last one asked for is shown. */
  async want(address: string): Promise<void> {
    this.wanted = address;
    const there = this.kept.get(address);
    if (there) return this.show(there);
    if (this.loading) return;
    this.loading = true;
    try {
      while (this.wanted && !this.kept.has(this.wanted)) {
        const key = this.wanted;
        const { right, down } = this.plane;
        this.keep(await read(key, right, down));
        if (key === this.wanted) break;
      }
      const last = this.kept.get(this.wanted);
      if (last) this.show(last);
    } catch (error) {
      this.failed(error);
    } finally {
      this.loading = false;
    }
  }

  get isReady(): boolean {
    return this.picture !== null && this.picture.key === this.wanted;
  }

  private keep(picture: Picture): void {
    this.kept.set(picture.key, picture);
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > KEPT && oldest !== undefined) this.kept.delete(oldest);
  }

  private show(picture: Picture): void {
    this.picture = picture;
    this.stale = true;
    this.draw();
    this.element.dispatchEvent(new CustomEvent("plane-shown", { bubbles: true }));
  }

  mark(at: Vec, lines: Line[]): void {
    this.at = at;
    this.lines = lines;
  }

  showRegions(key: string, list: Region[]): void {
    this.regions = { key, list };
  }

  /** The value on the screen at a point of the plane; null beside it. */
  valueAt(point: Vec): number | null {
    const { picture } = this;
    if (!picture) return null;
    const [x, y] = this.toPixel(point);
    const column = Math.round(x - 0.5);
    const row = Math.round(y - 0.5);
    if (column < 0 || row < 0 || column >= picture.columns || row >= picture.rows) return null;
    return picture.values[row * picture.columns + column] ?? null;
  }

  /** Of the picture, from its upper left corner: the center of its first pixel is at one half. */
  toPixel(point: Vec): [number, number] {
    const picture = this.picture as Picture;
    const from = plus(point, picture.first, -1);
    return [dot(from, picture.right) / picture.pixel + 0.5, dot(from, picture.down) / picture.pixel + 0.5];
  }

  toMm(x: number, y: number): Vec {
    const { first, right, down, pixel } = this.picture as Picture;
    const inPlane = plus(plus(first, right, (x - 0.5) * pixel), down, (y - 0.5) * pixel);
    // As deep as the crosshair, whatever plane the picture was cut at before.
    const normal = cross(right, down);
    return plus(inPlane, normal, dot(plus(this.at, inPlane, -1), normal));
  }

  private scale(): number {
    const { picture } = this;
    const { clientWidth, clientHeight } = this.element;
    return picture ? Math.min(clientWidth / picture.columns, clientHeight / picture.rows) * this.zoom : 1;
  }

  toCanvas(x: number, y: number): [number, number] {
    const scale = this.scale();
    const { columns, rows } = this.picture ?? { columns: 1, rows: 1 };
    return [this.element.clientWidth / 2 + this.pan[0] + (x - columns / 2) * scale, this.element.clientHeight / 2 + this.pan[1] + (y - rows / 2) * scale];
  }

  /** From CSS pixels of the pane to mm. */
  fromCanvas(x: number, y: number): Vec {
    const scale = this.scale();
    const { columns, rows } = this.picture as Picture;
    return this.toMm((x - this.element.clientWidth / 2 - this.pan[0]) / scale + columns / 2, (y - this.element.clientHeight / 2 - this.pan[1]) / scale + rows / 2);
  }

  mmPerPoint(): number {
    return this.picture ? this.picture.pixel / this.scale() : 1;
  }

  restain(): void {
    this.stale = true;
  }

  draw(): void {
    const { picture, canvas } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.element;
    if (canvas.width !== Math.round(clientWidth * ratio) || canvas.height !== Math.round(clientHeight * ratio)) {
      canvas.width = Math.max(SCREEN_SMALLEST, Math.round(clientWidth * ratio));
      canvas.height = Math.max(SCREEN_SMALLEST, Math.round(clientHeight * ratio));
    }
    const context = canvas.getContext("2d");
    if (!context || !picture) return;
    if (this.stale) this.stain(picture, this.shown());
    this.stale = false;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, clientWidth, clientHeight);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    const [left, top] = this.toCanvas(0, 0);
    const scale = this.scale();
    context.drawImage(this.drawn, left, top, picture.columns * scale, picture.rows * scale);
    this.drawLines(context);
    const sides = [times(this.plane.down, -1), this.plane.right, this.plane.down, times(this.plane.right, -1)];
    this.edges.forEach((edge, n) => (edge.textContent = letters(sides[n] as Vec)));
    this.overlay.draw(this.regions.key === picture.key ? this.regions.list : []);
  }

  /** Values to gray as the server does it (PS3.3 C.11.2.1.2.1, LINEAR). */
  private stain(picture: Picture, { center, width, invert }: Shown): void {
    const image = new ImageData(picture.columns, picture.rows);
    const turn = invert !== picture.invert;
    const words = new Uint32Array(image.data.buffer);
    const fine = width <= 1;
    const edge = center - 0.5;
    const { values } = picture;
    for (let n = 0; n < values.length; n++) {
      const value = values[n] as number;
      let share = fine ? Number(value > edge) : (value - edge) / (width - 1) + 0.5;
      share = share < 0 ? 0 : share > 1 ? 1 : share;
      const gray = Math.floor((turn ? 1 - share : share) * 255 + 0.5);
      words[n] = 0xff000000 | (gray << 16) | (gray << 8) | gray;
    }
    if (this.drawn.width !== picture.columns || this.drawn.height !== picture.rows) {
      this.drawn = document.createElement("canvas");
      this.drawn.width = picture.columns;
      this.drawn.height = picture.rows;
    }
    this.drawn.getContext("2d")?.putImageData(image, 0, 0);
  }

  /** Gray levels of the picture, for whoever compares them with the server's. */
  grays(): number[] {
    const pixels = this.drawn.getContext("2d")?.getImageData(0, 0, this.drawn.width, this.drawn.height).data ?? new Uint8ClampedArray();
    return Array.from({ length: pixels.length / 4 }, (_, n) => pixels[4 * n] ?? 0);
  }

  private drawLines(context: CanvasRenderingContext2D): void {
    const [x, y] = this.toCanvas(...this.toPixel(this.at));
    const normal = normalOf(this.plane);
    const far = this.element.clientWidth + this.element.clientHeight;
    for (const line of this.lines) {
      const along = cross(normal, line.normal);
      const [dx, dy] = [dot(along, this.plane.right), dot(along, this.plane.down)];
      const length = Math.hypot(dx, dy);
      if (length < 1e-6) continue;
      const [ux, uy] = [dx / length, dy / length];
      const stroke = (shift: number, style: string, wide: number, dash: number[], gap: number) => {
        const [cx, cy] = [x - uy * shift, y + ux * shift];
        context.strokeStyle = style;
        context.lineWidth = wide;
        context.setLineDash(dash);
        context.beginPath();
        for (const side of [-1, 1]) {
          context.moveTo(cx + side * gap * ux, cy + side * gap * uy);
          context.lineTo(cx + side * far * ux, cy + side * far * uy);
        }
        context.stroke();
      };
      // Open in the middle: the crosshair must not hide what it points at.
      stroke(0, "rgb(0 0 0 / 60%)", 3, [], 10);
      stroke(0, line.color, 1.25, [], 10);
      const half = line.slab / 2 / this.mmPerPoint();
      if (half > 2) for (const side of [-half, half]) stroke(side, line.color, 1, [4, 4], 0);
    }
    context.setLineDash([]);
  }
}

async function read(address: string, right: Vec, down: Vec): Promise<Picture> {
  const response = await raw(address);
  const say = (name: string) => response.headers.get(name) ?? "";
  const data = await response.arrayBuffer();
  const [center, width] = say("X-Window").split(",").map(Number);
  return {
    key: address,
    values: say("X-Dtype") === "float32" ? new Float32Array(data) : new Int16Array(data),
    rows: Number(say("X-Rows")),
    columns: Number(say("X-Columns")),
    first: say("X-First-Mm").split(",").map(Number) as Vec,
    pixel: Number(say("X-Pixel-Mm")),
    unit: say("X-Unit"),
    invert: say("X-Invert") === "1",
    window: { center: center ?? 0, width: width ?? 1 },
    right: [...right],
    down: [...down],
  };
}
