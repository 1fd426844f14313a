/** Points and directions in the patient, in mm: x to the left, y to the back, z to the head. */

export type Vec = [number, number, number];

export const dot = (a: Vec, b: Vec): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const plus = (a: Vec, b: Vec, times = 1): Vec => [a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]];
export const times = (a: Vec, by: number): Vec => [a[0] * by, a[1] * by, a[2] * by];
export const cross = (a: Vec, b: Vec): Vec => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** `a` turned about an axis of length 1 by an angle in radians (Rodrigues). */
export function turned(a: Vec, axis: Vec, angle: number): Vec {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return plus(plus(times(a, c), cross(axis, a), s), axis, dot(axis, a) * (1 - c));
}

/** Two directions made exactly straight again: many small turns add up. */
export function straightened(right: Vec, down: Vec): [Vec, Vec] {
  const r = times(right, 1 / Math.hypot(...right));
  const d = plus(down, r, -dot(down, r));
  return [r, times(d, 1 / Math.hypot(...d))];
}

/** Where a volume's voxels lie, as the server says. */
export interface Geometry {
  shape: Vec;
  affine: number[][];
  axes: [Vec, Vec, Vec];
  middle_mm: Vec;
  spacing_mm: Vec;
}

export class Grid {
  private readonly columns: [Vec, Vec, Vec];
  private readonly rows: [Vec, Vec, Vec];
  private readonly origin: Vec;

  constructor(readonly geometry: Geometry) {
    const at = (row: number, column: number) => geometry.affine[row]?.[column] ?? 0;
    const column = (n: number): Vec => [at(0, n), at(1, n), at(2, n)];
    this.columns = [column(0), column(1), column(2)];
    this.origin = column(3);
    const [a, b, c] = this.columns;
    const volume = dot(a, cross(b, c));
    this.rows = [times(cross(b, c), 1 / volume), times(cross(c, a), 1 / volume), times(cross(a, b), 1 / volume)];
  }

  toVoxel(point: Vec): Vec {
    const from = plus(point, this.origin, -1);
    return this.rows.map((row) => dot(row, from)) as Vec;
  }

  toMm(voxel: Vec): Vec {
    return this.columns.reduce<Vec>((sum, column, n) => plus(sum, column, voxel[n]), this.origin);
  }

  /** The nearest point inside of the volume, on a voxel where that is wanted. */
  inside(point: Vec, onVoxel: boolean): Vec {
    const voxel = this.toVoxel(point).map((value, n) => Math.min(Math.max(onVoxel ? Math.round(value) : value, 0), (this.geometry.shape[n] ?? 1) - 1));
    return this.toMm(voxel as Vec);
  }

  /** Way in mm from layer to layer of voxels in a direction, as the server reckons it. */
  step(direction: Vec): number {
    return 1 / Math.max(...this.rows.map((row) => Math.abs(dot(row, direction))));
  }
}

/** The letters of a direction: the patient's left, back, head and their opposites; two where it leans. */
export function letters(direction: Vec): string {
  const names = [["L", "R"], ["P", "A"], ["H", "F"]] as const;
  return [0, 1, 2]
    .map((n) => ({ share: Math.abs(direction[n] ?? 0), letter: names[n]?.[(direction[n] ?? 0) >= 0 ? 0 : 1] ?? "" }))
    .filter((one) => one.share > 0.3)
    .sort((a, b) => b.share - a.share)
    .map((one) => one.letter)
    .join("");
}
