/** An answer as it is written: pieces over server-sent events, taken up again where the line broke. */

import { ApiError, raw, Unreachable } from "./api";

interface Piece {
  a: number;
  s: number;
  t: string;
}

export interface Listener {
  /** The whole text so far, from the attempt that is running now. */
  text(text: string, attempt: number): void;
  place(place: number): void;
  /** Nothing more will come; read the answer itself for how it ended. */
  end(): void;
  lost(error: unknown): void;
}

const AGAIN_MS = [500, 1000, 2000, 4000, 8000];

/** Follow one answer until its end; returns how to stop following (the answer itself goes on). */
export function follow(answerId: string, listener: Listener): () => void {
  const abort = new AbortController();
  let attempt = -1;
  let last = -1;
  let text = "";
  let over = false;

  const onPiece = (piece: Piece) => {
    // A worker that took over starts the answer again: what the first one wrote is gone.
    if (piece.a < attempt || (piece.a === attempt && piece.s <= last)) return;
    if (piece.a > attempt) text = "";
    attempt = piece.a;
    last = piece.s;
    text += piece.t;
    listener.text(text, attempt);
  };
  const onEvent = (name: string, data: string) => {
    if (name === "piece") onPiece(JSON.parse(data) as Piece);
    else if (name === "place") listener.place((JSON.parse(data) as { place: number }).place);
    else if (name === "end") over = true;
  };

  void (async () => {
    for (let failures = 0; !over && !abort.signal.aborted; ) {
      try {
        const response = await raw(`/api/answers/${answerId}/stream?offset=0`, { signal: abort.signal, headers: { Accept: "text/event-stream" } });
        await read(response, (name, data) => {
          failures = 0;
          onEvent(name, data);
        });
      } catch (error) {
        if (abort.signal.aborted) return;
        const passing = error instanceof Unreachable || error instanceof TypeError || (error instanceof ApiError && error.status >= 500);
        if (!passing || failures >= AGAIN_MS.length) return listener.lost(error);
      }
      if (!over) await new Promise((resolve) => window.setTimeout(resolve, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]));
    }
    if (!abort.signal.aborted) listener.end();
  })();
  return () => abort.abort();
}

async function read(response: Response, event: (name: string, data: string) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value.replaceAll("\r\n", "\n");
    for (let cut = rest.indexOf("\n\n"); cut >= 0; cut = rest.indexOf("\n\n")) {
      const lines = rest.slice(0, cut).split("\n");
      rest = rest.slice(cut + 2);
      const name = lines.find((line) => line.startsWith("event:"))?.slice(6).trim() ?? "message";
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (data || name === "end") event(name, data);
    }
  }
}
