/** The researcher's list: signed reports without identity, judged or not; results to take away. */

import { get } from "./api";
import { fill, h } from "./dom";
import { action, table } from "./form";
import { t } from "./i18n";
import { shell } from "./shell";
import { takeAway } from "./takeaway";
import { complain } from "./toast";
import type { ReviewLine } from "./types";

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.reviews") });
  const list = h("div", { class: "card" });
  const exports = h(
    "p",
    { class: "row" },
    ...(["export.csv", "export.jsonl"] as const).map((file) =>
      action(t(`ui.review.${file}`), () => takeAway(`${t("ui.nav.reviews")}: ${t(`ui.review.${file}`)}`, `/api/review/${file}`, file), "button small-button"),
    ),
    h("a", { class: "button small-button", href: "/api/review/codebook", download: "codebook.json" }, t("ui.review.codebook")),
  );
  fill(page.main, h("div", { class: "plain-page" }, h("div", { class: "row spread" }, h("h1", {}, t("ui.nav.reviews")), exports), list));
  void get<ReviewLine[]>("/api/review/reports").then((lines) => {
    fill(list, lines.length === 0 ? h("p", { class: "muted" }, t("ui.review.none")) : listed(lines));
    page.root.setAttribute("data-ready", "");
  }, complain);
  return page.destroy;
}

function listed(lines: ReviewLine[]): HTMLElement {
  return table(
    t("ui.nav.reviews"),
    ["#", t("ui.review.modality"), t("ui.review.count"), t("ui.review.mine"), ""],
    lines.map((line) => [
      h("span", { class: "num" }, line.number),
      line.modality,
      h("span", { class: "num" }, line.reviews),
      t(line.mine ? "ui.yes" : "ui.no"),
      h("a", { class: "button small-button", href: `/research/read?id=${line.id}` }, t("ui.review.read")),
    ]),
  );
}
