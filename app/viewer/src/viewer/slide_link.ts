/**
 * Two slides of a case, moved and magnified together.
 *
 * By micrometres where both know them, so that the same stretch of tissue fills both; else by pixels. Sections never lie
 * alike on their glasses: what lies in the middle of both when they are linked stays together.
 */

import type { Place, SlidePane } from "./slide_pane";

interface Apart {
  x: number;
  y: number;
  zoom: number;
}

export class SlideLink {
  private on = true;
  private following = false;
  private apart: Apart = { x: 0, y: 0, zoom: 1 };

  constructor(
    private readonly first: SlidePane,
    private readonly second: SlidePane,
  ) {
    this.align();
  }

  get isOn(): boolean {
    return this.on;
  }

  /** Linked anew, slides keep the places at which they lie now. */
  toggle(): void {
    this.on = !this.on;
    if (this.on) this.note();
  }

  /** Both in their middle, at the magnification of the first. */
  private align(): void {
    const middle = ({ manifest }: SlidePane) => ({ x: manifest.width / 2, y: manifest.height / 2 });
    const [one, two] = [this.scaled(this.first, { ...middle(this.first), zoom: 1 }), this.scaled(this.second, { ...middle(this.second), zoom: 1 })];
    this.apart = { x: two.x - one.x, y: two.y - one.y, zoom: 1 };
    this.follow(this.first, true);
  }

  private note(): void {
    const [one, two] = [this.scaled(this.first, this.first.place()), this.scaled(this.second, this.second.place())];
    this.apart = { x: two.x - one.x, y: two.y - one.y, zoom: two.zoom / one.zoom };
  }

  /** The other goes where `source` went. */
  follow(source: SlidePane, now = false): void {
    if (!this.on || this.following) return;
    const back = source === this.second;
    const other = back ? this.first : this.second;
    const at = this.scaled(source, source.place());
    const sign = back ? -1 : 1;
    const to = { x: at.x + sign * this.apart.x, y: at.y + sign * this.apart.y, zoom: at.zoom * this.apart.zoom ** sign };
    // The other says that it was moved before this returns; it must not be followed in turn.
    this.following = true;
    try {
      other.move(this.unscaled(other, to), now);
    } finally {
      this.following = false;
    }
  }

  /** A place in micrometres, zoom in screen pixels by micrometre; in pixels unless both know their size. */
  private scaled(pane: SlidePane, place: Place): Place {
    const unit = this.unit(pane);
    return { x: place.x * unit, y: place.y * unit, zoom: place.zoom / unit };
  }

  private unscaled(pane: SlidePane, place: Place): Place {
    const unit = this.unit(pane);
    return { x: place.x / unit, y: place.y / unit, zoom: place.zoom * unit };
  }

  private unit(pane: SlidePane): number {
    const both = this.first.manifest.um_per_pixel && this.second.manifest.um_per_pixel;
    return both ? (pane.manifest.um_per_pixel?.[0] ?? 1) : 1;
  }
}
