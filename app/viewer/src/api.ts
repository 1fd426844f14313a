/** Talking to the server: same origin, CSRF header on everything that changes something, errors as sentences. */

import type { Session } from "./types";

/** What the server refused, in the reader's own language, with the number that stands in the log. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly sentence: string,
    readonly reference: string | null,
    readonly lost: boolean,
    readonly facts: Record<string, unknown>,
  ) {
    super(sentence);
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {}

interface Options {
  body?: unknown;
  signal?: AbortSignal;
  /** Throw on an expired session instead of leaving the page: for text that is not saved yet. */
  stay?: boolean;
}

let csrf = "";

/** Told before the page leaves for the sign-in page; whoever holds text that is not saved prevents it. */
export const SESSION_OVER = "dfm-session-over";

export function signInAddress(): string {
  return `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/** JSON in, JSON out. Raises ApiError or Unreachable; an expired session goes to the sign-in page, unless text would be lost. */
export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const response = await reach(path, {
    method,
    headers,
    credentials: "same-origin",
    body: options.body === undefined ? null : JSON.stringify(options.body),
    signal: options.signal ?? null,
  });
  if (!response.ok) throw await refusal(response, options.stay ?? false);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export const get = <T>(path: string, options?: Options) => request<T>("GET", path, options);
export const post = <T>(path: string, body: unknown = {}, options: Options = {}) =>
  request<T>("POST", path, { ...options, body });
export const put = <T>(path: string, body: unknown, options: Options = {}) =>
  request<T>("PUT", path, { ...options, body });
export const patch = <T>(path: string, body: unknown) => request<T>("PATCH", path, { body });
export const remove = <T>(path: string) => request<T>("DELETE", path);

/** A response body as it is: frames of a series, an event stream. */
export async function raw(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await reach(path, { credentials: "same-origin", ...init });
  if (!response.ok) throw await refusal(response, false);
  return response;
}

/** Send one file with progress. `fetch` still cannot report upload progress, so this one is an XMLHttpRequest. */
export function putFile(path: string, file: Blob, progress: (sent: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", path);
    xhr.setRequestHeader("X-CSRF-Token", csrf);
    xhr.setRequestHeader("Content-Type", "application/octet-stream");
    xhr.upload.onprogress = (event) => progress(event.loaded);
    xhr.onerror = () => reject(new Unreachable());
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) return resolve();
      const response = new Response(xhr.responseText, { status: xhr.status });
      refusal(response, false).then(reject, reject);
    };
    signal.addEventListener("abort", () => xhr.abort(), { once: true });
    xhr.send(file);
  });
}

/** Read who is signed in; its CSRF token is used from here on. */
export async function openSession(stay = false): Promise<Session> {
  const session = await get<Session>("/api/session", { stay });
  csrf = session.csrf;
  return session;
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable();
  }
}

async function refusal(response: Response, stay: boolean): Promise<ApiError> {
  if (response.status === 401 && !stay && document.dispatchEvent(new Event(SESSION_OVER, { cancelable: true }))) {
    location.assign(signInAddress());
    await new Promise(() => {}); // the page is leaving; nobody should act on this any more
  }
  let error: Record<string, unknown> = {};
  try {
    error = ((await response.json()) as { error?: Record<string, unknown> }).error ?? {};
  } catch {
    // A proxy answered, not the application: the status is all there is.
  }
  return new ApiError(
    response.status,
    String(error["code"] ?? `http.${response.status}`),
    String(error["sentence"] ?? ""),
    error["reference"] ? String(error["reference"]) : null,
    error["lost"] === true,
    (error["facts"] as Record<string, unknown> | undefined) ?? {},
  );
}
