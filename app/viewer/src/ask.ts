/** Asking: the question and the picture it is about, the answer as it is written, how it ended. */

import { get, post } from "./api";
import { beyond } from "./beyond";
import { fill, find, h } from "./dom";
import { clock, t } from "./i18n";
import { icon } from "./icons";
import { follow } from "./stream";
import { Sending } from "./sending";
import type { Room } from "./study";
import { planeWords } from "./viewer/plane_words";
import { sizeOf } from "./viewer/picture";
import { complain, sentenceOf } from "./toast";
import type { Answer, ViewSeen, AnswerBegun, Answers } from "./types";


export class Ask {
  readonly element: HTMLElement;
  readonly answers = new Map<string, Answer>();
  private readonly cards = new Map<string, AnswerCard>();
  private readonly list = h("div", { class: "answers", role: "log", "aria-label": t("ui.ask.answers"), tabindex: 0 });
  private readonly hint = h("div", { class: "ask-empty" }, icon("spark", 32), h("p", {}, t("ui.ask.empty")));
  private readonly field = h("textarea", { class: "input question", rows: 2, placeholder: t("ui.ask.placeholder"), "aria-label": t("ui.ask.placeholder") });
  private readonly about = h("p", { class: "about small muted num" });
  private readonly withBox = h("input", { type: "checkbox", id: "ask-box" });
  private readonly boxChoice = h("label", { class: "box-choice small", hidden: true }, this.withBox, t("ui.ask.box"));
  private readonly sending: Sending;
  private readonly send = h("button", { class: "button primary send", type: "submit", "aria-label": t("ui.ask.send"), title: `${t("ui.ask.send")} (Enter)` }, icon("send"));
  /** Other windows of this browser learn that there is something new; only the id of the study travels. */
  private readonly channel = new BroadcastChannel("dfm-answers");
  private readonly onFocus = () => document.visibilityState === "visible" && void this.load();
  private readonly changed: ((answer: Answer) => void)[] = [];

