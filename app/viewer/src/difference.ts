/** Two texts against each other, word by word, inline: what went is struck through, what came is underlined. */

import { get } from "./api";
import { fill, h } from "./dom";
import { clock, t } from "./i18n";
import { complain } from "./toast";
import { PATHOLOGY, RADIOLOGY, type Change, type Difference, type SectionName, type Versions } from "./types";

export class DifferenceView {
  readonly element = h("div", { class: "document difference", hidden: true });

  constructor(
    private readonly reportId: string,
    private readonly current: () => number,
  ) {}

  /** The current version against another one, at first the last that the model wrote alone. */
  async load(from?: number): Promise<void> {
    try {
      const { versions } = await get<Versions>(`/api/reports/${this.reportId}/versions`);
      const before = versions.filter((one) => one.version < this.current()).sort((a, b) => a.version - b.version);
      const earlier = before.map((one) => one.version);
      // Nobody signed in has saved what the worker put in.
      const base = from ?? before.filter((one) => one.saved_by === null).at(-1)?.version ?? earlier[0];
      if (base === undefined) {
        fill(this.element, h("p", { class: "muted" }, t("ui.difference.none")));
        return;
      }
      const found = await get<Difference>(`/api/reports/${this.reportId}/difference?from=${base}&to=${this.current()}`);
      const choose = h("select", { class: "input", "aria-label": t("ui.difference.from") }, ...earlier.map((version) => h("option", { value: version, selected: version === base }, t("ui.difference.version", { version: `${version} · ${clock(versions.find((one) => one.version === version)?.saved_at)}` }))));
      choose.addEventListener("change", () => void this.load(Number(choose.value)));
      fill(this.element, h("label", { class: "difference-from" }, h("span", { class: "muted" }, t("ui.difference.from")), choose), ...["indication", "history", ...RADIOLOGY, ...PATHOLOGY].map((name) => this.section(name, found)));
    } catch (error) {
      complain(error);
    }
  }

  private section(name: string, found: Difference): HTMLElement | null {
    const parts = found.sections[name as SectionName];
    if (!parts || parts.length === 0) return null;
    return h("section", { class: "document-section" }, h("h3", {}, t(`ui.section.${name}`)), h("p", { class: "document-text" }, ...parts.map((part) => marked(part.op, part.text))));
  }
}

function marked(op: Change["op"], text: string): Node {
  if (op === "same") return document.createTextNode(text);
  return h(op === "removed" ? "del" : "ins", {}, text);
}

/** The longest common subsequence of words; the texts are a page long at most. */
export function wordDifference(before: string, after: string): Node[] {
  const a = before.trim().split(/\s+/);
  const b = after.trim().split(/\s+/);
  const longest: number[][] = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number) => longest[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      (longest[i] as number[])[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const parts: Node[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      parts.push(marked("same", `${a[i++]} `));
      j++;
    } else if (j < b.length && (i >= a.length || at(i, j + 1) >= at(i + 1, j))) parts.push(marked("added", b[j++] ?? ""), document.createTextNode(" "));
    else parts.push(marked("removed", a[i++] ?? ""), document.createTextNode(" "));
  }
  return parts;
}
