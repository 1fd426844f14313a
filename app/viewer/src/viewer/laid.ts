/** What a file draws over its picture, and colors it brings for some values: off until a reader asks, for names may stand there. */

import type { FrameLine, Manifest, Point } from "../types";
import { shape } from "./drawn";

export class Laid {
  readonly element = shape("svg", { class: "laid", "aria-hidden": "true" });
  private readonly image = shape("image", { preserveAspectRatio: "none" });
  private size: [number, number] | null = null;
  overlays = false;
  supplemental = false;

  constructor(private readonly toCanvas: (x: number, y: number) => Point) {
    this.element.append(this.image);
  }

  set(overlays: boolean, supplemental: boolean): void {
    this.overlays = overlays;
    this.supplemental = supplemental;
  }

  show(line: FrameLine | null, manifest: Manifest | null): void {
    const overlays = this.overlays && (manifest?.overlays ?? 0) > 0;
    const supplemental = this.supplemental && (manifest?.supplemental ?? false);
    this.size = line && manifest && (overlays || supplemental) ? [manifest.columns, manifest.rows] : null;
    const address = this.size && line ? `${line.url}/laid.png?overlays=${overlays}&supplemental=${supplemental}` : "";
    if (!address) this.image.removeAttribute("href");
    else if (address !== this.image.getAttribute("href")) this.image.setAttribute("href", address);
    this.draw();
  }

  draw(): void {
    this.element.toggleAttribute("hidden", !this.size);
    if (!this.size) return;
    const [left, top] = this.toCanvas(0, 0);
    const [right, bottom] = this.toCanvas(...this.size);
    for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) this.image.setAttribute(name, String(value));
  }
}
