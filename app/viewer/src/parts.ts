/** Large files in parts: sent one after the other, each with its digest, and gone on with after a break or a reload. */

import { ApiError, get, putFile, Unreachable } from "./api";
import type { KeptFile, WaitingUpload } from "./types";

/** Larger files come in parts; smaller ones are sent again as quickly as their place is found. */
export const IN_PARTS = 64 * 2 ** 20;
const PART = 16 * 2 ** 20;
const PAUSES_MS = [1000, 2000, 5000, 10_000, 15_000];
/** Tries in a row that bring nothing: about a quarter of an hour. */
const TRIES = 60;
/** Refusals that another try may mend: cut, changed on the way, or not where the server stands. */
const MENDED = ["app.upload_cut", "app.upload_digest", "app.upload_part"];

/** Send a file from where the server stands. broken: told while the connection is away, and once it is back. */
export async function sendInParts(
  uploadId: string, n: number, file: File, from: number, progress: (sent: number) => void, broken: (away: boolean) => void, signal: AbortSignal,
): Promise<void> {
  const address = `/api/uploads/${uploadId}/parts/${n}`;
  let kept = from;
  for (let failed = 0; kept < file.size; ) {
    const part = file.slice(kept, kept + PART);
    try {
      const digest = await digestOf(part);
      const before = kept;
      await putFile(`${address}?offset=${kept}${digest && `&sha256=${digest}`}`, part, (sent) => progress(before + sent), signal);
      kept += part.size;
      failed = 0;
      broken(false);
    } catch (error) {
      if (signal.aborted || !mayPass(error) || failed >= TRIES) throw error;
      broken(true);
      await pause(PAUSES_MS[Math.min(failed, PAUSES_MS.length - 1)] as number, signal);
      failed += 1;
      kept = await standing(address, kept, signal);
      progress(kept);
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof ApiError && (MENDED.includes(error.code) || [429, 502, 503, 504].includes(error.status)));
}

/** How much the server has; as far as we know where it does not answer. */
async function standing(address: string, known: number, signal: AbortSignal): Promise<number> {
  try {
    return (await get<KeptFile>(address, { signal })).kept;
  } catch (error) {
    if (!mayPass(error)) throw error;
    return known;
  }
}

/** SHA-256 in hex; nothing where the browser computes none, because the page came without TLS. */
async function digestOf(part: Blob): Promise<string> {
  if (!("subtle" in crypto)) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await part.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Which of the chosen files are those that are missing, by their numbers; null where one of them is not among these. */
export async function recognised(waiting: WaitingUpload, chosen: File[]): Promise<Map<number, File> | null> {
  const found = new Map<number, File>();
  const left = [...chosen];
  for (const missing of waiting.files.filter((one) => !one.whole)) {
    let place = -1;
    for (let n = 0; n < left.length && place < 0; n += 1) if (await isThe(left[n] as File, missing)) place = n;
    if (place < 0) return null;
    found.set(missing.n, left.splice(place, 1)[0] as File);
  }
  return found;
}

async function isThe(file: File, missing: KeptFile): Promise<boolean> {
  if (file.size !== missing.bytes) return false;
  if (!missing.head_bytes) return true;
  const head = await digestOf(file.slice(0, missing.head_bytes));
  return !head || head === missing.head;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = window.setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (window.clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
