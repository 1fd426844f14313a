/** What is said of a plane where it is not on the screen. */

import { t } from "../i18n";
import type { PlaneSeen } from "../types";

/** A plane in a line: how thick, what of it. */
export function planeWords(plane: PlaneSeen | null | undefined): string {
  if (!plane) return "";
  return Number(plane.slab_mm) ? t("ui.mpr.told_slab", { mm: Number(plane.slab_mm), how: t(`ui.mpr.how.${plane.how}`) }) : t("ui.mpr.told_plane");
}
