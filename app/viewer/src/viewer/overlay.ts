/** Numbered boxes over the picture: what the model looked at. Drawn by us, apart from what a person measured. */

import { shape } from "./drawn";

export interface Region {
  number: string;
  x: number;
  y: number;
  width: number;
  height: number;
  kept: boolean;
  chosen: boolean;
  /** Drawn by the reader, not by the model. */
  own?: boolean;
}

/** toCanvas: picture pixels (edges, not centers) to CSS pixels of the stage. */
export class Overlay {
  readonly element = shape("svg");

  constructor(private readonly toCanvas: (x: number, y: number) => [number, number]) {
    this.element.setAttribute("class", "regions");
    this.element.setAttribute("aria-hidden", "true");
  }

  draw(regions: readonly Region[]): void {
    const parts: SVGElement[] = [];
    for (const region of regions) {
      const [left, top] = this.toCanvas(region.x, region.y);
      const [right, bottom] = this.toCanvas(region.x + region.width, region.y + region.height);
      // A halo below the stroke: yellow alone is lost on pink slides and on bone.
      for (const name of ["halo", "line"]) {
        parts.push(
          shape("rect", { class: `region-${name}${region.chosen ? " chosen" : ""}${region.kept ? "" : " seen"}${region.own ? " own" : ""}`, x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top), rx: 2 }),
        );
      }
      if (!region.number || Math.abs(right - left) < 22) continue;
      const width = 10 + 8 * region.number.length;
      const group = shape("g", { class: region.chosen ? "chosen" : "" });
      group.append(shape("rect", { class: "region-tag", x: left + 3, y: top + 3, width, height: 18, rx: 4 }));
      const words = shape("text", { class: "region-number", x: left + 3 + width / 2, y: top + 16 });
      words.textContent = region.number;
      group.append(words);
      parts.push(group);
    }
    this.element.replaceChildren(...parts);
  }
}
