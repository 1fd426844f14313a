/**
 * What the model saw: the crops of an answer, listed and drawn over the picture.
 *
 * The first architecture keeps some crops and drops others; the second feeds the whole grid and chooses nothing.
 * The two are never called by the same name. Where a model server made the choice and did not tell it, that is said.
 */

import type { Ask } from "./ask";
import { fill, h } from "./dom";
import { t } from "./i18n";
import type { Room } from "./study";
import { complain } from "./toast";
import type { Answer, ZoomBox } from "./types";
import type { Region } from "./viewer/overlay";
import { inPicture } from "./viewer/picture";

export class Evidence {
  readonly element = h("div", { class: "page evidence" });
  private answer: Answer | null = null;
  private chosen: ZoomBox | null = null;

  constructor(
    private readonly room: Room,
    ask: Ask,
  ) {
    this.draw();
    ask.onAnswer((answer) => {
      if (answer.boxes.length > 0 && (this.answer === null || this.answer.id === answer.id)) {
        this.answer = answer;
        this.draw();
      }
    });
  }

  show(answer: Answer): void {
    this.answer = answer;
    this.chosen = null;
    this.draw();
    this.room.showSeen(answer).catch(complain);
  }

  /** The boxes of an answer as regions of the picture: kept crops with numbers, the rest thin. */
  regions(answer: Answer, chosen?: ZoomBox): Region[] {
    const selects = choice(answer) === "kept";
    return close(answer).map((box) => ({
      ...inPicture(answer, box),
      number: selects ? (box.kept ? String(box.order + 1) : "") : chosen === box ? String(box.order + 1) : "",
      kept: selects ? box.kept === true : false,
      chosen: chosen === box,
    }));
  }

  private draw(): void {
    const { answer } = this;
    if (!answer) {
      fill(this.element, h("div", { class: "ask-empty" }, h("p", {}, t("ui.evidence.empty"))));
      return;
    }
    const how = choice(answer);
    const selects = how === "kept";
    const boxes = close(answer).filter((box) => !selects || box.kept).sort((a, b) => a.order - b.order);
    const list = h("ol", { class: "crops" });
    for (const box of boxes) {
      const place = inPicture(answer, box);
      const words = t("ui.evidence.crop", { n: box.order + 1, x: Math.round(place.x), y: Math.round(place.y), width: Math.round(place.width), height: Math.round(place.height) });
      const go = () => {
        this.chosen = this.chosen === box ? null : box;
        this.room.showSeen(answer, this.chosen ?? undefined).catch(complain);
        for (const item of list.querySelectorAll("button")) item.setAttribute("aria-pressed", String(item === button && this.chosen === box));
      };
      const button = h("button", { class: "crop num", type: "button", "aria-pressed": this.chosen === box, on: { click: go } }, h("span", { class: "crop-number" }, box.order + 1), h("span", {}, words));
      list.append(h("li", {}, button));
    }
    fill(
      this.element,
      h(
        "div",
        { class: "evidence-scroll", tabindex: 0, role: "group", "aria-label": t("ui.tab.evidence") },
        h("h2", { class: "panel-title" }, t(selects ? "ui.evidence.kept" : "ui.evidence.grid")),
        h("p", { class: "muted" }, t(HINTS[how], { n: boxes.length })),
        h("blockquote", { class: "evidence-answer" }, h("p", { class: "muted small" }, answer.question ?? t("ui.ask.caption")), h("p", {}, answer.text ?? "")),
        h("div", { class: "row" }, h("button", { class: "button", type: "button", on: { click: () => this.room.showSeen(answer).catch(complain) } }, t("ui.evidence.show")), h("button", { class: "button quiet", type: "button", on: { click: () => this.room.viewer()?.showRegions([]) } }, t("ui.evidence.hide"))),
        sent(answer),
        list,
      ),
    );
  }
}

const HINTS = { kept: "ui.evidence.kept.hint", grid: "ui.evidence.grid.hint", untold: "ui.evidence.untold.hint" } as const;

function choice(answer: Answer): keyof typeof HINTS {
  if (answer.model?.architecture !== "v1") return "grid";
  return close(answer).some((box) => box.kept === null) ? "untold" : "kept";
}

/** Of a slide: at which resolutions its region went to the model. */
function sent(answer: Answer): HTMLElement | null {
  const pictures = answer.view?.pictures;
  if (!pictures) return null;
  const lines = pictures.map((one) => t(one.um_per_pixel === null ? "ui.evidence.sent_pixels" : "ui.evidence.sent", { width: one.width, height: one.height, um: one.um_per_pixel ?? 0 }));
  return h("div", { class: "evidence-sent" }, h("p", { class: "muted small" }, t("ui.evidence.sent_title")), h("ul", { class: "num" }, ...lines.map((line) => h("li", {}, line))));
}

/** The closest look: the crops of the highest level; overview and middle crops would only cover the picture. */
function close(answer: Answer): ZoomBox[] {
  // Of a region that went in several resolutions, the finest: the others show the same place.
  const finest = answer.view?.pictures ? answer.boxes.filter((box) => box.picture === 0) : answer.boxes;
  const high = finest.filter((box) => box.level === "high");
  return high.length > 0 ? high : finest;
}
