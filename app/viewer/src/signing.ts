/** What is checked before a signature, the signature itself, and what may be added after it. */

import { get, post } from "./api";
import { fill, h } from "./dom";
import { t } from "./i18n";
import { icon, type IconName } from "./icons";
import { me } from "./session";
import { complain, sentenceOf } from "./toast";
import type { Checklist as Listed, ChecklistLine, Report } from "./types";

const ICONS = { stop: "error", warn: "warn", ok: "check" } as const;

export class Checklist {
  readonly element = h("div", { class: "checklist", role: "group", "aria-label": t("ui.checklist") });

  constructor(
    private readonly reportId: string,
    private readonly point: (line: ChecklistLine) => void,
  ) {}

  async load(): Promise<ChecklistLine[]> {
    try {
      const { checklist } = await get<Listed>(`/api/reports/${this.reportId}/checklist`);
      const order = ["stop", "warn", "ok"];
      const lines = checklist.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
      fill(this.element, h("ul", {}, ...lines.map((line) => this.line(line))));
      return lines;
    } catch (error) {
      complain(error);
      return [];
    }
  }

  private line(line: ChecklistLine): HTMLElement {
    const inside = [icon(ICONS[line.level], 16), h("span", {}, h("span", { class: "visually-hidden" }, `${t(`ui.checklist.${line.level}`)}: `), line.sentence)];
    const attributes = { class: `check-line ${line.level}`, "data-code": line.code };
    if (!line.section) return h("li", {}, h("div", attributes, ...inside));
    return h("li", {}, h("button", { ...attributes, type: "button", on: { click: () => this.point(line) } }, ...inside));
  }
}

/** Ask for the password under the whole statement; resolves true when the report is signed. */
export function signDialog(report: Report, lines: ChecklistLine[]): Promise<boolean> {
  const stops = lines.filter((line) => line.level === "stop");
  const warnings = lines.filter((line) => line.level === "warn");
  const boxes = warnings.map((line) => h("label", { class: "acknowledge" }, h("input", { type: "checkbox", required: true, value: line.code }), h("span", {}, line.sentence)));
  return askPassword({
    title: t("ui.sign.title"),
    words: [
      h("p", {}, t("ui.sign.statement", { name: me().user.display_name || me().user.username, version: report.version })),
      report.demonstration ? h("p", { class: "notice amber" }, icon("warn"), h("span", {}, t("ui.report.demonstration"))) : null,
      stops.length > 0 ? h("div", { class: "notice red" }, icon("error"), h("ul", {}, ...stops.map((line) => h("li", {}, line.sentence)))) : null,
      boxes.length > 0 ? h("fieldset", { class: "acknowledges" }, h("legend", { class: "quiet-title" }, t("ui.sign.acknowledge")), ...boxes) : null,
    ],
    button: t("ui.sign.now"),
    blocked: stops.length > 0,
    send: (password, code) => post(`/api/reports/${report.id}/sign`, { version: report.version, password, code, acknowledged: warnings.map((line) => line.code) }),
  });
}

/** Text that stands beside a signed report; resolves true when it was added. */
export function addendumDialog(report: Report): Promise<boolean> {
  const text = h("textarea", { class: "input", rows: 5, required: true, name: "text" });
  return askPassword({
    title: t("ui.report.add_addendum"),
    words: [h("p", { class: "muted" }, t("ui.addendum.hint")), h("label", { class: "field" }, h("span", {}, t("ui.addendum.text")), text)],
    button: t("ui.addendum.sign"),
    blocked: false,
    send: (password, code) => post(`/api/reports/${report.id}/addenda`, { text: text.value.trim(), password, code }),
  });
}

export interface Question {
  title: string;
  words: (Node | null)[];
  button: string;
  blocked: boolean;
  icon?: IconName;
  /** What cannot be undone looks so. */
  danger?: boolean;
  /** Something leaves; nothing is signed. */
  leave?: boolean;
  send(password: string, code: string): Promise<unknown>;
}

/** A dialog that wants the password and, with a second factor, a code; resolves true when what it sends was taken. */
export function askPassword(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const password = h("input", { class: "input", type: "password", name: "password", autocomplete: "current-password", required: true });
    const code = h("input", { class: "input", name: "code", autocomplete: "one-time-code", maxlength: 60, required: me().second_factor });
    const problem = h("p", { class: "notice red", role: "alert", hidden: true });
    const submit = h("button", { class: question.danger ? "button danger" : "button primary", type: "submit", disabled: question.blocked }, icon(question.icon ?? (question.danger ? "trash" : question.leave ? "leave" : "sign")), question.button);
    const form = h(
      "form",
      { class: "sheet" },
      h("h2", {}, question.title),
      ...question.words,
      h("label", { class: "field" }, h("span", {}, t("ui.sign.password")), password),
      me().second_factor ? h("label", { class: "field" }, h("span", {}, t("ui.sign.code")), code) : null,
      problem,
      h("div", { class: "row-end" }, h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("ui.cancel")), submit),
    );
    const dialog = h("dialog", { class: "signing", "aria-label": question.title }, form);
    let done = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit.disabled = true;
      question.send(password.value, code.value).then(
        () => {
          done = true;
          dialog.close();
        },
        (error: unknown) => {
          problem.textContent = sentenceOf(error);
          problem.hidden = false;
          submit.disabled = false;
          password.value = code.value = "";
          password.focus();
        },
      );
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(done);
    });
    (document.querySelector(".dfm") ?? document.body).append(dialog);
    dialog.showModal();
    if (!question.blocked && question.words.length < 2) password.focus();
  });
}
