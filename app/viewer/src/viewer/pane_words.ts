/** What stands in the corners of a picture. */

import { t } from "../i18n";
import type { FrameLine, Manifest, Mark, WindowValue } from "../types";

export const isAt = (line: FrameLine | undefined, view: { instance_id: string; frame: number }): boolean => line?.instance_id === view.instance_id && line.frame === view.frame;

/** As many digits as a reader needs. */
export const trim = (value: number): string => String(Math.abs(value) < 10 ? Number(value.toPrecision(3)) : Math.abs(value) < 100 ? Math.round(value * 10) / 10 : Math.round(value));

/** How values become brightness: numbers of a window, the file's table, a curve. */
export function windowWords(shown: WindowValue | null, byTable: boolean, drawsCurves: boolean): string[] {
  if (!shown) return [];
  if (byTable) return [t(drawsCurves ? "ui.viewer.table" : "ui.viewer.table_straight")];
  const numbers = t("ui.viewer.window", { center: trim(shown.center), width: trim(shown.width) });
  return shown.function === "SIGMOID" ? [numbers, t(drawsCurves ? "ui.viewer.sigmoid" : "ui.viewer.sigmoid_straight")] : [numbers];
}

/** The last box among marks: x, y, width, height in picture pixels. */
export function boxOf(marks: readonly Mark[]): [number, number, number, number] | null {
  const [a, b] = marks.filter((mark) => mark.tool === "box").at(-1)?.points ?? [];
  if (!a || !b) return null;
  const [left, top] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  return [left, top, Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1])].map((value) => Math.round(value * 10) / 10) as [number, number, number, number];
}

/** Whether lengths can be told, and where. */
export function scaleOf(manifest: Manifest): string {
  if (manifest.regions.length > 0) return t(manifest.regions.some((one) => one.spacing_mm) ? "ui.viewer.scale_in_regions" : "ui.viewer.no_scale");
  return manifest.spacing_mm ? "" : t("ui.viewer.no_scale");
}
