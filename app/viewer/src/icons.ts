/** The product's own icons: one grid of 24, one stroke width, drawn in the color of the text. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  window: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 3v18", "M12 8h6.5M12 12h9M12 16h6.5"],
  pan: ["M12 3v18M3 12h18", "M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3"],
  zoom: ["M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M15.5 15.5L21 21", "M10.5 7.5v6M7.5 10.5h6"],
  slices: ["M4 8l8-4 8 4-8 4-8-4z", "M4 12l8 4 8-4", "M4 16l8 4 8-4"],
  length: ["M4 20L20 4", "M2.5 17l4.5 4.5M17 2.5l4.5 4.5", "M10.5 16.500l-2-2M14 13l-2-2M17.500 9.500l-2-2"],
  box: ["M4 6h16v12H4z", "M4 6h.01M20 6h.01M4 18h.01M20 18h.01"],
  angle: ["M4 19h16", "M4 19L16 5", "M11 19a7 7 0 0 0-2.500-5.300"],
  ellipse: ["M12 6c5 0 9 2.700 9 6s-4 6-9 6-9-2.700-9-6 4-6 9-6z"],
  probe: ["M12 3v6M12 15v6M3 12h6M15 12h6", "M12 12h.01"],
  magnify: ["M10 3.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13z", "M15 15l6 6", "M7.500 7.500h5v5h-5z"],
  key: ["M12 3.500l2.600 5.400 5.900.800-4.300 4.100 1 5.900L12 16.900l-5.200 2.800 1-5.900L3.500 9.700l5.900-.800L12 3.500z"],
  overlays: ["M4 5h16v14H4z", "M7 15.500c1.500-6 3.500-7.500 4.500-5.500s-2 5 .5 5 2.500-4 5-5"],
  cine: ["M8 5l11 7-11 7V5z"],
  marks: ["M3 16L16 3l5 5L8 21l-5-5z", "M7 12l2 2M10 9l2.500 2.500M13 6l2 2"],
  single: ["M4 5h16v14H4z"],
  beside: ["M4 5h16v14H4z", "M12 5v14"],
  four: ["M4 5h16v14H4z", "M12 5v14M4 12h16"],
  link: ["M10 14a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-1 1", "M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1-1"],
  planes: ["M3 3h8v8H3zM13 3h8v8h-8zM3 13h8v8H3z", "M13 17h8M17 13v8"],
  cross: ["M12 3v6M12 15v6M3 12h6M15 12h6", "M12 12h.01"],
  turn: ["M19 8a8 8 0 1 0 1 6", "M20 4v5h-5", "M6 15l12-6"],
  reset: ["M4 5v5h5", "M4.600 10A8 8 0 1 1 4 14"],
  invert: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 3v18", "M12 6a6 6 0 0 1 0 12", "M12 9.500a2.500 2.500 0 0 1 0 5"],
  regions: ["M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4", "M9 9h6v6H9z"],
  keys: ["M3 6h18v12H3z", "M7 10h.01M11 10h.01M15 10h.01M18 10h.01M7 14h10"],
  full: ["M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  send: ["M4 12l16-8-5 16-3.500-6.500L4 12z", "M11.500 13.500L20 4"],
  stop: ["M7 7h10v10H7z"],
  sun: ["M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2"],
  moon: ["M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500z"],
  leave: ["M14 4H5v16h9", "M10 12h11M17.500 8.500L21 12l-3.500 3.500"],
  search: ["M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13z", "M15.500 15.500L21 21"],
  upload: ["M12 16V4M7.500 8.500L12 4l4.500 4.500", "M4 15v5h16v-5"],
  folder: ["M3 6h6l2 2.500h10V19H3z"],
  file: ["M6 3h8l4 4v14H6z", "M14 3v4h4"],
  check: ["M4 12.500l5 5L20 6.500"],
  warn: ["M12 4L2.500 20h19L12 4z", "M12 10v5M12 17.500v.01"],
  error: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7.500v6M12 16.500v.01"],
  info: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 11v6M12 7.500v.01"],
  close: ["M5 5l14 14M19 5L5 19"],
  plus: ["M12 5v14M5 12h14"],
  back: ["M15 5l-7 7 7 7"],
  next: ["M9 5l7 7-7 7"],
  down: ["M5 9l7 7 7-7"],
  pdf: ["M6 3h8l4 4v14H6z", "M14 3v4h4", "M9 12h6M9 15.500h6"],
  sign: ["M3 19c3-1 4-9 6.500-9s-.5 6.500 2 6.500S14 13 15.500 13s1 2.500 5.500 2.500", "M3 21.500h18"],
  lock: ["M6 11h12v9H6z", "M8.500 11V7.500a3.500 3.500 0 0 1 7 0V11"],
  flag: ["M6 21V4", "M6 4.500h12l-2.500 4 2.500 4H6"],
  origin: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4.500 21c.5-4.500 3.500-6.500 7.500-6.500s7 2 7.500 6.500"],
  spark: ["M12 3l2 6.500 6.500 2.500-6.500 2.500L12 21l-2-6.500L3.500 12 10 9.500 12 3z"],
  pencil: ["M4 20l1-4.500L16.500 4 20 7.500 8.500 19 4 20z"],
  compare: ["M10 4H4v16h6M14 4h6v16h-6", "M12 2v20"],
  trash: ["M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13", "M10 11v5M14 11v5"],
  eye: ["M2.500 12C5 7.500 8.500 5.500 12 5.500s7 2 9.500 6.500c-2.500 4.500-6 6.500-9.500 6.500S5 16.500 2.500 12z", "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"],
  list: ["M8 6h13M8 12h13M8 18h13", "M3.500 6h.01M3.500 12h.01M3.500 18h.01"],
  clock: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7v5l3.500 2"],
  caption: ["M4 5h16v14H4z", "M7 15h7M7 12h10"],
  people: ["M9 4.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z", "M2.500 20c.4-4 2.900-6 6.500-6s6.100 2 6.500 6", "M15.500 4.800a3.500 3.500 0 0 1 0 6.500", "M17.500 14.500c2.400.6 3.800 2.500 4 5.500"],
  emergency: ["M9.500 3.500h5v6h6v5h-6v6h-5v-6h-6v-5h6z"],
  user: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4.500 21c.5-4.500 3.500-6.500 7.500-6.500s7 2 7.500 6.500"],
} as const;

export type IconName = keyof typeof PATHS;

/** One icon, hidden from screen readers: the button around it carries the words. */
export function icon(name: IconName, size = 18): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("width", String(size));
  svg.setAttribute("height", String(size));
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.appendChild(path);
  }
  return svg;
}

