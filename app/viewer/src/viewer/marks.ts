/** What a person measured: drawn with Cornerstone's tools, kept on the server in picture pixels. */

import { eventTarget, type Types } from "@cornerstonejs/core";
import { annotation, Enums, LengthTool, RectangleROITool } from "@cornerstonejs/tools";
import { get, post, remove } from "../api";
import { t } from "../i18n";
import { complain } from "../toast";
import type { Mark } from "../types";
import { frameOf, pixelSize } from "./frames";

const TOOL_NAMES: Record<Mark["tool"], string> = { length: LengthTool.toolName, box: RectangleROITool.toolName };

interface Drawn {
  annotationUID?: string;
  metadata: { toolName: string; referencedImageId?: string; FrameOfReferenceUID?: string };
  data: { handles: { points: Types.Point3[] }; cachedStats: Record<string, Record<string, number>> };
}

/** Pixel edges of a frame to the flat world the frames lie in, and back. */
export function toWorld(imageId: string, x: number, y: number): Types.Point3 {
  const found = frameOf(imageId);
  if (!found) return [0, 0, 0];
  const size = pixelSize(found.manifest);
  return [(x - 0.5) * size.column, (y - 0.5) * size.row, found.index];
}

export function toPixels(imageId: string, world: Types.Point3): [number, number] {
  const found = frameOf(imageId);
  if (!found) return [0, 0];
  const size = pixelSize(found.manifest);
  return [world[0] / size.column + 0.5, world[1] / size.row + 0.5];
}

/** The words beside a length: mm only where the header knows them. */
export function lengthWords(data: Drawn["data"], targetId: string): string[] {
  const [from, to] = data.handles.points;
  if (!from || !to) return [];
  const isMm = isMeasured(targetId);
  return [`${Math.hypot(to[0] - from[0], to[1] - from[1]).toFixed(1)} ${isMm ? "mm" : "px"}`];
}

/** The words beside a box: sides, then mean and spread of the values inside. */
export function boxWords(data: Drawn["data"], targetIds: readonly string[]): string[] {
  const targetId = targetIds[0] ?? "";
  const points = data.handles.points;
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  const unit = isMeasured(targetId) ? "mm" : "px";
  const lines = [`${(Math.max(...xs) - Math.min(...xs)).toFixed(1)} × ${(Math.max(...ys) - Math.min(...ys)).toFixed(1)} ${unit}`];
  const stats = data.cachedStats[targetId];
  const imageId = targetId.replace(/^imageId:/, "");
  const found = frameOf(imageId);
  if (stats && found && found.manifest.samples === 1 && typeof stats["mean"] === "number") {
    lines.push(`${stats["mean"].toFixed(1)} ± ${(stats["stdDev"] ?? 0).toFixed(1)} ${found.manifest.unit === "HU" ? "HU" : ""}`.trim());
  }
  return lines;
}

const isMeasured = (targetId: string): boolean => frameOf(targetId.replace(/^imageId:/, ""))?.manifest.spacing_mm != null;

/** Keeps the drawn marks of one study and the server's in step. */
export class Marks {
  private readonly ids = new Map<string, string>();
  private silent = false;

  constructor(
    private readonly element: HTMLDivElement,
    private readonly studyId: string,
    private readonly changed: () => void,
  ) {
    eventTarget.addEventListener(Enums.Events.ANNOTATION_COMPLETED, this.onDone);
    eventTarget.addEventListener(Enums.Events.ANNOTATION_MODIFIED, this.onDone);
    eventTarget.addEventListener(Enums.Events.ANNOTATION_REMOVED, this.onGone);
  }

