/** Judging one report: what the model wrote, what was signed, errors by sentence, a rating; the time is measured. */

import { get, post } from "./api";
import { fill, h } from "./dom";
import { action, field, select } from "./form";
import { t } from "./i18n";
import { shell } from "./shell";
import { complain, toast } from "./toast";
import type { ReviewPage, SeenSentence } from "./types";

interface Mark {
  category: string;
  significant: boolean;
  section: string | null;
  sentence: number | null;
}

const WHOLE = ["missed_finding", "missed_comparison"];

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.review.title") });
  const id = new URLSearchParams(location.search).get("id") ?? "";
  get<ReviewPage>(`/api/review/reports/${encodeURIComponent(id)}`).then((seen) => {
    fill(page.main, judged(seen));
    page.root.setAttribute("data-ready", "");
  }, complain);
  return page.destroy;
}

function judged(seen: ReviewPage): HTMLElement {
  const begun = performance.now();
  const marks: Mark[] = [];
  const rating = select("rating", [["", t("ui.review.choose")], ...[1, 2, 3, 4, 5].map((n) => [String(n), `${n} · ${t(`ui.review.rating.${n}`)}`] as const)]);
  const comment = h("textarea", { class: "input", rows: 4 });
  const save = async () => {
    if (!rating.value) return toast("note", t("ui.review.rating.missing"));
    await post(`/api/review/reports/${seen.id}/reviews`, {
      rating: Number(rating.value),
      comment: comment.value,
      seconds: Math.round((performance.now() - begun) / 1000),
      marks,
    });
    location.assign("/research/");
  };
  const sections = Object.entries(seen.sections).filter(([, rows]) => rows.length > 0);
  return h(
    "div",
    { class: "plain-page review-page" },
    h("h1", {}, `${t("ui.review.title")} · ${seen.modality}`),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "card" },
        seen.pictures > 0
          ? h("img", { class: "review-picture", src: `/api/review/reports/${seen.id}/pictures/0.png`, alt: t("ui.review.picture") })
          : h("p", { class: "notice amber" }, t("ui.review.picture.withheld")),
        told("ui.section.indication", seen.indication),
        told("ui.section.history", seen.history),
        ...Object.entries(seen.drafts).map(([name, text]) => told(`ui.section.${name}`, text, t("ui.review.draft"))),
        ...seen.questions.map((one) => h("div", { class: "qa" }, h("p", {}, h("strong", {}, one.question ?? t("ui.review.withheld"))), h("p", {}, one.answer ?? t("ui.review.withheld")))),
      ),
      h(
        "div",
        { class: "card" },
        h("h2", {}, t("ui.review.signed")),
        ...sections.map(([name, rows]) => h("section", {}, h("h3", {}, t(`ui.section.${name}`)), ...rows.map((row, place) => sentence(row, name, place, seen.categories, marks)))),
        ...seen.addenda.map((one) => h("p", {}, one.text ?? t("ui.review.withheld"))),
        h("h3", {}, t("ui.review.whole")),
        ...WHOLE.map((category) => toggle(category, { category, significant: false, section: null, sentence: null }, marks)),
        field(t("ui.review.rating"), rating),
        field(t("ui.review.comment"), comment),
        h("p", { class: "row spread" }, h("a", { class: "button small-button", href: `/api/review/reports/${seen.id}/pdf`, target: "_blank", rel: "noopener" }, "PDF"), action(t("ui.review.save"), save, "button primary")),
      ),
    ),
  );
}

function told(key: string, text: string | null, note = ""): HTMLElement | null {
  if (text === null && !note) return null;
  return h("section", {}, h("h3", {}, t(key), note ? ` · ${note}` : ""), h("p", {}, text ?? t("ui.review.withheld")));
}

/** One signed sentence with the errors that can be in it. */
function sentence(row: SeenSentence, section: string, place: number, categories: string[], marks: Mark[]): HTMLElement {
  const words = row.text ?? t("ui.review.withheld");
  const choices = categories.filter((one) => !WHOLE.includes(one)).map((category) => toggle(category, { category, significant: false, section, sentence: place }, marks));
  return h("details", { class: "sentence" }, h("summary", {}, words, " ", h("span", { class: "muted" }, t(`ui.origin.${row.origin}`))), h("div", { class: "marks" }, ...choices));
}

function toggle(category: string, mark: Mark, marks: Mark[]): HTMLElement {
  const wrong = h("input", { type: "checkbox" });
  const matters = h("input", { type: "checkbox", disabled: true });
  wrong.addEventListener("change", () => {
    matters.disabled = !wrong.checked;
    const place = marks.indexOf(mark);
    if (wrong.checked && place < 0) marks.push(mark);
    if (!wrong.checked && place >= 0) marks.splice(place, 1);
  });
  matters.addEventListener("change", () => (mark.significant = matters.checked));
  return h("p", { class: "row mark" }, h("label", {}, wrong, " ", t(`review.${category}`)), h("label", { class: "muted" }, matters, " ", t("ui.review.significant")));
}
