/** A look-up table of the file as the library's curve: exact at every value that the table tells apart. */

import { Enums, type Types } from "@cornerstonejs/core";
import { get } from "../api";
import type { WindowValue, Table as KeptTable } from "../types";

export interface Table {
  /** Values and their shares of full brightness; straight between them. */
  nodes: [number, number][];
  /** The straight window nearest to it: what the numbers on the page say, and where a reader's own window begins. */
  window: WindowValue;
}

interface Curve {
  setNodes(nodes: { x: number; r: number; g: number; b: number; midpoint: number; sharpness: number }[]): boolean;
}

export async function fetchTable(url: string): Promise<Table> {
  const { nodes, window } = await get<KeptTable>(`${url}/table`);
  return { nodes, window: { ...window, table: true } };
}

/** The share of full brightness of a value. */
export function shareIn({ nodes }: Table, value: number): number {
  let [low, high] = [0, nodes.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (nodes[middle]![0] <= value) low = middle;
    else high = middle;
  }
  const [[x, y], [to, share]] = [nodes[low]!, nodes[high]!];
  return to === x ? y : y + (share - y) * Math.min(1, Math.max(0, (value - x) / (to - x)));
}

/** Draw by the table what is drawn by a window; the library keeps its own idea of the window. */
export function drawTable(viewport: Types.IStackViewport, table: Table): void {
  const inverted = viewport.getProperties().invert ?? false;
  const nodes = table.nodes.map(([x, share]) => {
    const gray = inverted ? 1 - share : share;
    return { x, r: gray, g: gray, b: gray, midpoint: 0.5, sharpness: 0 };
  });
  curveIn(viewport)?.setNodes(nodes);
}

/** Back to windows: the library makes a curve anew only when its kind changes. */
export function forgetTable(viewport: Types.IStackViewport): void {
  const { LINEAR, SAMPLED_SIGMOID } = Enums.VOILUTFunctionType;
  viewport.setProperties({ VOILUTFunction: SAMPLED_SIGMOID }, true);
  viewport.setProperties({ VOILUTFunction: LINEAR }, true);
}

function curveIn(viewport: Types.IStackViewport): Curve | undefined {
  const actor = viewport.getDefaultActor()?.actor as { getProperty(): { getRGBTransferFunction(index: number): Curve } } | undefined;
  return actor?.getProperty().getRGBTransferFunction(0);
}
