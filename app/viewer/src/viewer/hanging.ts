/** How the pictures of a study hang when it is opened, by its modality: one, two side by side, or four. */

import type { Prior, SeriesLine } from "../types";

export type Layout = "one" | "two" | "four";
export const CELLS: Record<Layout, number> = { one: 1, two: 2, four: 4 };

export interface Hung {
  layout: Layout;
  cells: { line: SeriesLine; prior: Prior | null }[];
}

const PROJECTIONS = ["CR", "DX", "RG", "MG"];

/** A film beside the one before it; mammograms four at once, an MR of several runs too; a CT alone and large. */
export function hang(series: readonly SeriesLine[], priors: readonly Prior[]): Hung {
  const shown = series.filter((line) => !line.slide);
  const [first] = shown;
  if (!first) return { layout: "one", cells: [] };
  const own = (count: number) => shown.slice(0, count).map((line) => ({ line, prior: null }));
  const before = priorFor(first, priors);
  if (first.modality === "MG" && shown.length > 2) return { layout: "four", cells: own(4) };
  if (PROJECTIONS.includes(first.modality)) {
    if (before) return { layout: "two", cells: [{ line: first, prior: null }, before] };
    if (shown.length > 1) return { layout: "two", cells: own(2) };
  }
  if (first.modality === "MR" && shown.length > 3) return { layout: "four", cells: own(4) };
  return { layout: "one", cells: own(1) };
}

/** Of the latest study of the same modality the series that is most like this one. */
export function priorFor(line: SeriesLine, priors: readonly Prior[]): { line: SeriesLine; prior: Prior } | null {
  const prior = priors.find((one) => one.series.some((other) => other.modality === line.modality));
  const alike = prior?.series.filter((other) => other.modality === line.modality) ?? [];
  const same = alike.find((other) => other.description === line.description) ?? alike[0];
  return prior && same ? { line: same, prior } : null;
}
