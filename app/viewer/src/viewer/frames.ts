/** Frames as Cornerstone wants them: raw values from our server, already rescaled; no decoding in the browser. */

import { cache, Enums, imageLoader, metaData, utilities, type Types } from "@cornerstonejs/core";
import { raw } from "../api";
import type { FrameLine, Manifest, Point } from "../types";
import { fetchTable, type Table } from "./table";
import { curveOf, FUNCTIONS } from "./voi";

const SCHEME = "dfm";
const CACHE_BYTES = 512 * 1024 * 1024;
const AHEAD = 3;
const PREFETCH_BYTES = 192 * 1024 * 1024;
const REST_MS = 400;

interface Known {
  manifest: Manifest;
  line: FrameLine;
  index: number;
  series: string;
  /** How the file wants this frame shown, when that is no window. */
  table?: Table;
}

const known = new Map<string, Known>();
const ARRAYS = { int16: Int16Array, uint16: Uint16Array, float32: Float32Array, uint8: Uint8Array } as const;

export function registerLoader(): void {
  cache.setMaxCacheSize(CACHE_BYTES);
  imageLoader.registerImageLoader(SCHEME, (imageId: string) => {
    const abort = new AbortController();
    return { promise: load(imageId, abort.signal) as Promise<Types.IImage & Record<string, unknown>>, cancelFn: () => abort.abort() };
  });
  metaData.addProvider(describe, 9999);
}

/** The image ids of a series, in scan order. */
export function register(series: string, manifest: Manifest): string[] {
  return manifest.frames.map((line, index) => {
    const id = `${SCHEME}:${line.instance_id}/${line.frame}`;
    known.set(id, { manifest, line, index, series });
    return id;
  });
}

export const frameOf = (imageId: string): Known | undefined => known.get(imageId);

/** Distance between pixels: mm where the header says so, else pixels of their stated shape. */
export function pixelSize(manifest: Manifest): { row: number; column: number; isMm: boolean } {
  if (manifest.spacing_mm) return { row: manifest.spacing_mm[0], column: manifest.spacing_mm[1], isMm: true };
  const aspect = Array.isArray(manifest.pixel_aspect) ? manifest.pixel_aspect[0] / manifest.pixel_aspect[1] : manifest.pixel_aspect;
  return { row: aspect || 1, column: 1, isMm: false };
}

/** Pixel edges of a frame to the flat world the frames lie in, and back. */
export function toWorld(imageId: string, x: number, y: number): Types.Point3 {
  const found = known.get(imageId);
  if (!found) return [0, 0, 0];
  const size = pixelSize(found.manifest);
  return [(x - 0.5) * size.column, (y - 0.5) * size.row, found.index];
}

export function toPixels(imageId: string, world: Types.Point3): Point {
  const found = known.get(imageId);
  if (!found) return [0, 0];
  const size = pixelSize(found.manifest);
  return [world[0] / size.column + 0.5, world[1] / size.row + 0.5];
}

/** Fetch the neighbours of a frame, nearest first, so that scrolling does not wait. */
export function fetchAround(ids: readonly string[], index: number): void {
  for (const id of outward(ids, index).slice(0, 2 * AHEAD)) {
    if (!cache.getImageLoadObject(id)) imageLoader.loadAndCacheImage(id).catch(() => {}); // shown again when it is looked at
  }
}

/** The frames of a stack from one outward: the next, the one before, the one after the next. */
function outward(ids: readonly string[], index: number): string[] {
  const found: string[] = [];
  for (let step = 1; step < ids.length; step++) {
    for (const at of [index + step, index - step]) {
      const id = ids[at];
      if (id) found.push(id);
    }
  }
  return found;
}

/**
 * The rest of a stack once a reader has come to rest in it: one frame after another, and no more than a part of the
 * room for frames, so that what was looked at before is not thrown out for what may never be looked at.
 */
export class Prefetch {
  private round = 0;

  at(ids: readonly string[], index: number): void {
    const mine = ++this.round;
    window.setTimeout(() => mine === this.round && void this.run(mine, outward(ids, index)), REST_MS);
  }

  stop(): void {
    this.round++;
  }

  private async run(mine: number, ids: readonly string[]): Promise<void> {
    let bytes = 0;
    for (const id of ids) {
      if (mine !== this.round || bytes > PREFETCH_BYTES) return;
      if (!cache.getImageLoadObject(id)) await imageLoader.loadAndCacheImage(id).catch(() => {}); // shown again when it is looked at
      bytes += cache.getImage(id)?.sizeInBytes ?? 0;
    }
  }
}

