/** All marks of the study in a list: key images, then what was measured, with the server's numbers; to go to and to remove. */

import { fill, h } from "./dom";
import { t } from "./i18n";
import { icon } from "./icons";
import { addressOf } from "./sending";
import type { Room } from "./study";
import { complain } from "./toast";
import type { Mark } from "./types";
import { scaleWords, valuesOf } from "./viewer/mark_words";

export class Measures {
  readonly element = h("div", { class: "page evidence-scroll measures" });
  private readonly forget: () => void;

  constructor(private readonly room: Room) {
    this.forget = room.marks.onChange(() => this.draw());
    this.draw();
  }

  destroy(): void {
    this.forget();
  }

  private draw(): void {
    const { all } = this.room.marks;
    if (all.length === 0) {
      fill(this.element, h("div", { class: "ask-empty" }, icon("marks", 32), h("p", {}, t("ui.marks.empty"))));
      return;
    }
    const keys = all.filter((mark) => mark.tool === "key");
    const others = all.filter((mark) => mark.tool !== "key");
    fill(
      this.element,
      keys.length > 0 && h("h2", { class: "panel-title" }, t("ui.marks.keys", { n: keys.length })),
      keys.length > 0 && h("ul", { class: "key-images" }, ...keys.map((mark) => h("li", {}, this.picture(mark), this.bin(mark)))),
      others.length > 0 && h("h2", { class: "panel-title" }, t("ui.marks.measured")),
      others.length > 0 && h("ul", { class: "measured" }, ...others.map((mark) => this.line(mark))),
      others.length > 0 && h("p", { class: "muted small" }, t("ui.marks.hint")),
    );
  }

  /** A key image as it was marked. */
  private picture(mark: Mark): HTMLElement {
    const address = addressOf({ center: null, width: null, invert: false, ...mark.view, instance_id: mark.instance_id, frame: mark.frame });
    const place = this.place(mark);
    const words = [t("ui.marks.go_key"), place].filter(Boolean).join(", ");
    return h("button", { class: "key-image", type: "button", "aria-label": words, title: words, on: { click: () => this.go(mark) } }, h("img", { src: address, alt: "", loading: "lazy" }), place && h("span", { class: "small num" }, place));
  }

  private line(mark: Mark): HTMLElement {
    const found = mark.measured;
    const lines = found ? valuesOf(found) : [t("ui.marks.computing")];
    return h(
      "li",
      { class: "measure", "data-mark": mark.id || null },
      h("button", { class: "measure-go", type: "button", title: t("ui.marks.go"), on: { click: () => this.go(mark) } }, icon(mark.tool, 18), h("span", {}, h("b", {}, mark.label || t(`ui.tool.${mark.tool}`)), ...lines.map((line) => h("span", { class: "num" }, line)), h("span", { class: "small muted" }, [this.place(mark), found && mark.tool !== "probe" && mark.tool !== "angle" ? scaleWords(found) : ""].filter(Boolean).join(" · ")))),
      this.bin(mark),
    );
  }

  private bin(mark: Mark): HTMLElement {
    const words = t("ui.marks.remove", { what: t(`ui.tool.${mark.tool}`) });
    return h("button", { class: "tool", type: "button", "data-action": "remove-mark", "aria-label": words, title: words, on: { click: () => void this.room.marks.remove(mark) } }, icon("trash", 16));
  }

  /** Where the picture stands in the series that is shown; of another series only that it is one. */
  private place(mark: Mark): string {
    const at = this.room.viewer()?.placeOf({ instance_id: mark.instance_id, frame: mark.frame, center: null, width: null, invert: false });
    return at ? t("ui.marks.at", { n: at.n }) : "";
  }

  private go(mark: Mark): void {
    const seen = { center: null, width: null, invert: false, ...mark.view, instance_id: mark.instance_id, frame: mark.frame };
    this.room.showPicture(seen).then(() => this.room.viewer()?.select?.(mark), complain);
  }
}
