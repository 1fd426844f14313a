/** Windows as the header means them (PS3.3 C.11.2.1.2 and C.11.2.1.3): LINEAR, LINEAR_EXACT and SIGMOID. */

import { Enums } from "@cornerstonejs/core";
import type { Curve, WindowValue } from "../types";

export interface Range {
  lower: number;
  upper: number;
}

export const FUNCTIONS: Record<Curve, Enums.VOILUTFunctionType> = {
  LINEAR: Enums.VOILUTFunctionType.LINEAR,
  LINEAR_EXACT: Enums.VOILUTFunctionType.LINEAR_EXACT,
  SIGMOID: Enums.VOILUTFunctionType.SAMPLED_SIGMOID,
};

/** The curve of a window; LINEAR of a width below 1 would be a threshold, which no value with fractions is read through. */
export function curveOf(window: WindowValue): Curve {
  const named = window.function ?? "LINEAR";
  return named === "LINEAR" && window.width < 1 ? "LINEAR_EXACT" : named;
}

/** The values that become black and white. A sigmoid has neither; the library draws it from the range of the same LINEAR. */
export function rangeOf(window: WindowValue): Range {
  const { center, width } = window;
  const half = width / 2;
  const [lower, upper] = curveOf(window) === "LINEAR_EXACT" ? [center - half, center + half] : [center - half, center + half - 1];
  // A threshold, or a picture of one value, has no width, which the library refuses: the narrowest that it can tell apart.
  return { lower, upper: Math.max(upper, lower + Math.max(Math.abs(lower) * 1e-6, 1e-9)) };
}

export function windowOf(range: Range, curve: Curve): WindowValue {
  const { lower, upper } = range;
  const tenth = (value: number) => Math.round(value * 10) / 10;
  const fine = Math.abs(upper - lower) < 10 ? (value: number) => Number(value.toPrecision(6)) : tenth;
  if (curve === "LINEAR_EXACT") return { center: fine((lower + upper) / 2), width: fine(upper - lower), function: curve };
  return { center: fine((lower + upper + 1) / 2), width: fine(upper - lower + 1), function: curve };
}

/** The share of full brightness of a value, as the server computes it. */
export function shareOf(value: number, window: WindowValue): number {
  const { center, width } = window;
  const clip = (share: number) => Math.min(1, Math.max(0, share));
  switch (curveOf(window)) {
    case "SIGMOID":
      return 1 / (1 + Math.exp((-4 * (value - center)) / width));
    case "LINEAR_EXACT":
      return clip((value - center) / width + 0.5);
    default:
      return width <= 1 ? Number(value > center - 0.5) : clip((value - (center - 0.5)) / (width - 1) + 0.5);
  }
}
