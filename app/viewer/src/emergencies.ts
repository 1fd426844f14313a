/** Emergency accesses, for the auditor: who, when, why, what followed; each judged once. Patients appear as pseudonyms. */

import { get, post } from "./api";
import { fill, h } from "./dom";
import { clock, dayAndClock, t } from "./i18n";
import { icon } from "./icons";
import { shell } from "./shell";
import { complain, toast } from "./toast";
import type { EmergenciesWaiting, EmergencyCase, EmergencyFollowed } from "./types";

const LOOK_EVERY_MS = 30_000;

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.emergencies") });
  const waiting = h("div", { class: "cases" });
  const judged = h("div", { class: "cases" });
  const load = async () => {
    const cases = await get<EmergencyCase[]>("/api/emergencies");
    const open = cases.filter((one) => one.verdict === null);
    fill(waiting, ...open.map((one) => card(one, load)), open.length === 0 && h("p", { class: "muted" }, t(cases.length > 0 ? "ui.emergencies.all_judged" : "ui.emergencies.none")));
    fill(judged, ...cases.filter((one) => one.verdict !== null).map((one) => card(one, load)));
    if (judged.parentElement) judged.parentElement.hidden = open.length === cases.length;
    page.root.setAttribute("data-ready", "");
  };
  fill(
    page.main,
    h(
      "div",
      { class: "plain-page emergencies" },
      h("h1", {}, t("ui.emergencies.title")),
      h("p", { class: "muted" }, t("ui.emergencies.hint")),
      h("section", {}, h("h2", {}, t("ui.emergencies.waiting")), waiting),
      h("section", { hidden: true }, h("h2", {}, t("ui.emergencies.judged")), judged),
    ),
  );
  load().catch(complain);
  return page.destroy;
}

const facts = (one: EmergencyCase) => [
  t("ui.emergencies.span", { from: dayAndClock(one.opened_at), to: clock(one.ended_at ?? one.until) }),
  t("ui.emergencies.patient", { ref: one.ref.slice(0, 10) }),
  one.running ? t("ui.emergencies.running") : one.ended_at ? t("ui.emergencies.ended") : "",
];

function card(one: EmergencyCase, load: () => Promise<void>): HTMLElement {
  const state = one.verdict
    ? h("span", { class: one.verdict === "justified" ? "state final" : "state failed" }, t(`ui.emergencies.verdict.${one.verdict}`))
    : h("span", { class: one.overdue ? "state failed" : "state preliminary" }, t(one.overdue ? "ui.emergencies.overdue" : "ui.emergencies.due", { at: dayAndClock(one.due) }));
  const said = (label: string, words: string | null) => h("div", {}, h("h3", {}, label), h("p", { class: words === null ? "muted" : "wrap" }, words ?? t("ui.emergencies.erased")));
  return h(
    "article",
    { class: "card case", "data-case": one.id, "data-verdict": one.verdict ?? "none" },
    h("header", { class: "row spread" }, h("div", {}, h("b", {}, one.opened_by), h("p", { class: "muted small num" }, facts(one).filter(Boolean).join(" · "))), state),
    said(t("ui.emergencies.reason"), one.reason),
    followed(one),
    one.verdict === null ? judging(one, load) : said(t("ui.emergencies.judged_by", { name: one.reviewed_by ?? "", at: one.reviewed_at ? dayAndClock(one.reviewed_at) : "" }), one.note),
  );
}

/** Read only when it is opened: looking at it is an entry of the record too. */
function followed(one: EmergencyCase): HTMLElement {
  const list = h("ol", { class: "followed num small" });
  const details = h("details", {}, h("summary", {}, t("ui.emergencies.followed")), list);
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    get<EmergencyFollowed>(`/api/emergencies/${one.id}`).then(({ entries }) => {
      const lines = entries.map((entry) => h("li", {}, h("span", { class: "muted" }, `#${entry.seq} ${dayAndClock(entry.time)}`), h("span", {}, entry.action), h("span", { class: "muted" }, entry.object_type ? `${entry.object_type} ${entry.object_id?.slice(0, 8) ?? ""}` : "")));
      fill(list, ...lines, lines.length === 0 && h("li", { class: "muted" }, t("ui.emergencies.followed.none")));
    }, complain);
  });
  return details;
}

function judging(one: EmergencyCase, load: () => Promise<void>): HTMLElement {
  const choice = (value: string) => h("label", { class: "choice" }, h("input", { type: "radio", name: `verdict-${one.id}`, value, required: true }), t(`ui.emergencies.verdict.${value}`));
  const note = h("textarea", { class: "input", rows: 2, name: "note", maxlength: 2000, required: true });
  const keep = h("button", { class: "button primary", type: "submit" }, icon("check"), t("ui.emergencies.judge"));
  const form = h(
    "form",
    { class: "judging" },
    h("fieldset", {}, h("legend", { class: "quiet-title" }, t("ui.emergencies.verdict")), h("div", { class: "choices" }, choice("justified"), choice("unjustified"))),
    one.reason === null ? null : h("label", { class: "field" }, h("span", {}, t("ui.emergencies.note")), note),
    h("div", { class: "row-end" }, keep),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keep.disabled = true;
    const verdict = new FormData(form).get(`verdict-${one.id}`);
    post(`/api/emergencies/${one.id}/review`, { verdict, note: note.value.trim() })
      .then(() => toast("done", t("ui.emergencies.kept")))
      .then(load)
      .catch((error: unknown) => ((keep.disabled = false), complain(error)));
  });
  return form;
}

/** What waits, at the top of the auditor's other pages; looked at again while the page stays open. */
export function emergencyNotice(): { element: HTMLElement; destroy(): void } {
  const element = h("div", { role: "status", class: "emergency-notice" });
  const look = () =>
    get<EmergenciesWaiting>("/api/emergencies/waiting").then((found) => {
      const more = (["overdue", "running", "refused"] as const).filter((name) => found[name] > 0).map((name) => t(`ui.emergencies.notice.${name}`, { n: found[name] }));
      const quiet = found.unreviewed === 0 && more.length === 0;
      const words = h("span", { class: "num" }, [t("ui.emergencies.notice", { n: found.unreviewed }), ...more].join(" · "));
      fill(element, !quiet && h("div", { class: `notice ${found.overdue > 0 ? "red" : "amber"}` }, icon("emergency"), words, h("a", { class: "button small-button", href: "/audit/emergencies" }, t("ui.emergencies.look"))));
    }, complain);
  void look();
  const timer = window.setInterval(() => document.hidden || void look(), LOOK_EVERY_MS);
  return { element, destroy: () => window.clearInterval(timer) };
}
