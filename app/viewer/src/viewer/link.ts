/** Panes that are leafed through together: by position in the patient where both know it, else by the distance they had. */

import type { FrameLine } from "../types";
import type { Pane } from "./pane";

/** Directions that differ by less than about 8 degrees are one. */
const PARALLEL = 0.99;

export class Link {
  private on = true;
  /** Distances between panes as they were when they were linked, in mm or in slices. */
  private readonly apart = new Map<string, number>();

  get isOn(): boolean {
    return this.on;
  }

  /** Linked anew, panes keep the distance that they have now. */
  toggle(panes: readonly Pane[]): void {
    this.on = !this.on;
    this.note(panes);
  }

  /** Note how far apart the panes are. */
  note(panes: readonly Pane[]): void {
    this.apart.clear();
    for (const source of panes) {
      for (const pane of panes) {
        const [here, there] = [source.line(), pane.line()];
        if (source === pane || !here || !there) continue;
        this.apart.set(`${source.id} ${pane.id}`, between(here, there) ?? pane.index() - source.index());
      }
    }
  }

  /** The others go where `source` is. */
  follow(source: Pane, others: readonly Pane[]): void {
    const line = source.line();
    if (!this.on || !line) return;
    for (const pane of others) {
      const to = this.target(source, line, pane);
      if (to !== null && to !== pane.index()) void pane.goto(to, true);
    }
  }

  private target(source: Pane, line: FrameLine, pane: Pane): number | null {
    const lines = pane.lines();
    const [first] = lines;
    if (!first || lines.length < 2) return null;
    const apart = this.apart.get(`${source.id} ${pane.id}`) ?? 0;
    const normal = normalOf(line);
    if (!normal || !normalOf(first)) return normal || normalOf(first) ? null : source.index() + apart;
    // Cut in other directions they share no slice; a crossing line would be needed, not a jump.
    if (!parallel(normal, normalOf(first))) return null;
    const same = source.manifest?.space !== null && source.manifest?.space === pane.manifest?.space;
    const wanted = along(normal, line) + (same ? 0 : apart);
    let best = 0;
    lines.forEach((one, n) => {
      if (Math.abs(along(normal, one) - wanted) < Math.abs(along(normal, lines[best] as FrameLine) - wanted)) best = n;
    });
    return best;
  }
}

/** How far the second lies from the first along the first's normal, in mm. */
function between(one: FrameLine, other: FrameLine): number | null {
  const normal = normalOf(one);
  return normal && parallel(normal, normalOf(other)) ? along(normal, other) - along(normal, one) : null;
}

function normalOf(line: FrameLine): number[] | null {
  const o = line.orientation;
  if (!o || o.length !== 6 || !line.position_mm) return null;
  const [a, b, c, d, e, f] = o as [number, number, number, number, number, number];
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}

const dot = (one: readonly number[], other: readonly number[]): number => one.reduce((sum, value, n) => sum + value * (other[n] ?? 0), 0);
const parallel = (one: number[], other: number[] | null): boolean => other !== null && Math.abs(dot(one, other)) > PARALLEL;
const along = (normal: number[], line: FrameLine): number => dot(normal, line.position_mm ?? []);
