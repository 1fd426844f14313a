/** The marks of one study as the server keeps them. What a mark measures is the server's number, never the browser's. */

import { get, post, remove } from "../api";
import { t } from "../i18n";
import { complain, toast } from "../toast";
import type { Mark, MarkDraft, Point, Marks } from "../types";

export class MarkStore {
  private marks: Mark[] = [];
  private readonly listeners = new Set<() => void>();
  /** What is still on its way for a mark: a second change waits for the first. */
  private readonly waiting = new Map<Mark, Promise<void>>();

  constructor(readonly studyId: string) {}

  get all(): readonly Mark[] {
    return this.marks;
  }

  on = (instanceId: string, frame: number): Mark[] => this.marks.filter((mark) => mark.instance_id === instanceId && mark.frame === frame);
  keyOn = (instanceId: string, frame: number): Mark | undefined => this.on(instanceId, frame).find((mark) => mark.tool === "key");

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async load(): Promise<void> {
    this.marks = (await get<Marks>(this.path)).marks;
    this.tell();
  }

  /** On the screen at once, without a number; with the server's number as soon as it is kept. */
  async add(draft: MarkDraft): Promise<void> {
    const mark: Mark = { ...draft, id: "", measured: null };
    this.marks.push(mark);
    this.tell();
    await this.keep(mark);
  }

  async move(mark: Mark, points: Point[]): Promise<void> {
    mark.points = points;
    mark.measured = null;
    this.tell();
    await this.keep(mark);
  }

  /** Taken away at once; a word at the edge of the page brings it back. */
  async remove(mark: Mark): Promise<void> {
    this.marks = this.marks.filter((one) => one !== mark);
    this.tell();
    await this.waiting.get(mark);
    if (!mark.id) return;
    try {
      await remove(`${this.path}/${mark.id}`);
      toast("note", t("ui.marks.removed"), { label: t("ui.undo"), run: () => void this.add(draftOf(mark)) });
    } catch (error) {
      complain(error);
      await this.load().catch(complain);
    }
  }

  private async keep(mark: Mark): Promise<void> {
    const before = this.waiting.get(mark);
    const work = (async () => {
      await before;
      try {
        const kept = await post<Mark>(this.path, { ...draftOf(mark), replaces: mark.id || null });
        mark.id = kept.id;
        mark.measured = kept.measured;
      } catch (error) {
        complain(error);
        // What could not be kept must not look kept: show what the server has.
        await this.load().catch(complain);
      }
    })();
    this.waiting.set(mark, work);
    await work;
    if (this.waiting.get(mark) === work) this.waiting.delete(mark);
    this.tell();
  }

  private get path(): string {
    return `/api/studies/${this.studyId}/marks`;
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

const draftOf = ({ tool, instance_id, frame, points, label, view }: Mark): MarkDraft => ({ tool, instance_id, frame, points, label: label ?? null, view: view ?? null });
