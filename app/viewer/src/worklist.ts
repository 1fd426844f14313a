/** The worklist: a real table, urgent first, searched as you type, walked with the keyboard. */

import { get, patch } from "./api";
import { debounce, fill, h } from "./dom";
import { emergencyButton } from "./emergency";
import { ago, clock, day, t, years } from "./i18n";
import { icon } from "./icons";
import { showWaiting } from "./resume";
import { shell } from "./shell";
import { complain } from "./toast";
import { dropTarget, picker, Uploads } from "./upload";
import type { StudyLine, Worklist } from "./types";

const MODALITIES = ["CR", "DX", "CT", "MR", "US", "SM", "OT"];
const WAYS = ["owner", "member", "emergency"];
const STATES = ["new", "draft", "preliminary", "final", "amended"];
const COLUMNS: [key: string, sort: string | null][] = [
  ["urgent", null],
  ["picture", null],
  ["patient", "patient"],
  ["age", null],
  ["modality", "modality"],
  ["study", null],
  ["date", "date"],
  ["images", null],
  ["state", "state"],
  ["received", "newest"],
];

interface Asked {
  search: string;
  modality: string;
  state: string;
  way: string;
  sort: string;
}

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.worklist") });
  const asked: Asked = { search: "", modality: "", state: "", way: "", sort: "newest" };
  const body = h("tbody");
  const count = h("p", { class: "muted num", "aria-live": "polite" });
  const more = h("div", { class: "more", "aria-hidden": "true" });
  const table = h("table", { class: "worklist" }, h("caption", { class: "visually-hidden" }, t("ui.worklist.caption")), head(), body);
  const empty = h("div", { class: "empty", hidden: true });
  const uploads = new Uploads(() => void load());
  showWaiting(uploads.element, (waiting, files) => void uploads.resume(waiting, files)).catch(complain);
  let cursor: number | null = null;
  let round = 0;

  async function load(next = false): Promise<void> {
    const mine = ++round;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(asked)) if (value) query.set(name, value);
    if (next && cursor !== null) query.set("cursor", String(cursor));
    try {
      const found = await get<Worklist>(`/api/studies?${query}`);
      if (mine !== round) return;
      cursor = found.cursor;
      const rows = found.studies.map(row);
      if (next) body.append(...rows);
      else keepFocus(body, rows);
      fetchAhead(found.studies);
      count.textContent = t("ui.worklist.count", { n: found.total });
      table.hidden = !next && found.studies.length === 0;
      empty.hidden = !table.hidden;
      if (table.hidden) showEmpty(empty, Boolean(asked.search || asked.modality || asked.state || asked.way), clear, uploads);
    } catch (error) {
      complain(error);
    }
  }

  const search = h("input", {
    class: "input", type: "search", placeholder: t("ui.worklist.search"), "aria-label": t("ui.worklist.search"), autocomplete: "off", spellcheck: "false",
  });
  const soon = debounce(180, () => void load());
  search.addEventListener("input", () => {
    asked.search = search.value.trim();
    soon();
  });
  const chips = h(
    "div",
    { class: "chips" },
    chipRow("way", WAYS, (value) => t(`ui.way.${value}`)),
    chipRow("modality", MODALITIES, (value) => value),
    chipRow("state", STATES, (value) => t(`ui.state.${value}`)),
  );
  function chipRow(name: "modality" | "state" | "way", values: string[], words: (value: string) => string): HTMLElement {
    const row = h("div", { class: "chip-row", role: "group", "data-filter": name, "aria-label": t(`ui.worklist.filter.${name}`) });
    for (const value of values) {
      const chip = h("button", { class: "chip", type: "button", "aria-pressed": "false", "data-value": value }, words(value));
      chip.addEventListener("click", () => {
        choose(name, asked[name] === value ? "" : value);
      });
      row.append(chip);
    }
    return row;
  }
  function choose(name: "modality" | "state" | "way", value: string): void {
    asked[name] = value;
    for (const chip of chips.querySelectorAll(`[data-filter="${name}"] .chip`)) chip.setAttribute("aria-pressed", String(chip.getAttribute("data-value") === value));
    void load();
  }
  function clear(): void {
    Object.assign(asked, { search: "", modality: "", state: "", way: "" });
    search.value = "";
    for (const chip of chips.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", "false");
    void load();
    search.focus();
  }
  function head(): HTMLElement {
    const line = h("tr");
    for (const [key, sort] of COLUMNS) {
      const words = t(`ui.worklist.column.${key}`);
      const cell = h("th", { scope: "col", class: `col-${key}` });
      if (!sort) cell.append(h("span", { class: key === "urgent" || key === "picture" ? "visually-hidden" : "" }, words));
      else {
        cell.setAttribute("aria-sort", sortOf(asked.sort, sort));
        const button = h("button", { class: "sort", type: "button" }, words, icon("down", 12));
        button.addEventListener("click", () => {
          // Only the time of arrival is worth turning round; the rest has one sensible order.
          asked.sort = sort === "newest" && asked.sort === "newest" ? "oldest" : sort;
          for (const other of line.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
          cell.setAttribute("aria-sort", sortOf(asked.sort, sort));
          void load();
        });
        cell.append(button);
      }
      line.append(cell);
    }
    return h("thead", {}, line);
  }

  fill(
    page.main,
    h(
      "div",
      { class: "worklist-page" },
      h("div", { class: "bar" }, h("h1", {}, t("ui.nav.worklist")), h("div", { class: "search" }, icon("search", 16), search), picker(uploads, true)),
      h("div", { class: "bar bar-chips" }, chips, h("div", { class: "list-end" }, count, emergencyButton(() => choose("way", "emergency")))),
      uploads.element,
      h("div", { class: "table-frame" }, table, empty, more),
    ),
  );
  const undrop = dropTarget(page.root, uploads);
  const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && cursor && void load(true));
  watcher.observe(more);
  const keys = (event: KeyboardEvent) => walk(event, body, search);
  page.root.addEventListener("keydown", keys);
  for (let i = 0; i < 6; i++) body.append(h("tr", { class: "waiting", "aria-hidden": "true" }, h("td", { colspan: COLUMNS.length }, h("div", { class: "skeleton" }))));
  void load().then(() => page.root.setAttribute("data-ready", ""));

  return () => {
    watcher.disconnect();
    undrop();
    uploads.destroy();
    page.destroy();
  };
}

