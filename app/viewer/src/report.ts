/** The report: asked for, drafted, edited in place as a document, checked, signed, amended. */

import { ApiError, get, post } from "./api";
import { beyond } from "./beyond";
import { Draft } from "./draft";
import { DifferenceView } from "./difference";
import { fill, h } from "./dom";
import { clock, dayAndClock, t } from "./i18n";
import { icon } from "./icons";
import { releaseDialog } from "./leaving";
import { Sections } from "./sections";
import { addendumDialog, Checklist, signDialog } from "./signing";
import { PlanForm } from "./plan";
import type { Room } from "./study";
import { complain, toast } from "./toast";
import type { Report, Answers, DraftBegun } from "./types";

export class ReportPanel {
  readonly element = h("div", { class: "page report" });
  private sections: Sections | null = null;
  private draft: Draft | null = null;

  constructor(private readonly room: Room) {
    void this.load();
  }

  destroy(): void {
    this.sections?.destroy();
    this.draft?.destroy();
  }

  /** Read where the report stands; drafts that are still being written are followed again. */
  async load(): Promise<void> {
    try {
      const { answers } = await get<Answers>(`/api/studies/${this.room.studyId}/answers`);
      const going = answers.filter((one) => one.kind.startsWith("report_") && (one.state === "waiting" || one.state === "running"));
      const report = this.room.page.report && going.length === 0 ? await this.read() : null;
      if (going.length > 0) this.follow(going.map((one) => one.id));
      else if (report) this.show(report);
      else if (this.onlyLooking) this.showNone();
      else this.showForm();
    } catch (error) {
      complain(error);
    }
  }

