/**
 * The text of a report, edited in place and saved by itself.
 *
 * Two people may have it open: each save names the version it grew from, and a save that is too late overwrites
 * nothing. What is typed stays on the page until the server has it.
 */

import { ApiError, get, put, SESSION_OVER, signInAddress, Unreachable } from "./api";
import { wordDifference } from "./difference";
import { debounce, fill, h } from "./dom";
import { t } from "./i18n";
import { icon } from "./icons";
import { renew } from "./session";
import { complain, sentenceOf } from "./toast";
import { sectionsOf, type Report, type SectionName, type Sentence } from "./types";

const QUIET_MS = 1200;
type Texts = Partial<Record<SectionName | "indication" | "history", string>>;
export type Saved = Pick<Report, "version" | "sections"> & { saved_at?: string };

interface Events {
  saved(fresh: Saved): void;
  words(words: string): void;
  /** Another person's text was taken over. */
  replaced(report: Report): void;
}

export class Sections {
  readonly element = h("article", { class: "document" });
  private readonly notice = h("div", { class: "save-notice", hidden: true, role: "alert" });
  private readonly editors = new Map<keyof Texts, HTMLElement>();
  private readonly soon = debounce(QUIET_MS, () => void this.save());
  private saving: Promise<void> | null = null;
  private dirty = false;
  private version: number;
  private readonly names: readonly SectionName[];

  /** events: null for a signed report, which nobody edits. */
  constructor(
    private readonly report: Report,
    private readonly events: Events | null,
  ) {
    this.version = report.version;
    this.names = sectionsOf(report.sections);
    const legend = (["model", "edited", "person"] as const).map((origin) => h("span", { class: "sentence", "data-origin": origin }, t(`ui.origin.${origin}`)));
    this.element.append(this.notice, h("p", { class: "legend" }, ...legend));
    for (const name of ["indication", "history"] as const) this.plain(name, report[name] ?? "");
    for (const name of this.names) this.section(name, report.sections[name] ?? []);
    window.addEventListener("beforeunload", this.warn);
    document.addEventListener("visibilitychange", this.onHide);
    document.addEventListener(SESSION_OVER, this.onSessionOver);
  }

  destroy(): void {
    this.soon.flush();
    window.removeEventListener("beforeunload", this.warn);
    document.removeEventListener("visibilitychange", this.onHide);
    document.removeEventListener(SESSION_OVER, this.onSessionOver);
  }

  /** Everything typed is on the server when this resolves; throws nothing, the notice says what is wrong. */
  async flush(): Promise<void> {
    this.soon.flush();
    await this.saving;
  }

  /** Put the cursor on the sentence that a line of the checklist speaks of. */
  focusSentence(section: SectionName | null, index: number | null): void {
    const editor = section ? this.editors.get(section) : undefined;
    if (!editor) return;
    const sentence = index === null ? null : editor.querySelectorAll<HTMLElement>(".sentence")[index];
    (sentence ?? editor).scrollIntoView({ block: "center", behavior: "smooth" });
    editor.focus({ preventScroll: true });
    if (!sentence) return;
    sentence.classList.add("pointed");
    window.setTimeout(() => sentence.classList.remove("pointed"), 2400);
    const range = document.createRange();
    range.selectNodeContents(sentence);
    range.collapse(false);
    const selection = window.getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
  }

  private plain(name: "indication" | "history", text: string): void {
    if (!this.events && !text) return;
    this.block(name, [{ text, origin: "person", answer_id: null }], false);
  }

  private section(name: SectionName, sentences: Sentence[]): void {
    if (!this.events && sentences.length === 0) return;
    this.block(name, sentences, true);
  }

  private block(name: keyof Texts, sentences: Sentence[], marked: boolean): void {
    const editable = this.events !== null;
    const body = h("div", { class: "document-text", "data-section": name });
    if (editable) {
      body.setAttribute("contenteditable", "plaintext-only");
      body.setAttribute("role", "textbox");
      body.setAttribute("aria-multiline", "true");
      body.setAttribute("aria-label", t(`ui.section.${name}`));
      body.setAttribute("data-placeholder", t("ui.section.empty"));
      body.setAttribute("spellcheck", "false");
      body.addEventListener("input", () => {
        this.dirty = true;
        this.events?.words(t("ui.report.unsaved"));
        this.soon();
      });
      body.addEventListener("blur", () => this.soon.flush());
    }
    this.fillBody(body, sentences, marked);
    this.editors.set(name, body);
    this.element.append(h("section", { class: `document-section section-${name}` }, h("h3", {}, t(`ui.section.${name}`)), body));
  }

