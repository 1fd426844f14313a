/** Sending pictures: many files and folders at once, four at a time, progress in numbers, refusals with reasons. */

import { get, post, putFile, remove } from "./api";
import { askDetails } from "./details";
import { fill, h } from "./dom";
import { bytes, t } from "./i18n";
import { icon } from "./icons";
import { askLens } from "./lens";
import { IN_PARTS, sendInParts } from "./parts";
import { setPath, slidesIn } from "./slide_files";
import { me } from "./session";
import { complain, sentenceOf, toast } from "./toast";
import type { UploadBegun, UploadState, WaitingUpload } from "./types";

const AT_ONCE = 4;
const ASK_EVERY_MS = 700;
const LISTED = 200;

/** A file as it is listed: of one that arrived before a reload nobody knows the name. */
interface Named {
  name: string;
  size: number;
}

/** A file that is to be sent, and how much of it is there already. */
interface Due {
  n: number;
  file: File;
  kept: number;
}

/** All uploads of this page, each shown as one card. */
export class Uploads {
  readonly element = h("div", { class: "uploads", "aria-live": "polite" });
  /** Whether the person wants to see what files tell of the patient before they are kept. */
  lookFirst = me().identity_lens;
  private readonly running = new Set<AbortController>();

  /** changed: called whenever a study has appeared. studyId: every file belongs to this study. */
  constructor(
    private readonly changed: () => void,
    private readonly studyId: string | null = null,
  ) {
    window.addEventListener("beforeunload", this.warn);
  }

  destroy(): void {
    window.removeEventListener("beforeunload", this.warn);
    for (const one of this.running) one.abort();
  }

  async send(files: File[]): Promise<void> {
    if (files.length === 0) return;
    const { files: sent, parts } = slidesIn(files);
    if (sent.length !== files.length) files = sent;
    const due = files.map((file, n) => ({ n, file, kept: 0 }));
    const sizes = files.some((file) => file.size > IN_PARTS) ? files.map((file) => file.size) : [];
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    const begin = () => post<UploadBegun>("/api/uploads", { files: files.length, bytes, look_first: this.lookFirst, sizes, parts });
    await this.carry(async () => (await begin()).upload_id, files, due, () => void this.send(files));
  }

  /** Go on with an upload that broke off; files: those that are missing, by their numbers. */
  async resume(waiting: WaitingUpload, files: Map<number, File>): Promise<void> {
    const listed = waiting.files.map((one): Named => files.get(one.n) ?? { name: t("ui.upload.file_number", { n: one.n + 1 }), size: one.bytes });
    const due = [...files].map(([n, file]) => ({ n, file, kept: waiting.files[n]?.kept ?? 0 }));
    await this.carry(async () => waiting.upload_id, listed, due);
  }

  private async carry(begin: () => Promise<string>, files: Named[], due: Due[], again?: () => void): Promise<void> {
    const abort = new AbortController();
    this.running.add(abort);
    const card = new Card(files, () => abort.abort());
    this.element.append(card.element);
    let id = "";
    try {
      id = await begin();
      files.forEach((file, n) => due.some((one) => one.n === n) || card.sent(n, file.size, true));
      await sendAll(id, due, card, abort.signal);
      await post(`/api/uploads/${id}/finish`, { study_id: this.studyId });
      await this.follow(id, files, card, abort.signal, again);
    } catch (error) {
      if (abort.signal.aborted) {
        card.element.remove();
        if (id) remove(`/api/uploads/${id}`).catch(complain);
      } else card.fail(sentenceOf(error), again && (() => (card.element.remove(), again())));
    } finally {
      this.running.delete(abort);
    }
  }

  /** Ask how far the reading is until it is over; studies appear as they are found. */
  private async follow(id: string, files: Named[], card: Card, signal: AbortSignal, again?: () => void): Promise<void> {
    let seen = -1;
    for (;;) {
      signal.throwIfAborted();
      const now = await get<UploadState>(`/api/uploads/${id}`, { signal });
      card.reading(now);
      if (now.studies.length !== seen) {
        seen = now.studies.length;
        this.changed();
      }
      if (now.state === "needs_decision" && now.lens) {
        const decision = await askLens(id, now.lens, signal);
        if (!decision) {
          await remove(`/api/uploads/${id}`);
          card.element.remove();
          return;
        }
        await post(`/api/uploads/${id}/decision`, decision);
      } else if (now.state === "needs_details") {
        const details = await askDetails(now.pictures ?? [], signal);
        if (!details) {
          await remove(`/api/uploads/${id}`);
          card.element.remove();
          return;
        }
        await post(`/api/uploads/${id}/details`, details);
      } else if (now.state === "done" || now.state === "refused" || now.state === "interrupted") {
        card.finish(now, files, again);
        this.changed();
        return;
      }
      await new Promise((resolve) => window.setTimeout(resolve, ASK_EVERY_MS));
    }
  }

