/** A stack as a film: in the time its file states, else ten pictures a second; what comes too late is left out. */

import type { Pane } from "./pane";

const USUAL_MS = 100;
const FASTER = 1.25;

export class Cine {
  private frameMs = USUAL_MS;
  private begun: { at: number; index: number } | null = null;

  constructor(
    private readonly pane: () => Pane,
    private readonly changed: () => void,
  ) {}

  get isOn(): boolean {
    return this.begun !== null;
  }

  /** Pictures a second. */
  get rate(): number {
    return Math.round(10000 / this.frameMs) / 10;
  }

  toggle(): void {
    if (this.begun) return this.stop();
    const pane = this.pane();
    if (!pane.manifest || pane.count() < 2) return;
    this.frameMs = pane.manifest?.frame_ms ?? USUAL_MS;
    this.begin(pane);
    void this.run(pane);
    this.changed();
  }

  stop(): void {
    if (!this.begun) return;
    this.begun = null;
    this.changed();
  }

  /** Faster or slower, from the picture that is shown. */
  hurry(faster: boolean): void {
    if (!this.begun) return;
    this.frameMs = Math.min(2000, Math.max(10, faster ? this.frameMs / FASTER : this.frameMs * FASTER));
    this.begin(this.pane());
    this.changed();
  }

  private begin(pane: Pane): void {
    this.begun = { at: performance.now(), index: pane.index() };
  }

  private async run(pane: Pane): Promise<void> {
    while (this.begun && this.pane() === pane && pane.count() > 1) {
      const gone = Math.floor((performance.now() - this.begun.at) / this.frameMs);
      await pane.goto((this.begun.index + gone) % pane.count());
      const next = this.begun ? this.begun.at + (gone + 1) * this.frameMs - performance.now() : 0;
      await new Promise((done) => window.setTimeout(done, Math.max(4, next)));
    }
    this.stop();
  }
}