/** The dragonfly of the letterhead. */
export function brandMark(size = 26): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 60 60");
  svg.setAttribute("width", String(size));
  svg.setAttribute("height", String(size));
  svg.setAttribute("class", "brand-mark");
  svg.setAttribute("aria-hidden", "true");
  const shape = (tag: string, attributes: Record<string, string | number>) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    svg.appendChild(element);
  };
  shape("rect", { width: 60, height: 60, rx: 12, fill: "#0f6e70" });
  shape("ellipse", { cx: 18.5, cy: 21, rx: 12, ry: 4, fill: "#fff", transform: "rotate(10 18.5 21)" });
  shape("ellipse", { cx: 41.5, cy: 21, rx: 12, ry: 4, fill: "#fff", transform: "rotate(-10 41.5 21)" });
  shape("ellipse", { cx: 20.5, cy: 30, rx: 9.5, ry: 3.2, fill: "#9fd0d0", transform: "rotate(-12 20.5 30)" });
  shape("ellipse", { cx: 39.5, cy: 30, rx: 9.5, ry: 3.2, fill: "#9fd0d0", transform: "rotate(12 39.5 30)" });
  shape("rect", { x: 28.2, y: 15, width: 3.6, height: 36, rx: 1.8, fill: "#fff" });
  shape("circle", { cx: 30, cy: 12.5, r: 3.6, fill: "#fff" });
  return svg;
}
