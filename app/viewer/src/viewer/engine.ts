/** The one rendering engine of the page: an engine per opened series runs out of WebGL contexts. */

import { getShouldUseCPURendering, init as initCore, RenderingEngine } from "@cornerstonejs/core";
import { addTool, init as initTools, PanTool, StackScrollTool, WindowLevelTool, ZoomTool } from "@cornerstonejs/tools";
import { registerLoader } from "./frames";

let engine: RenderingEngine | null = null;

export function theEngine(): RenderingEngine {
  if (engine) return engine;
  initCore({ rendering: { webGlContextCount: 1 } } as never);
  initTools();
  registerLoader();
  forgetBrowserNotes();
  for (const tool of [WindowLevelTool, PanTool, ZoomTool, StackScrollTool]) addTool(tool);
  engine = new RenderingEngine("dfm");
  return engine;
}

/** Without a graphics card only straight windows can be drawn. */
export const drawsCurves = (): boolean => !getShouldUseCPURendering();

/** Two libraries note the graphics card and a log level in the browser; nothing of ours stays there. */
export function forgetBrowserNotes(): void {
  for (const key of Object.keys(localStorage)) if (/^(cornerstone3D|loglevel)/.test(key)) localStorage.removeItem(key);
}
