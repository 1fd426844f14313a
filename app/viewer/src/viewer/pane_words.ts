/** What stands in the corners of a picture. */

import { t } from "../i18n";
import type { FrameLine, Manifest } from "../types";

export const isAt = (line: FrameLine | undefined, view: { instance_id: string; frame: number }): boolean => line?.instance_id === view.instance_id && line.frame === view.frame;

/** As many digits as a reader needs. */
export const trim = (value: number): string => String(Math.abs(value) < 10 ? Number(value.toPrecision(3)) : Math.abs(value) < 100 ? Math.round(value * 10) / 10 : Math.round(value));

/** Whether lengths can be told, and where. */
export function scaleOf(manifest: Manifest): string {
  if (manifest.regions.length > 0) return t(manifest.regions.some((one) => one.spacing_mm) ? "ui.viewer.scale_in_regions" : "ui.viewer.no_scale");
  return manifest.spacing_mm ? "" : t("ui.viewer.no_scale");
}