  constructor(private readonly room: Room) {
    this.sending = new Sending(room);
    const presets = h("div", { class: "presets", role: "group", "aria-label": t("ui.ask.presets") });
    presets.append(
      h("button", { class: "chip caption-chip", type: "button", "data-action": "caption", on: { click: () => void this.ask("captions", {}) } }, icon("caption", 16), t("ui.ask.caption")),
      ...room.page.presets.map((preset) => h("button", { class: "chip", type: "button", "data-preset": preset.id, on: { click: () => void this.ask("questions", { preset: preset.id }) } }, preset.text)),
    );
    const form = h("form", { class: "composer" }, presets, this.sending.element, h("div", { class: "about-row" }, this.about, this.boxChoice), h("div", { class: "field-row" }, this.field, this.send));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    this.field.addEventListener("keydown", (event) => {
      // Enter while a Korean syllable is being put together belongs to the keyboard.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    this.element = h("div", { class: "page ask" }, this.list, form);
    if (room.page.study.way === "emergency") find(this.hint, "p").textContent = t("ui.emergency.no_answers");
    fill(this.list, this.hint);
    this.channel.onmessage = (event) => event.data === room.studyId && void this.load();
    document.addEventListener("visibilitychange", this.onFocus);
    window.addEventListener("focus", this.onFocus);
    void this.load();
  }

  destroy(): void {
    this.channel.close();
    document.removeEventListener("visibilitychange", this.onFocus);
    window.removeEventListener("focus", this.onFocus);
    for (const card of this.cards.values()) card.destroy();
  }

  onAnswer(listener: (answer: Answer) => void): void {
    this.changed.push(listener);
  }

  /** The picture has changed: say what a question would be about. */
  onView(): void {
    const viewer = this.room.viewer();
    this.about.textContent = viewer?.seen() ? t("ui.ask.about", { what: viewer.words() }) : "";
    const there = viewer?.hasBox() ?? false;
    if (there && this.boxChoice.hidden) this.withBox.checked = true;
    this.sending.draw();
    this.boxChoice.hidden = !there || !this.sending.isOpenOnly;
  }

  /** What a question, or a draft, is about. */
  view(withBox = !this.boxChoice.hidden && this.withBox.checked): ViewSeen | null {
    const seen = this.room.viewer()?.seen(withBox);
    return seen ? this.sending.with(seen) : null;
  }

  /** All answers of the study; those still running are followed again. */
  async load(): Promise<void> {
    try {
      const answers = (await get<Answers>(`/api/studies/${this.room.studyId}/answers`)).answers;
      for (const answer of answers.filter((one) => one.kind === "question" || one.kind === "caption")) this.show(answer);
    } catch (error) {
      complain(error);
    }
  }

  private async submit(): Promise<void> {
    const question = this.field.value.trim();
    if (!question) return this.field.focus();
    if (await this.ask("questions", { question })) this.field.value = "";
  }

  private async ask(what: "questions" | "captions", content: { question?: string; preset?: string }): Promise<boolean> {
    const view = this.view();
    if (!view) return false;
    this.send.disabled = true;
    try {
      const asked = await beyond((overridden) => post<AnswerBegun>(`/api/studies/${this.room.studyId}/${what}`, { ...content, view, overridden }));
      if (!asked) return false;
      this.show(await get<Answer>(`/api/answers/${asked.answer_id}`));
      this.list.scrollTop = this.list.scrollHeight;
      this.channel.postMessage(this.room.studyId);
      return true;
    } catch (error) {
      complain(error);
      return false;
    } finally {
      this.send.disabled = false;
    }
  }

  private show(answer: Answer): void {
    this.hint.remove();
    this.answers.set(answer.id, answer);
    let card = this.cards.get(answer.id);
    if (!card) {
      card = new AnswerCard(this.room, answer, this.list, (fresh) => {
        this.answers.set(fresh.id, fresh);
        this.changed.forEach((one) => one(fresh));
      });
      this.cards.set(answer.id, card);
      this.list.append(card.element);
    } else card.update(answer);
    this.changed.forEach((one) => one(answer));
  }
}

function viewWords(view: ViewSeen, at: { n: number; of: number } | null): string {
  if (view.pictures) return t("ui.seen.region", { size: sizeOf(view) });
  if (view.sources?.length) return t(view.montage ? "ui.seen.montage" : "ui.seen.several", { n: view.sources.length });
  if (view.plane) return planeWords(view.plane);
  return [
    at ? t("ui.seen.slice", at) : t("ui.seen.frame", { n: view.frame + 1 }),
    view.center !== null && view.center !== undefined ? `${Math.round(view.center)}/${Math.round(view.width ?? 0)}` : "",
    view.invert ? t("ui.seen.inverted") : "",
    view.box ? t("ui.seen.box") : "",
  ].filter(Boolean).join(" · ");
}

class AnswerCard {
  readonly element: HTMLElement;
  private readonly body = h("p", { class: "answer-text" });
  private readonly meta = h("div", { class: "answer-meta small muted" });
  private readonly actions = h("div", { class: "answer-actions" });
  private unfollow: (() => void) | null = null;

  constructor(
    private readonly room: Room,
    private answer: Answer,
    private readonly scroller: HTMLElement,
    private readonly changed: (answer: Answer) => void,
  ) {
    const question = answer.kind === "caption" ? t("ui.ask.caption") : (answer.question ?? "");
    this.element = h(
      "article",
      { class: "exchange", "data-answer": answer.id },
      h("div", { class: "question-bubble" }, h("p", {}, question), h("time", { class: "small num", datetime: answer.created_at }, clock(answer.created_at))),
      h("div", { class: "answer" }, this.body, this.meta, this.actions),
    );
    this.draw();
  }

  destroy(): void {
    this.unfollow?.();
  }

  update(answer: Answer): void {
    // What is being followed knows more than a list that was read a moment ago.
    if (this.unfollow && (answer.state === "waiting" || answer.state === "running")) return;
    this.answer = answer;
    this.draw();
  }

  private draw(): void {
    const { answer } = this;
    this.element.dataset["state"] = answer.state;
    const going = answer.state === "waiting" || answer.state === "running";
    if (answer.state === "failed") {
      fill(this.body, h("span", { class: "state failed" }, t("ui.answer.failed")), " ", answer.failure?.sentence ?? t("ui.answer.failed.unsaid"));
    } else if (!going || answer.text) this.body.textContent = answer.text ?? "";
    if (answer.state === "waiting" && !answer.text) this.body.textContent = placeWords(answer.place);
    if (answer.state === "stopped") this.body.append(" ", h("span", { class: "stopped muted" }, answer.text ? t("ui.answer.stopped") : t("ui.answer.stopped_empty")));
    fill(
      this.meta,
      answer.model?.demonstration ? h("span", { class: "demo-mark" }, t("ui.answer.demonstration")) : null,
      answer.view ? h("button", { class: "link", type: "button", title: t("ui.answer.go"), on: { click: () => this.room.showSeen(answer).catch(complain) } }, t("ui.answer.seen", { what: viewWords(answer.view, this.room.viewer()?.placeOf(answer.view) ?? null) })) : null,
      answer.seconds !== null && answer.seconds !== undefined ? h("span", { class: "num" }, t("ui.answer.seconds", { n: answer.seconds.toFixed(1) })) : null,
    );
    fill(
      this.actions,
      going && h("button", { class: "button small-button stop", type: "button", on: { click: () => void this.stop() } }, icon("stop", 14), t("ui.answer.stop")),
      !going && answer.boxes.length > 0 && h("button", { class: "button small-button quiet", type: "button", on: { click: () => this.room.showEvidence(answer) } }, icon("regions", 16), t("ui.answer.evidence")),
      (answer.state === "done" || answer.state === "stopped") && h("a", { class: "button small-button quiet", href: `/api/answers/${answer.id}/pdf`, target: "_blank", rel: "noopener" }, icon("pdf", 16), "PDF"),
    );
    if (going) this.follow();
  }

  private follow(): void {
    if (this.unfollow) return;
    const place = this.body;
    this.unfollow = follow(this.answer.id, {
      text: (text, attempt) => {
        this.keepInSight(() => {
          place.textContent = text;
          place.append(h("span", { class: "caret", "aria-hidden": "true" }));
        });
        if (this.element.dataset["state"] !== "running" || this.element.dataset["attempt"] !== String(attempt)) {
          this.element.dataset["state"] = "running";
          this.element.dataset["attempt"] = String(attempt);
        }
      },
      place: (n) => {
        if (this.element.dataset["state"] === "waiting") place.textContent = placeWords(n);
      },
      end: () => void this.settle(),
      lost: (error) => {
        this.unfollow = null;
        place.textContent = sentenceOf(error);
        find(this.actions, ".stop").replaceWith(h("button", { class: "button small-button", type: "button", on: { click: () => void this.settle() } }, t("ui.answer.look_again")));
      },
    });
  }

  /** Scroll along while the reader is at the end; leave them alone when they have scrolled up. */
  private keepInSight(change: () => void): void {
    const atEnd = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < 60;
    change();
    if (atEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  private async settle(): Promise<void> {
    try {
      this.answer = await get<Answer>(`/api/answers/${this.answer.id}`);
      this.unfollow = null;
      this.keepInSight(() => this.draw());
      this.changed(this.answer);
    } catch (error) {
      complain(error);
    }
  }

  private async stop(): Promise<void> {
    const button = find<HTMLButtonElement>(this.actions, ".stop");
    button.disabled = true;
    button.lastChild?.replaceWith(t("ui.answer.stopping"));
    try {
      await post(`/api/answers/${this.answer.id}/stop`);
    } catch (error) {
      button.disabled = false;
      complain(error);
    }
  }
}

function placeWords(place: number | null): string {
  if (place === null || place === undefined || place <= 0) return t("ui.answer.next");
  return t("ui.answer.place", { n: place });
}