  private async read(): Promise<Report | null> {
    try {
      return await get<Report>(`/api/studies/${this.room.studyId}/report`);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  private showForm(previous?: { indication: string; history: string }): void {
    this.destroy();
    const area = (name: string, rows: number, value = "") => h("textarea", { class: "input", name, rows, id: `report-${name}` }, value);
    const field = (name: string, rows: number, value?: string) => h("label", { class: "field" }, h("span", {}, t(`ui.report.${name}`)), area(name, rows, value));
    const button = h("button", { class: "button primary", type: "submit" }, icon("spark"), t("ui.report.draft"));
    const slides = this.room.page.series.some((one) => one.slide);
    const plan = slides ? new PlanForm(this.room) : null;
    const form = h(
      "form",
      { class: "report-form" },
      h("p", { class: "muted" }, t(slides ? "ui.report.form.slide_hint" : "ui.report.form.hint")),
      field("indication", 2, previous?.indication),
      field("history", 3, previous?.history),
      h("details", {}, h("summary", {}, t(slides ? "ui.report.macroscopy" : "ui.report.more")), h("div", { class: "report-form" }, ...(slides ? [field("macroscopy", 2)] : [field("technique", 2), field("comparison", 2)]))),
      plan?.element ?? null,
      h("div", { class: "row" }, button),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const view = this.room.asked();
      if (!view) return;
      button.disabled = true;
      const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
      const fields = plan?.views() ?? [];
      beyond((overridden) => post<DraftBegun>(`/api/studies/${this.room.studyId}/report`, { ...values, view, fields, overridden })).then(
        (begun) => {
          if (begun) this.follow(begun.answer_ids);
          else button.disabled = false;
        },
        (error: unknown) => {
          button.disabled = false;
          complain(error);
        },
      );
    });
    fill(this.element, h("div", { class: "report-scroll", tabindex: 0, role: "group", "aria-label": t("ui.tab.report") }, form));
  }

  private follow(ids: string[]): void {
    this.destroy();
    this.draft = new Draft(ids, () => void this.afterDraft());
    fill(this.element, h("div", { class: "report-scroll", tabindex: 0, role: "group", "aria-label": t("ui.tab.report") }, this.draft.element));
  }

  private async afterDraft(): Promise<void> {
    try {
      const report = await this.read();
      if (report) this.show(report);
      else this.showForm();
    } catch (error) {
      complain(error);
    }
  }

  private show(report: Report): void {
    this.destroy();
    this.room.showState(report.state, report.version);
    const signed = report.state === "final" || report.state === "amended";
    if (signed || this.onlyLooking) this.showFixed(report, signed);
    else this.showDraft(report);
  }

  private showDraft(report: Report): void {
    const checklist = new Checklist(report.id, (line) => sections.focusSentence(line.section, line.sentence_index));
    const sections = new Sections(report, {
      saved: (fresh) => {
        report.version = fresh.version;
        this.room.showSaved(t("ui.report.saved", { at: clock(fresh.saved_at ?? new Date().toISOString()), version: fresh.version }));
        this.room.showState(report.state, fresh.version);
        void checklist.load();
      },
      words: (words) => this.room.showSaved(words),
      replaced: (fresh) => this.show(fresh),
    });
    this.sections = sections;
    const difference = new DifferenceView(report.id, () => report.version);
    const marks = toggle("origin", t("ui.report.marks"), (on) => sections.element.classList.toggle("with-marks", on));
    const changes = toggle("compare", t("ui.report.changes"), (on) => {
      sections.element.hidden = on;
      difference.element.hidden = !on;
      if (on) void sections.flush().then(() => difference.load());
    });
    const preliminary = h("button", { class: "button", type: "button", on: { click: () => void this.preliminary(report, sections) } }, t("ui.report.preliminary"));
    if (report.state === "preliminary") preliminary.hidden = true;
    const sign = h("button", { class: "button primary", type: "button", "data-action": "sign", on: { click: () => void this.sign(report, sections, checklist) } }, icon("sign"), t("ui.report.sign"));
    fill(
      this.element,
      h("div", { class: "report-tools" }, marks, changes, h("span", { class: "spacer" }), pdfLink(report)),
      h(
        "div",
        { class: "report-scroll", tabindex: 0, role: "group", "aria-label": t("ui.tab.report") },
        report.demonstration ? h("p", { class: "notice amber" }, icon("warn"), h("span", {}, t("ui.report.demonstration"))) : null,
        sections.element,
        difference.element,
      ),
      h("div", { class: "report-foot" }, checklist.element, h("div", { class: "row-end" }, preliminary, sign)),
    );
    this.room.showSaved(t("ui.report.saved", { at: clock(report.saved_at), version: report.version }));
    void checklist.load();
  }

  /** Under an emergency access nothing is written. */
  private get onlyLooking(): boolean {
    return this.room.page.study.way === "emergency";
  }

  private showNone(): void {
    fill(this.element, h("div", { class: "ask-empty" }, icon("caption", 32), h("p", {}, t("ui.emergency.no_report"))));
  }

  /** A report that is not written on: signed, or seen in an emergency. */
  private showFixed(report: Report, signed: boolean): void {
    const sections = new Sections(report, null);
    this.sections = sections;
    const marks = toggle("origin", t("ui.report.marks"), (on) => sections.element.classList.toggle("with-marks", on));
    fill(
      this.element,
      h("div", { class: "report-tools" }, marks, h("span", { class: "spacer" })),
      h(
        "div",
        { class: "report-scroll", tabindex: 0, role: "group", "aria-label": t("ui.tab.report") },
        report.demonstration ? h("p", { class: "notice amber" }, icon("warn"), h("span", {}, t("ui.report.demonstration"))) : null,
        sections.element,
        signed && h("div", { class: "signature" }, icon("sign"), h("div", {}, h("p", {}, h("b", {}, t("ui.report.signed_by", { name: report.signed_by ?? "" }))), h("p", { class: "muted num" }, report.signed_at ? dayAndClock(report.signed_at) : ""), report.content_sha256 ? h("p", { class: "muted small hash", title: report.content_sha256 }, `SHA-256 ${report.content_sha256.slice(0, 16)}…`) : null)),
        ...report.addenda.map((one) => h("section", { class: "addendum" }, h("h3", {}, t("ui.report.addendum")), h("p", { class: "document-text" }, one.text), h("p", { class: "muted small num" }, `${one.signed_by} · ${dayAndClock(one.signed_at)}`))),
      ),
      !this.onlyLooking && h("div", { class: "report-foot" }, h("div", { class: "row-end" }, this.room.page.study.way === "owner" && h("button", { class: "button", type: "button", "data-action": "releases", on: { click: () => void releaseDialog(this.room.studyId).catch(complain) } }, icon("eye"), t("ui.release.open")), h("button", { class: "button", type: "button", on: { click: () => void this.addendum(report) } }, icon("plus"), t("ui.report.add_addendum")), fhirLink(report), pdfLink(report, true))),
    );
    this.room.showSaved(signed ? t("ui.report.signed_version", { version: report.version }) : t("ui.report.saved", { at: clock(report.saved_at), version: report.version }));
  }

  private async preliminary(report: Report, sections: Sections): Promise<void> {
    try {
      await sections.flush();
      await post(`/api/reports/${report.id}/preliminary`, { version: report.version });
      toast("done", t("ui.report.preliminary.done"));
      await this.afterDraft();
    } catch (error) {
      complain(error);
    }
  }

  private async sign(report: Report, sections: Sections, checklist: Checklist): Promise<void> {
    try {
      await sections.flush();
      const lines = await checklist.load();
      if (await signDialog(report, lines)) {
        toast("done", t("ui.report.signed.done"));
        await this.afterDraft();
      }
    } catch (error) {
      complain(error);
    }
  }

  private async addendum(report: Report): Promise<void> {
    if (await addendumDialog(report)) await this.afterDraft();
  }
}

function pdfLink(report: Report, filled = false): HTMLElement {
  return h("a", { class: filled ? "button primary" : "button small-button", href: `/api/reports/${report.id}/pdf`, target: "_blank", rel: "noopener", "data-action": "pdf" }, icon("pdf", 16), "PDF");
}

function fhirLink(report: Report): HTMLElement {
  return h("a", { class: "button", href: `/api/reports/${report.id}/fhir`, download: "", title: t("ui.report.fhir"), "data-action": "fhir" }, icon("send"), "FHIR");
}

function toggle(name: "origin" | "compare", words: string, change: (on: boolean) => void): HTMLElement {
  const button = h("button", { class: "tool tool-text toggle", type: "button", "aria-pressed": "false", "data-toggle": name }, icon(name, 16), words);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    change(on);
  });
  return button;
}
