/** Small builders for what is drawn over a picture. */

const SVG = "http://www.w3.org/2000/svg";

export function shape<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string | number> = {}): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** Lines of words below each other. */
export function writing(lines: readonly string[], left: number, top: number, anchor: "start" | "end" = "start"): SVGElement[] {
  return lines.map((line, n) => {
    const words = shape("text", { class: "mark-words", x: left, y: top + 4 + 16 * n, "text-anchor": anchor });
    words.textContent = line;
    return words;
  });
}
