/** What a mark measures, in lines for people. */

import { t } from "../i18n";
import type { Mark, Measured } from "../types";

/** The lines beside a mark; a dash while the server computes. */
export function linesOf(mark: Mark): string[] {
  if (mark.tool === "key") return [];
  return mark.measured ? valuesOf(mark.measured) : ["…"];
}

export function valuesOf(found: Measured): string[] {
  const lines: string[] = [];
  const unit = found.unit ?? "px";
  if (found.length !== undefined) lines.push(`${short(found.length)} ${unit}`);
  if (found.degrees !== undefined && found.degrees !== null) lines.push(`${found.degrees.toFixed(1)}°`);
  if (found.width !== undefined && found.height !== undefined && found.area !== undefined) {
    lines.push(`${short(found.width)} × ${short(found.height)} ${unit}`, `${short(found.area)} ${unit}²`);
  }
  const of = found.values_unit ? ` ${found.values_unit}` : "";
  if (found.mean !== undefined) {
    lines.push(`${short(found.mean)} ± ${short(found.deviation ?? 0)}${of}`);
    lines.push(t("ui.marks.range", { least: short(found.minimum ?? 0), most: short(found.maximum ?? 0), n: found.pixels ?? 0 }));
  }
  if (found.value !== undefined) lines.push(`${short(found.value)}${of}`);
  if (found.rgb) lines.push(`RGB ${found.rgb.join(", ")}`);
  return lines;
}

/** Where the millimetres come from; a reader must know that those at the detector are magnified. */
export const scaleWords = (found: Measured): string => (found.scale ? t(`ui.scale.${found.scale}`) : t("ui.scale.none"));

const short = (value: number): string => (Math.abs(value) >= 0.1 || value === 0 ? value.toFixed(1) : value.toPrecision(2));