  destroy(): void {
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_COMPLETED, this.onDone);
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_MODIFIED, this.onDone);
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_REMOVED, this.onGone);
    this.silent = true;
    annotation.state.removeAllAnnotations();
  }

  /** Put the kept marks of these frames on the screen. */
  async load(ids: readonly string[]): Promise<void> {
    const { marks } = await get<{ marks: Mark[] }>(`/api/studies/${this.studyId}/marks`);
    for (const mark of marks) {
      const imageId = ids.find((id) => {
        const line = frameOf(id)?.line;
        return line?.instance_id === mark.instance_id && line.frame === mark.frame;
      });
      if (!imageId || [...this.ids.values()].includes(mark.id)) continue;
      const [a, b] = mark.points.map(([x, y]) => toWorld(imageId, x, y)) as [Types.Point3, Types.Point3];
      const points: Types.Point3[] = mark.tool === "box" ? [a, [b[0], a[1], a[2]], [a[0], b[1], a[2]], b] : [a, b];
      const uid = crypto.randomUUID();
      this.ids.set(uid, mark.id);
      annotation.state.addAnnotation(
        {
          annotationUID: uid,
          highlighted: false,
          invalidated: true,
          isVisible: true,
          metadata: { toolName: TOOL_NAMES[mark.tool], referencedImageId: imageId, FrameOfReferenceUID: frameOf(imageId)?.series ?? "", viewPlaneNormal: [0, 0, -1], viewUp: [0, -1, 0] },
          data: { label: "", handles: { points, activeHandleIndex: null, textBox: { hasMoved: false, worldPosition: [0, 0, 0], worldBoundingBox: { topLeft: [0, 0, 0], topRight: [0, 0, 0], bottomLeft: [0, 0, 0], bottomRight: [0, 0, 0] } } }, cachedStats: {} },
        } as never,
        this.element,
      );
    }
    this.changed();
  }

  /** All marks that are on the screen, in picture pixels. */
  all(): (Omit<Mark, "id"> & { uid: string })[] {
    return (annotation.state.getAllAnnotations() as unknown as Drawn[]).flatMap((drawn) => {
      const mark = asMark(drawn);
      return mark && drawn.annotationUID ? [{ ...mark, uid: drawn.annotationUID }] : [];
    });
  }

  /** The last box drawn on a frame: x, y, width, height in picture pixels. */
  boxOn(imageId: string): [number, number, number, number] | null {
    const line = frameOf(imageId)?.line;
    const box = this.all().filter((mark) => mark.tool === "box" && mark.instance_id === line?.instance_id && mark.frame === line.frame).at(-1);
    const [a, b] = box?.points ?? [];
    if (!a || !b) return null;
    return [a[0], a[1], b[0] - a[0], b[1] - a[1]].map((value) => Math.round(value * 10) / 10) as [number, number, number, number];
  }

  /** Take away the mark that is selected, else the newest. */
  removeOne(): void {
    const chosen = annotation.selection.getAnnotationsSelected()[0] ?? this.all().at(-1)?.uid;
    if (chosen) annotation.state.removeAnnotation(chosen);
  }

  private readonly pending = new Map<string, number>();

  private readonly onDone = (event: Event) => {
    const drawn = (event as CustomEvent<{ annotation: Drawn }>).detail.annotation;
    const uid = drawn.annotationUID;
    if (this.silent || !uid) return;
    // Dragging a handle reports every step; what is kept is where it came to rest.
    window.clearTimeout(this.pending.get(uid));
    this.pending.set(uid, window.setTimeout(() => void this.keep(uid, drawn), 600));
    this.changed();
  };

  private async keep(uid: string, drawn: Drawn): Promise<void> {
    const mark = asMark(drawn);
    if (!mark || !annotation.state.getAnnotation(uid)) return;
    try {
      const before = this.ids.get(uid);
      const { id } = await post<{ id: string }>(`/api/studies/${this.studyId}/marks`, mark);
      this.ids.set(uid, id);
      if (before) await remove(`/api/studies/${this.studyId}/marks/${before}`);
    } catch (error) {
      complain(error);
    }
  }

  private readonly onGone = (event: Event) => {
    const uid = (event as CustomEvent<{ annotation: Drawn }>).detail.annotation.annotationUID ?? "";
    window.clearTimeout(this.pending.get(uid));
    const id = this.ids.get(uid);
    if (this.silent) return;
    this.ids.delete(uid);
    if (id) remove(`/api/studies/${this.studyId}/marks/${id}`).catch(complain);
    this.changed();
  };
}

function asMark(drawn: Drawn): Omit<Mark, "id"> | null {
  const imageId = drawn.metadata.referencedImageId;
  const found = imageId ? frameOf(imageId) : undefined;
  if (!imageId || !found) return null;
  const tool = (Object.keys(TOOL_NAMES) as Mark["tool"][]).find((name) => TOOL_NAMES[name] === drawn.metadata.toolName);
  if (!tool) return null;
  const pixels = drawn.data.handles.points.map((point) => toPixels(imageId, point));
  const xs = pixels.map((point) => point[0]);
  const ys = pixels.map((point) => point[1]);
  const points: [number, number][] =
    tool === "box"
      ? [[Math.min(...xs), Math.min(...ys)], [Math.max(...xs), Math.max(...ys)]]
      : [pixels[0] as [number, number], pixels[1] as [number, number]];
  return { tool, instance_id: found.line.instance_id, frame: found.line.frame, points, label: t(`ui.tool.${tool}`) };
}