async function load(imageId: string, signal: AbortSignal): Promise<Types.IImage> {
  const found = known.get(imageId);
  if (!found) throw new Error("unknown frame");
  const response = await raw(found.line.url, { signal });
  if (response.headers.has("X-Table")) found.table ??= await fetchTable(found.line.url);
  const say = (name: string, otherwise: number) => Number(response.headers.get(name) ?? otherwise);
  const rows = say("X-Rows", found.manifest.rows);
  const columns = say("X-Columns", found.manifest.columns);
  const samples = say("X-Samples", found.manifest.samples);
  const dtype = (response.headers.get("X-Dtype") ?? found.manifest.dtype) as keyof typeof ARRAYS;
  const values = new ARRAYS[dtype](await response.arrayBuffer());
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const color = samples === 3;
  if (color) [low, high] = [0, 255];
  const first = found.table?.window ?? found.line.window ?? found.manifest.windows[0];
  const size = pixelSize(found.manifest);
  return {
    imageId,
    minPixelValue: low,
    maxPixelValue: high,
    slope: 1,
    intercept: 0,
    windowCenter: color ? 128 : (first?.center ?? (low + high + 1) / 2),
    // The library refuses a range of no width; the pane sets the exact one as soon as the frame is there.
    windowWidth: color ? 256 : Math.max(first?.width ?? high - low + 1, 1.01),
    voiLUTFunction: color || !first ? Enums.VOILUTFunctionType.LINEAR : FUNCTIONS[curveOf(first)],
    getPixelData: () => values,
    getCanvas: () => undefined as unknown as HTMLCanvasElement,
    rows,
    columns,
    height: rows,
    width: columns,
    color,
    rgba: false,
    numberOfComponents: samples,
    columnPixelSpacing: size.column,
    rowPixelSpacing: size.row,
    invert: false,
    photometricInterpretation: color ? "RGB" : "MONOCHROME2",
    sizeInBytes: values.byteLength,
    preScale: { enabled: true, scaled: true, scalingParameters: { modality: found.manifest.modality, rescaleSlope: 1, rescaleIntercept: 0 } },
    isPreScaled: true,
    imageFrame: {} as Types.IImageFrame,
    dataType: values.constructor.name as Types.PixelDataTypedArrayString,
    voxelManager: utilities.VoxelManager.createImageVoxelManager({ width: columns, height: rows, scalarData: values, numberOfComponents: samples }) as never,
  };
}

/** Each frame lies flat, one unit above the last: a stack is looked at, not cut. */
function describe(type: string, imageId: unknown): unknown {
  const found = typeof imageId === "string" ? known.get(imageId) : undefined;
  if (!found) return undefined;
  const { manifest } = found;
  const size = pixelSize(manifest);
  const bits = manifest.dtype === "uint8" ? 8 : 16;
  switch (type) {
    case "imagePlaneModule":
      return {
        frameOfReferenceUID: found.series,
        rows: manifest.rows,
        columns: manifest.columns,
        imageOrientationPatient: [1, 0, 0, 0, 1, 0],
        rowCosines: [1, 0, 0],
        columnCosines: [0, 1, 0],
        imagePositionPatient: [0, 0, found.index],
        rowPixelSpacing: size.row,
        columnPixelSpacing: size.column,
        pixelSpacing: [size.row, size.column],
        usingDefaultValues: !size.isMm,
        sliceThickness: 1,
      };
    case "imagePixelModule":
      return {
        samplesPerPixel: manifest.samples,
        photometricInterpretation: manifest.samples === 3 ? "RGB" : "MONOCHROME2",
        rows: manifest.rows,
        columns: manifest.columns,
        bitsAllocated: bits,
        bitsStored: bits,
        highBit: bits - 1,
        pixelRepresentation: manifest.dtype === "uint8" || manifest.dtype === "uint16" ? 0 : 1,
      };
    case "generalSeriesModule":
      return { modality: manifest.modality, seriesInstanceUID: found.series };
    case "voiLutModule": {
      const first = found.table?.window ?? found.line.window ?? manifest.windows[0];
      return first ? { windowCenter: [first.center], windowWidth: [first.width] } : undefined;
    }
    case "modalityLutModule":
      return { rescaleSlope: 1, rescaleIntercept: 0, rescaleType: manifest.unit };
    default:
      return undefined;
  }
}