  private readonly warn = (event: BeforeUnloadEvent) => {
    if (this.running.size > 0) event.preventDefault();
  };
}

async function sendAll(id: string, due: Due[], card: Card, signal: AbortSignal): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let one = due[next++]; one; one = due[next++]) {
      const { n, file, kept } = one;
      const progress = (sent: number) => card.sent(n, sent);
      if (file.size > IN_PARTS) await sendInParts(id, n, file, kept, progress, (away) => card.connection(away), signal);
      else await putFile(`/api/uploads/${id}/files/${n}`, file, progress, signal);
      card.sent(n, file.size, true);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.length) }, lane));
}

/** One upload on the screen: total, each file, what was refused and why. */
class Card {
  readonly element: HTMLElement;
  readonly total: number;
  private readonly title = h("p", { class: "upload-title" });
  private readonly numbers = h("p", { class: "muted num" });
  private readonly bar = h("i");
  private readonly meter = h("div", { class: "meter", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
  private readonly actions = h("div", { class: "upload-actions" });
  private readonly rest = h("div", { class: "upload-rest" });
  private readonly parts: number[];
  private readonly lines: (HTMLElement | null)[] = [];
  private arrived = 0;

  constructor(
    private readonly files: Named[],
    cancel: () => void,
  ) {
    this.total = files.reduce((sum, file) => sum + file.size, 0);
    this.parts = files.map(() => 0);
    const list = h("ul", { class: "upload-files" });
    for (const file of files.slice(0, LISTED)) {
      const share = h("span", { class: "num muted" }, "0 %");
      list.append(h("li", {}, h("span", { class: "upload-name" }, file.name), h("span", { class: "num muted" }, bytes(file.size)), share));
      this.lines.push(share);
    }
    const details = h("details", { class: "upload-list" }, h("summary", {}, t("ui.upload.files", { n: files.length })), list);
    this.meter.setAttribute("aria-label", t("ui.upload.progress"));
    fill(this.actions, h("button", { class: "button quiet", type: "button", on: { click: cancel } }, t("ui.cancel")));
    this.title.textContent = t("ui.upload.sending");
    this.element = h(
      "section",
      { class: "upload", "aria-label": t("ui.upload") },
      h("div", { class: "upload-head" }, icon("upload"), h("div", { class: "upload-words" }, this.title, this.numbers), this.actions),
      this.meter,
      this.rest,
      details,
    );
    this.show();
  }

  sent(n: number, size: number, whole = false): void {
    this.parts[n] = size;
    const of = this.files[n]?.size ?? 0;
    const line = this.lines[n];
    if (line) fill(line, whole ? icon("check", 14) : `${of ? Math.floor((100 * size) / of) : 0} %`);
    if (whole) this.arrived += 1;
    this.show();
  }

  private show(): void {
    const sum = this.parts.reduce((a, b) => a + b, 0);
    this.progress(this.total ? sum / this.total : 0);
    this.numbers.textContent = t("ui.upload.sent", { done: this.arrived, total: this.files.length, bytes: bytes(sum), of: bytes(this.total) });
  }

  /** While the connection is away, say so; what is here stays here. */
  connection(away: boolean): void {
    this.title.textContent = t(away ? "ui.upload.away" : "ui.upload.sending");
  }

  private progress(share: number): void {
    const percent = Math.round(100 * Math.min(1, share));
    this.bar.style.width = `${percent}%`;
    this.meter.setAttribute("aria-valuenow", String(percent));
  }

  reading(now: UploadState): void {
    if (now.state !== "reading" && now.state !== "needs_details" && now.state !== "needs_decision") return;
    this.title.textContent = t(`ui.upload.${now.state}`);
    const read = now.read;
    if (read) {
      this.progress(read.total ? read.done / read.total : 0);
      this.numbers.textContent = t("ui.upload.read", { done: read.done, total: read.total });
    }
  }

  fail(sentence: string, again?: () => void): void {
    this.element.classList.add("failed");
    this.title.textContent = t("ui.upload.failed");
    this.numbers.textContent = sentence;
    fill(this.actions, again && this.button("ui.upload.again", again), this.closer());
  }

  finish(now: UploadState, files: Named[], again?: () => void): void {
    this.progress(1);
    const refused = now.refused.length;
    this.element.classList.toggle("failed", now.state !== "done" && now.studies.length === 0);
    if (now.state === "interrupted") {
      this.fail(t("ui.upload.interrupted"), again);
      return;
    }
    this.title.textContent = now.studies.length > 0 ? t("ui.upload.done", { n: now.studies.length }) : t("ui.upload.nothing");
    this.numbers.textContent = [
      now.duplicates > 0 && t("ui.upload.duplicates", { n: now.duplicates }),
      refused > 0 && t("ui.upload.refused", { n: refused }),
    ].filter(Boolean).join(" · ");
    if (refused > 0) {
      const list = h("ul", { class: "upload-refused" });
      for (const one of now.refused.slice(0, LISTED)) {
        list.append(h("li", {}, icon("warn", 16), named(files, one.n), h("span", {}, one.sentence)));
      }
      fill(this.rest, list);
    }
    const only = now.studies.length === 1 ? now.studies[0] : undefined;
    fill(
      this.actions,
      only && h("a", { class: "button", href: `/app/study?id=${encodeURIComponent(only.study_id)}` }, t("ui.upload.open")),
      this.closer(),
    );
    if (refused === 0 && !only) window.setTimeout(() => this.element.remove(), 8000);
  }

  private button(key: string, run: () => void): HTMLElement {
    return h("button", { class: "button", type: "button", on: { click: run } }, t(key));
  }

  private closer(): HTMLElement {
    return h("button", { class: "tool", type: "button", "aria-label": t("ui.close"), on: { click: () => this.element.remove() } }, icon("close", 16));
  }
}

/** Two buttons, for files and for a folder; withChoice: and whether what they tell is shown before they are kept. */
export function picker(uploads: Uploads, withChoice = false): HTMLElement {
  const input = (folder: boolean) => {
    const element = h("input", { type: "file", multiple: true, class: "visually-hidden", tabindex: -1, "aria-hidden": "true" });
    if (folder) element.setAttribute("webkitdirectory", "");
    element.addEventListener("change", () => {
      void uploads.send([...(element.files ?? [])]);
      element.value = "";
    });
    return element;
  };
  const files = input(false);
  const folder = input(true);
  const look = h("input", { type: "checkbox", name: "look_first", checked: uploads.lookFirst });
  look.addEventListener("change", () => (uploads.lookFirst = look.checked));
  return h(
    "div",
    { class: "picker" },
    files,
    folder,
    h("button", { class: "button primary", type: "button", on: { click: () => files.click() } }, icon("upload"), t("ui.upload.choose")),
    h("button", { class: "button", type: "button", on: { click: () => folder.click() } }, icon("folder"), t("ui.upload.folder")),
    withChoice ? h("label", { class: "look-first" }, look, t("ui.lens.look_first")) : null,
  );
}

/** Files and folders may be dropped anywhere on the page. Returns how to stop listening. */
export function dropTarget(root: HTMLElement, uploads: Uploads): () => void {
  const cover = h("div", { class: "drop-cover", hidden: true }, icon("upload", 48), h("p", {}, t("ui.upload.drop")));
  root.append(cover);
  const over = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    cover.hidden = false;
  };
  const leave = (event: DragEvent) => {
    if (event.relatedTarget === null) cover.hidden = true;
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    cover.hidden = true;
    if (!event.dataTransfer) return;
    // The entries must be taken now: the list is emptied when this handler returns.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    filesOf(entries).then((files) => (files.length ? uploads.send(files) : toast("note", t("ui.upload.no_files"))), complain);
  };
  window.addEventListener("dragover", over);
  window.addEventListener("dragleave", leave);
  window.addEventListener("drop", drop);
  return () => {
    window.removeEventListener("dragover", over);
    window.removeEventListener("dragleave", leave);
    window.removeEventListener("drop", drop);
    cover.remove();
  };
}

async function filesOf(entries: FileSystemEntry[]): Promise<File[]> {
  const found: File[] = [];
  const waiting = [...entries];
  for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
    if (entry.isFile) {
      const file = entry as FileSystemFileEntry;
      const taken = await new Promise<File>((resolve, reject) => file.file(resolve, reject));
      setPath(taken, entry.fullPath);
      found.push(taken);
    } else {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      // A reader hands out at most 100 entries a time and says so only by an empty answer.
      for (;;) {
        const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
        if (some.length === 0) break;
        waiting.push(...some);
      }
    }
  }
  return found;
}

/** What a refused file is called; nothing where it was not one file's fault. */
function named(files: Named[], n: number | null): HTMLElement | null {
  return n === null ? null : h("span", { class: "upload-name" }, files[n]?.name ?? t("ui.upload.file_number", { n: n + 1 }));
}
