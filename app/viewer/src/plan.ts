/** A reading plan: fields proposed on the tissue of the slide on the screen, numbered there, read one after another. */

import { get } from "./api";
import { fill, h } from "./dom";
import { t } from "./i18n";
import type { Room } from "./study";
import { complain } from "./toast";
import type { ReadingPlan, ViewSeen } from "./types";
import type { Region } from "./viewer/overlay";
import { MAGNIFICATIONS } from "./viewer/slide_toolbar";

const USUAL = 20;
const MOST = 8;

export class PlanForm {
  readonly element: HTMLElement;
  private readonly magnification = h("select", { class: "input", "aria-label": t("ui.plan.magnification") });
  private readonly list = h("ol", { class: "plan-fields num" });
  private readonly words = h("p", { class: "muted small", "aria-live": "polite" });
  private fields: [number, number, number, number][] = [];
  private finest: number | null = null;
  private seen: ViewSeen | null = null;

  constructor(private readonly room: Room) {
    for (const times of MAGNIFICATIONS.filter((one) => one >= 5)) this.magnification.append(h("option", { value: times, selected: times === USUAL }, `${times}×`));
    const propose = h("button", { class: "button", type: "button", "data-action": "propose", on: { click: () => this.propose().catch(complain) } }, t("ui.plan.propose"));
    this.element = h("fieldset", { class: "plan" }, h("legend", {}, t("ui.plan")), h("p", { class: "muted small" }, t("ui.plan.hint")), h("div", { class: "row" }, this.magnification, propose), this.words, this.list);
  }

  /** What is to be read, in order; nothing when no fields were proposed. */
  views(): (ViewSeen & { finest_um: number | null })[] {
    const { seen } = this;
    return seen ? this.fields.map((box) => ({ ...seen, box, finest_um: this.finest })) : [];
  }

  private async propose(): Promise<void> {
    const viewer = this.room.viewer();
    const seen = viewer?.seen();
    if (!viewer || !seen) return;
    const found = await get<ReadingPlan>(`/api/series/${viewer.seriesId()}/fields?magnification=${this.magnification.value}&most=${MOST}`);
    this.seen = seen;
    this.finest = found.finest_um;
    this.fields = found.fields.map((one) => one.box);
    const key = this.fields.length === 0 ? "ui.plan.none" : found.magnification === null ? "ui.plan.found_pixels" : "ui.plan.found";
    this.words.textContent = t(key, { n: this.fields.length, magnification: found.magnification ?? "", share: Math.round(100 * found.tissue) });
    this.draw();
  }

  private draw(): void {
    const regions = this.fields.map(([x, y, width, height], n): Region => ({ number: String(n + 1), x, y, width, height, kept: true, chosen: false }));
    this.room.viewer()?.showRegions(regions);
    fill(this.list, ...this.fields.map((box, n) => {
      const go = h("button", { class: "link", type: "button", on: { click: () => void (this.seen && this.room.viewer()?.showView({ ...this.seen, box })) } }, t("ui.plan.field", { n: n + 1 }));
      const off = h("button", { class: "button small-button quiet", type: "button", "aria-label": t("ui.plan.remove", { n: n + 1 }), on: { click: () => ((this.fields = this.fields.filter((one) => one !== box)), this.draw()) } }, t("ui.plan.remove_short"));
      return h("li", {}, go, off);
    }));
  }
}
