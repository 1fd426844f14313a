/** The library's tools for moving a picture, bound to buttons, wheel and fingers; one set for all panes. */

import { Enums, PanTool, StackScrollTool, ToolGroupManager, WindowLevelTool, ZoomTool } from "@cornerstonejs/tools";
import { theEngine } from "./engine";

const GROUP = "reading";
const { MouseBindings, KeyboardBindings } = Enums;
type MoveTool = "window" | "pan" | "zoom" | "slices";
const MOVING: Record<MoveTool, string> = { window: WindowLevelTool.toolName, pan: PanTool.toolName, zoom: ZoomTool.toolName, slices: StackScrollTool.toolName };
/** What needs no tool to be chosen. */
const ALWAYS: Partial<Record<MoveTool, object[]>> = {
  pan: [{ mouseButton: MouseBindings.Auxiliary }, { mouseButton: MouseBindings.Primary, modifierKey: KeyboardBindings.Shift }],
  zoom: [{ mouseButton: MouseBindings.Secondary }, { numTouchPoints: 2 }],
  slices: [{ mouseButton: MouseBindings.Wheel }, { numTouchPoints: 3 }],
};

export const isMoving = (name: string): boolean => name in MOVING;

export function openTools(): void {
  const group = ToolGroupManager.createToolGroup(GROUP);
  for (const name of Object.values(MOVING)) group?.addTool(name);
}

export const closeTools = (): void => ToolGroupManager.destroyToolGroup(GROUP);
export const giveTools = (viewportId: string): void => ToolGroupManager.getToolGroup(GROUP)?.addViewport(viewportId, theEngine().id);
export const takeTools = (viewportId: string): void => ToolGroupManager.getToolGroup(GROUP)?.removeViewports(theEngine().id, viewportId);

/** The chosen tool gets the left button and one finger; a drawing tool leaves both to the layer of the marks. */
export function bind(chosen: string): void {
  const group = ToolGroupManager.getToolGroup(GROUP);
  for (const [tool, full] of Object.entries(MOVING) as [MoveTool, string][]) {
    const bindings = [...(ALWAYS[tool] ?? [])];
    if (tool === chosen) bindings.push({ mouseButton: MouseBindings.Primary }, { numTouchPoints: 1 });
    group?.setToolPassive(full, { removeAllBindings: true });
    if (bindings.length > 0) group?.setToolActive(full, { bindings });
  }
}
