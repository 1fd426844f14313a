/** What the reading room asks of whatever shows the picture: a stack of frames, or a slide. */

import type { Answer, Mark, ViewSeen } from "../types";
import type { Region } from "./overlay";

export interface ViewerEvents {
  /** The frame, window, place or marks have changed. */
  changed(): void;
}

export interface PictureView {
  readonly element: HTMLElement;
  /** It shows planes through a series and not the series' own pictures. */
  readonly showsPlanes?: boolean;
  /** What is on the screen, as the question will name it; withBox: the part that was drawn. */
  seen(withBox?: boolean): ViewSeen | null;
  /** The same in a line for people. */
  words(): string;
  hasBox(): boolean;
  seriesId(): string;
  /** Where a seen picture stands among those on the screen; null where there is no order. */
  placeOf(view: ViewSeen): { n: number; of: number } | null;
  /** Bring what was seen back; false when it is in another series. */
  showView(view: ViewSeen): Promise<boolean>;
  showRegions(regions: Region[]): void;
  toggleRegions(on?: boolean): void;
  /** The picture that is open in several of the windows it is offered in. */
  inWindows?(): ViewSeen[];
  /** So many pictures of what can be leafed through, evenly apart. */
  sample?(count: number): ViewSeen[];
  /** Point out a mark among those on the screen. */
  select?(mark: Mark): void;
  destroy(): void;
}

/** A box of the model in pixels of the picture on the screen: the pictures of a slide are parts of it at several sizes. */
export function inPicture(answer: Answer, box: { picture: number; x: number; y: number; width: number; height: number }): typeof box {
  const { view } = answer;
  const sent = view?.pictures?.[box.picture];
  const part = sentOf(answer)[box.picture]?.box;
  // Of other pictures a box was cut in whole pixels; its crops begin where it does.
  if (!sent) return part ? { ...box, x: box.x + Math.max(0, Math.trunc(part[0])), y: box.y + Math.max(0, Math.trunc(part[1])) } : box;
  if (!view?.box) return box;
  const [left, top, width, height] = view.box;
  const across = width / sent.width;
  const down = height / sent.height;
  return { ...box, x: left + box.x * across, y: top + box.y * down, width: box.width * across, height: box.height * down };
}

/** The pictures that went to the model, each as the view that it shows; of several laid into one, the one that was open. */
export function sentOf(answer: Answer): ViewSeen[] {
  const { view } = answer;
  if (!view) return [];
  return view.sources?.length && !view.montage ? view.sources : [view];
}

/** 0.8 × 1.2 mm or 240 × 180 µm, pixels where nobody knows; from the resolution of the finest picture that was sent. */
export function sizeOf(view: ViewSeen): string {
  const sent = view.pictures?.[0];
  if (!view.box || !sent) return "";
  const [, , width, height] = view.box;
  if (sent.um_per_pixel === null) return `${Math.round(width)} × ${Math.round(height)} px`;
  return inUm(sent.um_per_pixel * sent.width, sent.um_per_pixel * sent.height);
}

export function inUm(width: number, height: number): string {
  const [by, unit] = Math.max(width, height) >= 1000 ? [1000, "mm"] : [1, "µm"];
  const short = (value: number) => (unit === "mm" ? (value / by).toFixed(value / by < 10 ? 1 : 0) : String(Math.round(value)));
  return `${short(width)} × ${short(height)} ${unit}`;
}
