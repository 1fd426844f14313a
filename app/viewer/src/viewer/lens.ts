/** A magnifier: the native pixels around a point, and the box of them that a question can be about. */

import { cache } from "@cornerstonejs/core";
import { h } from "../dom";
import type { Point, WindowValue } from "../types";
import { frameOf } from "./frames";
import { shareIn, type Table } from "./table";
import { shareOf } from "./voi";

const SIDE_PX = 200;
const SMALLEST = 16;

interface Below {
  image: string;
  window: WindowValue | null;
  inverted: boolean;
}

export class Lens {
  readonly element = h("div", { class: "glass", hidden: true });
  private readonly canvas = h("canvas", { width: SIDE_PX, height: SIDE_PX });
  private readonly words = h("span", { class: "num small" });
  private readonly native = document.createElement("canvas");
  private at: Point | null = null;
  private on = false;
  private side = 64;

  constructor(
    private readonly toCanvas: (x: number, y: number) => Point,
    private readonly below: () => Below,
  ) {
    this.element.append(this.canvas, this.words);
  }

  setOn(on: boolean): void {
    this.on = on;
    if (!on) this.show(null);
  }

  /** More or fewer pixels in the box. */
  grow(factor: number): void {
    const manifest = frameOf(this.below().image)?.manifest;
    this.side = Math.round(Math.min(Math.max(SMALLEST, this.side * factor), Math.min(manifest?.rows ?? 512, manifest?.columns ?? 512)));
    this.draw();
  }

  show(point: Point | null): void {
    this.at = this.on ? point : null;
    this.draw();
  }

  /** The box around a point in whole pixels, inside of the picture. */
  boxAround(point: Point, size: { width: number; height: number }): [Point, Point] {
    const [wide, high] = [Math.min(this.side, size.width), Math.min(this.side, size.height)];
    const begin = (value: number, part: number, whole: number) => Math.max(0, Math.min(whole - part, Math.round(value - part / 2)));
    const [left, top] = [begin(point[0], wide, size.width), begin(point[1], high, size.height)];
    return [[left, top], [left + wide, top + high]];
  }

  draw(): void {
    const { image, window, inverted } = this.below();
    const values = cache.getImage(image)?.getPixelData();
    const manifest = frameOf(image)?.manifest;
    this.element.hidden = !this.at || !values || !manifest;
    if (!this.at || !values || !manifest) return;
    const [[left, top], [right, bottom]] = this.boxAround(this.at, { width: manifest.columns, height: manifest.rows });
    const [wide, high] = [right - left, bottom - top];
    const table = window?.table ? frameOf(image)?.table : undefined;
    const pixels = new ImageData(wide, high);
    for (let row = 0; row < high; row++) {
      for (let column = 0; column < wide; column++) {
        const from = (top + row) * manifest.columns + left + column;
        const to = 4 * (row * wide + column);
        for (let part = 0; part < 3; part++) {
          pixels.data[to + part] = manifest.samples === 3 || !window ? (values[from * manifest.samples + part] ?? 0) : gray(values[from] ?? 0, window, inverted, table);
        }
        pixels.data[to + 3] = 255;
      }
    }
    this.native.width = wide;
    this.native.height = high;
    this.native.getContext("2d")?.putImageData(pixels, 0, 0);
    const context = this.canvas.getContext("2d");
    if (context) {
      context.imageSmoothingEnabled = false;
      context.drawImage(this.native, 0, 0, SIDE_PX, SIDE_PX);
    }
    this.words.textContent = `${wide} × ${high} px`;
    this.place();
  }

  destroy(): void {
    this.native.width = this.native.height = this.canvas.width = this.canvas.height = 0;
  }

  /** Beside the point, so that neither a finger nor the glass hides what is looked at. */
  private place(): void {
    if (!this.at) return;
    const [x, y] = this.toCanvas(...this.at);
    const stage = this.element.parentElement;
    const left = x + 28 + SIDE_PX > (stage?.clientWidth ?? 0) ? x - 28 - SIDE_PX : x + 28;
    const top = Math.min(Math.max(4, y - SIDE_PX - 20), (stage?.clientHeight ?? 0) - SIDE_PX - 28);
    this.element.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  }
}

const gray = (value: number, window: WindowValue, inverted: boolean, table?: Table): number => {
  const share = table ? shareIn(table, value) : shareOf(value, window);
  return Math.floor((inverted ? 1 - share : share) * 255 + 0.5);
};
