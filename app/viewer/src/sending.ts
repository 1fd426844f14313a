/** Which pictures go to the model with a question: chosen in the open, and shown before they are sent. */

import { fill, h } from "./dom";
import { t } from "./i18n";
import type { Room } from "./study";
import type { Mark, ViewSeen } from "./types";

type Choice = "open" | "windows" | "keys" | "sample" | "montage";
const SAMPLE = 6;
const MONTAGE = 9;
const MOST = 12;

export class Sending {
  readonly element = h("div", { class: "sending" });
  private readonly select = h("select", { class: "preset" });
  private readonly strip = h("ul", { class: "sending-strip" });
  private choice: Choice = "open";
  private shown = "";

  constructor(private readonly room: Room) {
    this.select.setAttribute("aria-label", t("ui.send.which"));
    this.select.addEventListener("change", () => {
      this.choice = this.select.value as Choice;
      this.draw();
    });
    this.element.append(this.select, this.strip);
  }

  /** The view with the pictures that were chosen beside it; a box belongs to the open picture alone. */
  with(view: ViewSeen): ViewSeen {
    const sources = this.pictures();
    if (sources.length === 0) return view;
    return { ...view, box: null, sources, montage: this.choice === "montage" };
  }

  get isOpenOnly(): boolean {
    return this.pictures().length === 0;
  }

  /** The picture or the marks have changed. */
  draw(): void {
    const viewer = this.room.viewer();
    const keys = this.keys().length;
    const among = viewer?.sample?.(MOST).length ?? 0;
    const offered: [Choice, string][] = [["open", t("ui.send.open")]];
    const windows = viewer?.inWindows?.().length ?? 0;
    if (windows > 1) offered.push(["windows", t("ui.send.windows", { n: windows })]);
    if (keys > 0) offered.push(["keys", t("ui.send.keys", { n: Math.min(keys, MOST) })]);
    if (among > 1) offered.push(["sample", t("ui.send.sample", { n: Math.min(SAMPLE, among) })], ["montage", t("ui.send.montage", { n: Math.min(MONTAGE, among) })]);
    if (!offered.some(([name]) => name === this.choice)) this.choice = "open";
    this.element.hidden = offered.length < 2;
    const words = offered.map(([name, said]) => `${name}:${said}`).join();
    if (this.select.dataset["offered"] !== words) {
      this.select.dataset["offered"] = words;
      fill(this.select, ...offered.map(([name, said]) => h("option", { value: name }, said)));
    }
    this.select.value = this.choice;
    const pictures = this.pictures().map(addressOf);
    if (pictures.join() === this.shown) return;
    this.shown = pictures.join();
    this.strip.hidden = pictures.length === 0;
    fill(this.strip, ...pictures.map((address, n) => h("li", {}, h("img", { src: address, alt: t("ui.send.picture", { n: n + 1 }), loading: "lazy" }))));
  }

  private keys = (): Mark[] => this.room.marks.all.filter((mark) => mark.tool === "key");

  private pictures(): ViewSeen[] {
    const viewer = this.room.viewer();
    switch (this.choice) {
      case "windows":
        return viewer?.inWindows?.() ?? [];
      case "keys":
        return this.keys().slice(0, MOST).map((mark) => ({ center: null, width: null, invert: false, ...mark.view, instance_id: mark.instance_id, frame: mark.frame }));
      case "sample":
        return viewer?.sample?.(SAMPLE) ?? [];
      case "montage":
        return viewer?.sample?.(MONTAGE) ?? [];
      default:
        return [];
    }
  }
}

/** A picture as the server renders it, and as the model gets it. */
export function addressOf(view: ViewSeen): string {
  const asked = new URLSearchParams();
  if (view.center !== null && view.center !== undefined && view.width) {
    asked.set("center", String(view.center));
    asked.set("width", String(view.width));
    if (view.function) asked.set("function", view.function);
  }
  for (const name of ["invert", "overlays", "supplemental"] as const) if (view[name]) asked.set(name, "true");
  return `/api/instances/${view.instance_id}/frames/${view.frame}/rendered.png?${asked}`;
}