const DESCENDING = ["newest", "date"];

function sortOf(now: string, column: string): string {
  if (column === "newest" && now === "oldest") return "ascending";
  if (now !== column) return "none";
  return DESCENDING.includes(column) ? "descending" : "ascending";
}

function row(study: StudyLine): HTMLElement {
  const address = `/app/study?id=${encodeURIComponent(study.study_id)}`;
  const age = years(study.birth_date, study.study_date);
  const urgent = h("button", { class: "tool urgent", type: "button", "aria-pressed": study.urgent });
  const showUrgent = () => {
    const words = t(study.urgent ? "ui.urgent.clear" : "ui.urgent.set", { name: study.patient_name });
    urgent.setAttribute("aria-pressed", String(study.urgent));
    urgent.setAttribute("aria-label", words);
    urgent.title = t(study.urgent ? "ui.urgent" : "ui.urgent.mark");
    fill(urgent, icon("flag", 16), study.urgent && h("span", { class: "visually-hidden" }, t("ui.urgent")));
    line.classList.toggle("is-urgent", study.urgent);
  };
  const line = h(
    "tr",
    { "data-study": study.study_id },
    h("td", { class: "col-urgent" }, urgent),
    h("td", { class: "col-picture" }, h("img", { src: `/api/studies/${study.study_id}/thumbnail`, alt: "", width: 48, height: 48, loading: "lazy" })),
    h("td", { class: "col-patient" }, h("a", { href: address, class: "patient" }, study.patient_name || t("ui.unknown")), h("span", { class: "muted small num" }, study.patient_id || t("ui.unknown"))),
    h("td", { class: "col-age num" }, [study.sex ? t(`ui.sex.${study.sex}`) : "–", age === null ? "–" : String(age)].join(" · ")),
    h("td", { class: "col-modality" }, h("b", {}, study.modality)),
    h("td", { class: "col-study" }, h("span", {}, study.description || study.region || "–"), study.description && study.region ? h("span", { class: "muted small" }, study.region) : null),
    h("td", { class: "col-date num" }, day(study.study_date)),
    h("td", { class: "col-images num" }, study.instances),
    h("td", { class: "col-state" }, h("span", { class: `state ${study.state}` }, t(`ui.state.${study.state}`)), study.open_by && h("span", { class: "muted small" }, t("ui.worklist.open_by", { name: study.open_by })), whose(study)),
    h("td", { class: "col-received muted num" }, ago(study.created_at)),
  );
  urgent.addEventListener("click", () => {
    study.urgent = !study.urgent;
    showUrgent();
    patch(`/api/studies/${study.study_id}`, { urgent: study.urgent }).catch((error: unknown) => {
      study.urgent = !study.urgent;
      showUrgent();
      complain(error);
    });
  });
  line.addEventListener("click", (event) => {
    if (!(event.target as Element).closest("a, button")) location.assign(address);
  });
  urgent.disabled = study.way === "emergency";
  showUrgent();
  return line;
}

