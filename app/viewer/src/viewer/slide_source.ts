/** Tiles of a slide as OpenSeadragon asks for them: fetched like everything else, so that a refusal is heard. */

import type OpenSeadragon from "openseadragon";
import { ApiError, raw } from "../api";
import { complain } from "../toast";
import type { SlideManifest } from "../types";

/** The smallest tile that is asked for holds the slide at up to this many pixels; still smaller ones only cost requests. */
const FIRST_DEPTH = 8;
let complained = 0;

interface Job {
  src: string;
  userData: { abort?: AbortController };
  finish(data: Blob, request: null, type: string): void;
  fail(words: string, request: null): void;
}

export function tileSource(manifest: SlideManifest): OpenSeadragon.TileSourceOptions {
  return {
    width: manifest.width,
    height: manifest.height,
    tileSize: manifest.tile,
    tileOverlap: 0,
    minLevel: Math.min(FIRST_DEPTH, manifest.depth),
    maxLevel: manifest.depth,
    getTileUrl: (level: number, column: number, row: number) => `${manifest.tiles}/${level}/${column}/${row}`,
    downloadTileStart: (job: Job) => {
      const abort = new AbortController();
      job.userData.abort = abort;
      raw(job.src, { signal: abort.signal })
        .then((response) => response.blob())
        .then((data) => job.finish(data, null, "rasterBlob"))
        .catch((error: unknown) => {
          job.fail(error instanceof ApiError ? error.code : "unreachable", null);
          if (!abort.signal.aborted) once(error);
        });
    },
    downloadTileAbort: (job: Job) => job.userData.abort?.abort(),
  } as unknown as OpenSeadragon.TileSourceOptions;
}

/** A server that is away fails a screen of tiles at once; one sentence is enough for all of them. */
function once(error: unknown): void {
  if (Date.now() - complained < 10_000) return;
  complained = Date.now();
  complain(error);
}