  private fillBody(body: HTMLElement, sentences: Sentence[], marked: boolean): void {
    const parts: (Node | string)[] = [];
    sentences.forEach((sentence, n) => {
      if (!sentence.text) return;
      const before = sentences[n - 1]?.text;
      if (before !== undefined) parts.push(/\n$/.test(before) || /^\d+\.\s/.test(sentence.text) ? "\n" : " ");
      if (!marked) return parts.push(sentence.text);
      const words = t(`ui.origin.${sentence.origin}`);
      return parts.push(h("span", { class: "sentence", "data-origin": sentence.origin, title: words }, sentence.text.replace(/\n$/, "")));
    });
    fill(body, ...parts);
  }

  private texts(): Texts {
    const read = (name: keyof Texts) => (this.editors.get(name)?.innerText ?? "").replace(/\u00a0/g, " ").trim();
    return Object.fromEntries((["indication", "history", ...this.names] as const).map((name) => [name, read(name)])) as Texts;
  }

  private async save(): Promise<void> {
    if (!this.dirty || !this.events) return;
    if (this.saving) await this.saving;
    if (!this.dirty) return;
    this.dirty = false;
    this.saving = this.send().finally(() => {
      this.saving = null;
    });
    await this.saving;
  }

  private async send(): Promise<void> {
    this.events?.words(t("ui.report.saving"));
    try {
      const fresh = await put<Saved>(`/api/reports/${this.report.id}`, { version: this.version, sections: this.texts() }, { stay: true });
      this.version = fresh.version;
      this.notice.hidden = true;
      if (!this.dirty) this.refresh(fresh);
      this.events?.saved(fresh);
    } catch (error) {
      this.dirty = true;
      await this.explain(error);
    }
  }

  /** Marks of origin come from the server; the section with the cursor in it is left as it is. */
  private refresh(fresh: Saved): void {
    for (const name of this.names) {
      const body = this.editors.get(name);
      if (body && body !== document.activeElement && fresh.sections?.[name]) this.fillBody(body, fresh.sections[name] ?? [], true);
    }
  }

  private async explain(error: unknown): Promise<void> {
    this.events?.words(t("ui.report.unsaved"));
    if (error instanceof ApiError && error.status === 401) {
      this.sessionOver();
    } else if (error instanceof ApiError && error.status === 409) {
      const theirs = await get<Report>(`/api/studies/${this.report.study_id}/report`);
      if (theirs.state === "final" || theirs.state === "amended") {
        this.say(t("ui.report.signed_meanwhile", { name: theirs.signed_by ?? "" }), [this.button("ui.report.take_theirs", () => this.take(theirs))], this.difference(theirs));
        return;
      }
      this.say(
        t("ui.report.conflict", { name: theirs.saved_by ?? t("ui.report.somebody"), version: theirs.version }),
        [
          this.button("ui.report.keep_mine", () => {
            this.version = theirs.version;
            void this.save();
          }),
          this.button("ui.report.take_theirs", () => this.take(theirs)),
        ],
        this.difference(theirs),
      );
    } else {
      this.say(sentenceOf(error), [this.saveAgain()]);
      if (error instanceof Unreachable) this.soon();
    }
  }

  private sessionOver(): void {
    this.say(t("ui.report.session_over"), [
      h("a", { class: "button small-button", href: signInAddress(), target: "_blank", rel: "noopener" }, t("ui.report.sign_in_again")),
      this.saveAgain(),
    ]);
  }

  /** With a fresh token: who signed in again in another tab has a new session. */
  private saveAgain(): HTMLElement {
    return this.button("ui.report.save_again", () => renew().then(() => this.save()).catch(complain));
  }

  private take(theirs: Report): void {
    this.dirty = false;
    this.events?.replaced(theirs);
  }

  /** Theirs against mine, section by section. */
  private difference(theirs: Report): HTMLElement {
    const mine = this.texts();
    const parts = this.names.flatMap((name) => {
      const before = (theirs.sections[name] ?? []).map((sentence) => sentence.text).join(" ");
      return before.trim() === mine[name] ? [] : [h("p", {}, h("b", {}, `${t(`ui.section.${name}`)}: `), ...wordDifference(before, mine[name] ?? ""))];
    });
    return h("div", { class: "conflict-difference" }, ...parts);
  }

  private say(sentence: string, actions: HTMLElement[], more?: HTMLElement): void {
    fill(this.notice, h("div", { class: "notice amber" }, icon("warn"), h("div", { class: "notice-body" }, h("p", {}, sentence), more ?? null, h("div", { class: "row" }, ...actions))));
    this.notice.hidden = false;
    this.notice.scrollIntoView({ block: "nearest" });
  }

  private button(key: string, run: () => void): HTMLElement {
    return h("button", { class: "button small-button", type: "button", on: { click: run } }, t(key));
  }

  private readonly warn = (event: BeforeUnloadEvent) => {
    if (this.dirty || this.saving) event.preventDefault();
  };

  private readonly onSessionOver = (event: Event) => {
    if (!this.dirty && !this.saving) return;
    event.preventDefault();
    this.sessionOver();
  };

  private readonly onHide = () => {
    if (document.visibilityState === "hidden") this.soon.flush();
  };
}
