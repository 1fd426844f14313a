/** A report while the model writes it: each section fills as its pieces come, and can be stopped. */

import { get, post } from "./api";
import { fill, h } from "./dom";
import { t } from "./i18n";
import { icon } from "./icons";
import { follow } from "./stream";
import { complain, sentenceOf } from "./toast";
import type { Answer } from "./types";

export class Draft {
  readonly element = h("div", { class: "document drafting", "aria-live": "off" });
  private readonly stops: (() => void)[] = [];
  private left: number;
  private failed = false;

  constructor(
    ids: string[],
    private readonly done: () => void,
  ) {
    this.left = ids.length;
    for (const id of ids) this.section(id);
  }

  destroy(): void {
    for (const stop of this.stops) stop();
  }

  private section(id: string): void {
    const title = h("h3", {}, "…");
    const body = h("p", { class: "document-text" }, h("span", { class: "skeleton line" }));
    const stop = h("button", { class: "button small-button", type: "button" }, icon("stop", 14), t("ui.answer.stop"));
    stop.addEventListener("click", () => {
      stop.disabled = true;
      post(`/api/answers/${id}/stop`).catch(complain);
    });
    this.element.append(h("section", { class: "document-section", "data-answer": id }, h("div", { class: "section-head" }, title, stop), body));
    get<Answer>(`/api/answers/${id}`).then((answer) => {
      title.textContent = answer.view?.field ? t("ui.plan.field", { n: answer.view.field }) : t(`ui.section.${answer.kind.replace("report_", "")}`);
    }, complain);
    this.stops.push(
      follow(id, {
        text: (text) => fill(body, text, h("span", { class: "caret", "aria-hidden": "true" })),
        place: (n) => {
          body.textContent = n > 0 ? t("ui.answer.place", { n }) : t("ui.answer.next");
        },
        end: () => void this.ended(id, body, stop),
        lost: (error) => {
          body.textContent = sentenceOf(error);
        },
      }),
    );
  }

  private async ended(id: string, body: HTMLElement, stop: HTMLElement): Promise<void> {
    stop.remove();
    this.left -= 1;
    try {
      const answer = await get<Answer>(`/api/answers/${id}`);
      if (answer.state === "failed") {
        this.failed = true;
        fill(body, h("span", { class: "state failed" }, t("ui.answer.failed")), " ", answer.failure?.sentence ?? t("ui.answer.failed.unsaid"));
      } else body.textContent = answer.text ?? "";
    } catch (error) {
      complain(error);
    }
    if (this.left > 0) return;
    if (!this.failed) return this.done();
    this.element.append(h("button", { class: "button", type: "button", on: { click: this.done } }, t("ui.report.continue")));
  }
}