/** Whose it is, where it is not one's own. */
function whose(study: StudyLine): HTMLElement | null {
  if (study.way === "owner") return null;
  if (study.way === "member") return h("span", { class: "muted small" }, t("ui.worklist.shared_by", { name: study.owner }));
  return h("span", { class: "small num emergency-word" }, t("ui.worklist.emergency_until", { at: clock(study.until), name: study.owner }));
}

/** New rows, the focus staying on the study that had it. */
function keepFocus(body: HTMLElement, rows: HTMLElement[]): void {
  const held = document.activeElement?.closest("tr")?.dataset["study"];
  body.replaceChildren(...rows);
  if (held) body.querySelector<HTMLElement>(`tr[data-study="${CSS.escape(held)}"] a`)?.focus();
}

function walk(event: KeyboardEvent, body: HTMLElement, search: HTMLInputElement): void {
  const links = [...body.querySelectorAll<HTMLElement>("a.patient")];
  const at = links.findIndex((link) => link.closest("tr")?.contains(document.activeElement));
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "ArrowDown" && (at >= 0 || event.target === search)) links[at + 1]?.focus();
  else if (event.key === "ArrowUp" && at >= 0) (at === 0 ? search : links[at - 1])?.focus();
  else if (event.key === "Enter" && event.target === search) links[0]?.click();
  else if (event.key === "/" && !typing) search.focus();
  else if (event.key === "Escape" && event.target === search && search.value) {
    search.value = "";
    search.dispatchEvent(new Event("input"));
  } else return;
  event.preventDefault();
}

function showEmpty(place: HTMLElement, filtered: boolean, clear: () => void, uploads: Uploads): void {
  if (filtered) {
    fill(
      place,
      icon("search", 40),
      h("h2", {}, t("ui.worklist.none")),
      h("p", { class: "muted" }, t("ui.worklist.none.hint")),
      h("button", { class: "button", type: "button", on: { click: clear } }, t("ui.worklist.clear")),
    );
  } else {
    fill(
      place,
      icon("upload", 40),
      h("h2", {}, t("ui.worklist.empty")),
      h("p", { class: "muted" }, t("ui.worklist.empty.hint")),
      picker(uploads),
    );
  }
}

/** What the next page will run, fetched while somebody reads the list; a reading room that must fetch it opens later. */
function fetchAhead(listed: StudyLine[]): void {
  const fetch = () => {
    const slides = listed.some((one) => one.modality === "SM");
    Promise.all([import("./study"), slides && import("./slides")]).catch(() => undefined);
  };
  if ("requestIdleCallback" in window) window.requestIdleCallback(fetch);
  else setTimeout(fetch, 500);
}
