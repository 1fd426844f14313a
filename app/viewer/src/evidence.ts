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
import type { Answer, ViewSeen, ZoomBox } from "./types";
import { shape } from "./viewer/drawn";
import type { Region } from "./viewer/overlay";
import { inPicture, sentOf } from "./viewer/picture";

export class Evidence {
  readonly element = h("div", { class: "page evidence" });
  private answer: Answer | null = null;
  private chosen: ZoomBox | null = null;
  /** Which of the pictures that were sent is looked at. */
  private picture = 0;

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
    this.look(0, null);
  }

  /** The boxes of an answer as regions of the picture: kept crops with numbers, the rest thin. */
  regions(answer: Answer, chosen?: ZoomBox, picture = answer === this.answer ? this.picture : 0): Region[] {
    // A cell of a montage is no place of the picture below.
    if (answer.view?.montage) return [];
    const selects = choice(answer) === "kept";
    return close(answer, picture).map((box) => ({
      ...inPicture(answer, box),
      number: selects ? (box.kept ? String(box.order + 1) : "") : chosen === box ? String(box.order + 1) : "",
      kept: selects ? box.kept === true : false,
      chosen: chosen === box,
    }));
  }

  private look(picture: number, chosen: ZoomBox | null): void {
    this.picture = picture;
    this.chosen = chosen;
    this.draw();
    if (this.answer) this.room.showSeen(this.answer, chosen ?? undefined, picture).catch(complain);
  }

  private draw(): void {
    const { answer } = this;
    if (!answer) {
      fill(this.element, h("div", { class: "ask-empty" }, h("p", {}, t("ui.evidence.empty"))));
      return;
    }
    const how = choice(answer);
    const selects = how === "kept";
    const boxes = close(answer, this.picture).filter((box) => !selects || box.kept).sort((a, b) => a.order - b.order);
    const list = h("ol", { class: "crops" });
    for (const box of boxes) {
      const place = inPicture(answer, box);
      const words = t("ui.evidence.crop", { n: box.order + 1, x: Math.round(place.x), y: Math.round(place.y), width: Math.round(place.width), height: Math.round(place.height) });
      const button = h("button", { class: "crop num", type: "button", "aria-pressed": this.chosen === box, on: { click: () => this.look(this.picture, this.chosen === box ? null : box) } }, h("span", { class: "crop-number" }, box.order + 1), h("span", {}, words));
      list.append(h("li", {}, button));
    }
    const scroll = this.element.querySelector(".evidence-scroll")?.scrollTop ?? 0;
    fill(
      this.element,
      h(
        "div",
        { class: "evidence-scroll", tabindex: 0, role: "group", "aria-label": t("ui.tab.evidence") },
        h("h2", { class: "panel-title" }, t(selects ? "ui.evidence.kept" : "ui.evidence.grid")),
        h("p", { class: "muted" }, t(HINTS[how], { n: boxes.length })),
        h("blockquote", { class: "evidence-answer" }, h("p", { class: "muted small" }, answer.question ?? t("ui.ask.caption")), h("p", {}, answer.text ?? "")),
        h("div", { class: "row" }, h("button", { class: "button", type: "button", on: { click: () => this.look(this.picture, this.chosen) } }, t("ui.evidence.show")), h("button", { class: "button quiet", type: "button", on: { click: () => this.room.viewer()?.showRegions([]) } }, t("ui.evidence.hide"))),
        sent(answer),
        this.pictures(answer),
        list,
      ),
    );
    this.element.firstElementChild?.scrollTo(0, scroll);
  }

  /** Exactly the pictures that were sent, made again by the server the same way, with the crops on them. */
  private pictures(answer: Answer): HTMLElement | null {
    if (!answer.view || answer.view.pictures) return null;
    const shown = sentOf(answer).map((view, n) => {
      const size = view.sent;
      const svg = shape("svg", { "aria-hidden": "true", viewBox: `0 0 ${size?.width ?? 1} ${size?.height ?? 1}`, preserveAspectRatio: "none" });
      if (size) for (const box of close(answer, n)) svg.append(shape("rect", { class: box.kept === false ? "seen" : "", x: box.x, y: box.y, width: box.width, height: box.height }));
      const lines = [placeOf(this.room, view), ...coverage(answer, view, n)].filter(Boolean);
      return h(
        "li",
        {},
        h("button", { class: "sent-picture", type: "button", "aria-pressed": this.picture === n, on: { click: () => this.look(n, null) } }, h("span", { class: "sent-frame" }, h("img", { src: `/api/answers/${answer.id}/pictures/${n}.png`, alt: t("ui.send.picture", { n: n + 1 }) }), svg), ...lines.map((line) => h("span", { class: "small num" }, line))),
      );
    });
    return h("section", {}, h("p", { class: "muted small" }, t("ui.evidence.exactly", { n: shown.length })), h("ul", { class: "sent-pictures" }, ...shown));
  }
}

/** Size of a sent picture, and what one pixel of the model covers: where it looks at the whole, and at its closest. */
function coverage(answer: Answer, view: ViewSeen, picture: number): string[] {
  const size = view.sent;
  if (!size) return [];
  const lines = [t("ui.evidence.pixels", { width: size.width, height: size.height })];
  const mm = size.mm_per_pixel;
  const side = answer.model?.crop_px ?? 0;
  const [closest] = close(answer, picture);
  if (mm && side && closest) {
    // A crop is resized to a square: both directions are told by the coarser one.
    const covers = (width: number, height: number) => (Math.max(width * mm[1], height * mm[0]) / side).toPrecision(2);
    lines.push(t("ui.evidence.covers", { whole: covers(size.width, size.height), close: covers(closest.width, closest.height) }));
  }
  return lines;
}

function placeOf(room: Room, view: ViewSeen): string {
  if (view.montage) return t("ui.seen.montage", { n: view.sources?.length ?? 0 });
  const at = room.viewer()?.placeOf(view);
  const window = view.center !== null && view.center !== undefined ? `${Math.round(view.center)}/${Math.round(view.width ?? 0)}` : "";
  return [at ? t("ui.seen.slice", at) : "", window, view.box ? t("ui.seen.box") : ""].filter(Boolean).join(" · ");
}

const HINTS = { kept: "ui.evidence.kept.hint", grid: "ui.evidence.grid.hint", untold: "ui.evidence.untold.hint" } as const;

function choice(answer: Answer): keyof typeof HINTS {
  if (answer.model?.architecture !== "v1") return "grid";
  return answer.boxes.some((box) => box.kept === null) ? "untold" : "kept";
}

/** Of a slide: at which resolutions its region went to the model. */
function sent(answer: Answer): HTMLElement | null {
  const pictures = answer.view?.pictures;
  if (!pictures) return null;
  const lines = pictures.map((one) => t(one.um_per_pixel === null ? "ui.evidence.sent_pixels" : "ui.evidence.sent", { width: one.width, height: one.height, um: one.um_per_pixel ?? 0 }));
  return h("div", { class: "evidence-sent" }, h("p", { class: "muted small" }, t("ui.evidence.sent_title")), h("ul", { class: "num" }, ...lines.map((line) => h("li", {}, line))));
}

/** The closest look at a picture: the crops of the highest level; overview and middle crops would only cover it. */
function close(answer: Answer, picture = 0): ZoomBox[] {
  // Of a region that went in several resolutions, the finest: the others show the same place.
  const wanted = answer.view?.pictures ? 0 : picture;
  const own = answer.boxes.filter((box) => box.picture === wanted);
  const high = own.filter((box) => box.level === "high");
  return high.length > 0 ? high : own;
}
