/** The reading room: series on the left, the picture in the middle, asking and writing on the right. */

import { get } from "./api";
import { Ask } from "./ask";
import { fill, h } from "./dom";
import { Evidence } from "./evidence";
import { Measures } from "./measures";
import { day, t, years } from "./i18n";
import { icon } from "./icons";
import { divider } from "./divider";
import { accessButton } from "./access";
import { emergencyBar } from "./emergency";
import { copyButton } from "./leaving";
import { eraseButton } from "./erase";
import { ReportPanel } from "./report";
import { me } from "./session";
import { shell } from "./shell";
import { complain } from "./toast";
import { dropTarget, Uploads } from "./upload";
import type { Answer, Manifest, Prior, SeriesLine, SlideManifest, StudyPage, ViewSeen, ZoomBox, Priors } from "./types";
import { MarkStore } from "./viewer/mark_store";
import { sentOf, type PictureView } from "./viewer/picture";
import type { Viewer as RadiologyViewer } from "./radiology";

type TabName = "ask" | "report" | "evidence" | "marks";

/** What the parts of the room ask of each other. */
export interface Room {
  readonly studyId: string;
  readonly page: StudyPage;
  readonly marks: MarkStore;
  viewer(): PictureView | null;
  /** What is open, with the pictures that were chosen to be sent. */
  asked(): ViewSeen | null;
  /** Bring the picture that an answer was about back to the screen, with the model's boxes. */
  showSeen(answer: Answer, chosen?: ZoomBox, picture?: number): Promise<void>;
  showEvidence(answer: Answer): void;
  /** Bring a picture to the screen, whichever series it is in. */
  showPicture(view: ViewSeen): Promise<void>;
  openTab(name: TabName): void;
  showState(state: string, version: number | null): void;
  showSaved(words: string): void;
}

export async function mount(host: HTMLElement): Promise<() => void> {
  const studyId = new URLSearchParams(location.search).get("id") ?? "";
  const frame = shell(host, { title: t("ui.study"), readingRoom: true });
  const stop: (() => void)[] = [() => frame.destroy()];
  try {
    const address = `/api/studies/${encodeURIComponent(studyId)}`;
    const [page, { priors }] = await Promise.all([get<StudyPage>(address), get<Priors>(`${address}/priors`)]);
    const close = open(frame, studyId, page, priors);
    let closed = false;
    const closeOnce = () => {
      if (!closed) close();
      closed = true;
    };
    stop.unshift(closeOnce);
    if (page.study.way === "emergency") stop.unshift(inEmergency(frame, page, closeOnce));
  } catch (error) {
    fill(frame.main, h("div", { class: "empty" }, icon("warn", 40), h("h1", {}, t("ui.study.none")), h("a", { class: "button", href: "/app/" }, t("ui.study.back"))));
    complain(error);
  }
  return () => stop.forEach((one) => one());
}

/** The bar above everything; when it is over, nothing of the patient stays on the screen. */
function inEmergency(frame: ReturnType<typeof shell>, page: StudyPage, close: () => void): () => void {
  const bar = emergencyBar(page.study, () => {
    close();
    fill(frame.strip);
    fill(frame.main, h("div", { class: "empty" }, icon("lock", 40), h("h1", {}, t("ui.emergency.over")), h("p", { class: "muted" }, t("ui.emergency.over.hint")), h("a", { class: "button", href: "/app/" }, t("ui.study.back"))));
  });
  frame.root.classList.add("only-looking");
  frame.main.prepend(bar.element);
  return bar.destroy;
}

function open(frame: ReturnType<typeof shell>, studyId: string, page: StudyPage, priors: Prior[]): () => void {
  const pill = h("span", { class: "state" });
  patientStrip(frame.strip, page, pill);
  const uploads = new Uploads(() => void refreshSeries(), studyId);
  const rail = h("nav", { class: "rail", "aria-label": t("ui.series") });
  const place = h("div", { class: "viewer-place" }, h("div", { class: "viewer skeleton-viewer" }));
  const panel = h("aside", { class: "panel", "aria-label": t("ui.panel") });
  const split = divider(panel, me().panel_width);
  fill(frame.main, h("h1", { class: "visually-hidden" }, `${t("ui.study")} ${page.study.description}`), h("div", { class: "room" }, rail, place, split, panel));
  frame.main.append(uploads.element);
  uploads.element.classList.add("uploads-floating");

  let viewer: PictureView | null = null;
  const marks = new MarkStore(studyId);
  const room: Room = {
    studyId,
    page,
    marks,
    viewer: () => viewer,
    asked: () => ask.view(false),
    showSeen,
    showPicture,
    showEvidence: (answer) => {
      evidence.show(answer);
      tabs.open("evidence");
    },
    openTab: (name) => tabs.open(name),
    showState: (state, version) => {
      pill.className = `state ${state}`;
      pill.textContent = version ? `${t(`ui.state.${state}`)} v${version}` : t(`ui.state.${state}`);
    },
    showSaved: (words) => {
      frame.saved.textContent = words;
    },
  };
  const ask = new Ask(room);
  const evidence = new Evidence(room, ask);
  const report = new ReportPanel(room);
  const measures = new Measures(room);
  const tabs = tabList(panel, { ask: ask.element, report: report.element, marks: measures.element, evidence: evidence.element });
  room.showState(page.report?.state ?? page.study.state, page.report?.version ?? null);

  marks.onChange(() => ask.onView());
  const events = { changed: () => (ask.onView(), markRail(rail, viewer?.seriesId() ?? "")) };
  let opening = 0;

  /** Put another kind of picture in its place; the one that was there gives back what it held. */
  function replace(shown: PictureView): void {
    viewer?.destroy();
    viewer = shown;
    viewer.element.id = "viewer";
    fill(place, viewer.element);
  }

  /** The one that is there, or a new one. */
  async function radiology(): Promise<RadiologyViewer> {
    const { Viewer } = await import("./radiology");
    const library = { series: () => page.series, priors: () => priors, manifest: (seriesId: string) => get<Manifest>(`/api/series/${seriesId}/manifest`), planes: cutPlanes };
    return viewer instanceof Viewer ? viewer : new Viewer(marks, library, events);
  }

  function cutPlanes(seriesId: string, manifest: Manifest, stack: number): void {
    const line = page.series.find((one) => one.series_id === seriesId);
    if (line) openPlanes(line, manifest, undefined, stack).catch(complain);
  }

  /** The study as it hangs when it is opened, by its modality. */
  async function openFirst(line: SeriesLine): Promise<void> {
    if (line.slide) return openSeries(line);
    const mine = ++opening;
    const [shown, { hang }] = await Promise.all([radiology(), import("./viewer/hanging")]);
    if (mine !== opening) return;
    replace(shown);
    await shown.hang(hang(page.series, priors));
    markRail(rail, line.series_id);
  }

  async function openPrior(line: SeriesLine, prior: Prior): Promise<void> {
    const shown = await radiology();
    if (shown === viewer) await shown.showBeside(line, prior);
  }

  /** Three planes through a series instead of its pictures, and back again. */
  async function openPlanes(line: SeriesLine, manifest: Manifest, at?: ViewSeen, stack = at?.plane?.stack ?? 0): Promise<void> {
    const mine = ++opening;
    const { MprViewer } = await import("./mpr");
    const shown = await MprViewer.open(line.series_id, stack, manifest, events, () => void openSeries(line).catch(complain));
    if (mine !== opening) return shown.destroy();
    replace(shown);
    await shown.show(at);
    markRail(rail, line.series_id);
  }

  async function openSeries(line: SeriesLine, at?: ViewSeen): Promise<void> {
    const mine = ++opening;
    if (line.slide) {
      const [{ SlideViewer }, manifest] = await Promise.all([import("./slides"), get<SlideManifest>(`/api/series/${line.series_id}/slide`)]);
      if (mine !== opening) return;
      const lines = bySpecimen(page.series).filter((one) => one.slide && one.series_id !== line.series_id);
      const shown = new SlideViewer(marks, line.series_id, manifest, events, { lines, manifest: (id) => get<SlideManifest>(`/api/series/${id}/slide`) });
      replace(shown);
      await shown.show();
    } else if (at?.plane) {
      return openPlanes(line, await get<Manifest>(`/api/series/${line.series_id}/manifest`), at);
    } else {
      const [shown, manifest] = await Promise.all([radiology(), get<Manifest>(`/api/series/${line.series_id}/manifest`)]);
      if (mine !== opening) return;
      if (shown !== viewer) replace(shown);
      await shown.show(line.series_id, manifest, at);
    }
    if (at) await viewer?.showView(at);
    markRail(rail, line.series_id);
  }

  async function showSeen(answer: Answer, chosen?: ZoomBox, picture = 0): Promise<void> {
    const view = sentOf(answer)[picture] ?? answer.view;
    if (!view) return;
    await showPicture(view);
    viewer?.showRegions(evidence.regions(answer, chosen, picture));
    viewer?.toggleRegions(true);
  }

  async function showPicture(view: ViewSeen): Promise<void> {
    const fits = Boolean(view.plane) === Boolean(viewer?.showsPlanes);
    if (!(fits && (await viewer?.showView(view)))) await openSeriesOf(view);
  }

  /** An answer knows its picture, not always the series: look through the others. */
  async function openSeriesOf(view: ViewSeen): Promise<void> {
    for (const line of page.series) {
      const manifest = line.slide ? await get<SlideManifest>(`/api/series/${line.series_id}/slide`) : await get<Manifest>(`/api/series/${line.series_id}/manifest`);
      const holds = "frames" in manifest ? manifest.frames.some((one) => one.instance_id === view.instance_id) : manifest.instance_id === view.instance_id;
      if (holds) return openSeries(line, view);
    }
  }

  async function refreshSeries(): Promise<void> {
    const fresh = await get<StudyPage>(`/api/studies/${studyId}`);
    page.series = fresh.series;
    drawRail(rail, page.series, (line) => openSeries(line).catch(complain));
    drawPriors(rail, priors, (line, prior) => openPrior(line, prior).catch(complain));
  }

  drawRail(rail, page.series, (line) => openSeries(line).catch(complain));
  drawPriors(rail, priors, (line, prior) => openPrior(line, prior).catch(complain));
  const first = bySpecimen(page.series)[0];
  const opened = Promise.all([first ? openFirst(first) : null, marks.load()]);
  opened.then(() => frame.root.setAttribute("data-ready", ""), complain);
  const undrop = page.study.way === "owner" ? dropTarget(frame.root, uploads) : () => {};

  return () => {
    undrop();
    uploads.destroy();
    ask.destroy();
    report.destroy();
    measures.destroy();
    viewer?.destroy();
  };
}

function patientStrip(strip: HTMLElement, page: StudyPage, pill: HTMLElement): void {
  const { study } = page;
  const age = years(study.birth_date, study.study_date);
  const facts = [study.sex ? t(`ui.sex.${study.sex}`) : t("ui.unknown"), age === null ? "" : String(age)].filter(Boolean).join(" ");
  fill(
    strip,
    h("a", { class: "tool back", href: "/app/", "aria-label": t("ui.study.back"), title: t("ui.study.back") }, icon("back")),
    h("div", { class: "strip-patient" }, h("b", { title: study.patient_name }, study.patient_name || t("ui.unknown")), h("span", { class: "num" }, facts), h("span", { class: "num muted" }, study.patient_id || t("ui.unknown"))),
    h("div", { class: "strip-study" }, h("span", {}, [study.modality, study.description || study.region].filter(Boolean).join(" · ")), h("span", { class: "num muted" }, day(study.study_date))),
    study.urgent ? h("span", { class: "state preliminary urgent-note" }, t("ui.urgent")) : null,
    pill,
    study.way === "emergency" ? null : accessButton(study.study_id),
    study.way === "owner" ? copyButton(study.study_id) : null,
    study.way === "owner" ? eraseButton(study.study_id) : null,
  );
}

/** Other studies of the patient below the series of this one; chosen, they open beside it. */
function drawPriors(rail: HTMLElement, priors: Prior[], choose: (line: SeriesLine, prior: Prior) => void): void {
  for (const prior of priors.filter((one) => one.series.length > 0)) {
    const words = [day(prior.study_date), prior.modality, prior.description].filter(Boolean).join(" · ");
    const list = h("ul", {}, ...prior.series.map((line) => {
      const said = [t("ui.layout.prior", { day: day(prior.study_date) }), line.description || line.modality].join(", ");
      return h("li", {}, h("button", { class: "series", type: "button", "data-series": line.series_id, "aria-label": said, title: said, on: { click: () => choose(line, prior) } }, h("img", { src: line.thumbnail_url, alt: "", width: 88, height: 88, loading: "lazy" }), h("span", { class: "series-count num" }, line.count), h("span", { class: "series-name small" }, line.description || line.modality)));
    }));
    rail.append(h("section", { class: "rail-prior", "aria-label": words }, h("h2", { class: "small num", title: words }, day(prior.study_date)), list));
  }
}

/** Slides by specimen, block and stain, in the place where the first of them came; everything else as it is. */
function bySpecimen(series: SeriesLine[]): SeriesLine[] {
  const order = new Intl.Collator(undefined, { numeric: true }).compare;
  const slides = series.filter((one) => one.slide).sort((a, b) => order(a.specimen, b.specimen) || order(a.block, b.block) || order(a.stain, b.stain));
  return series.map((one) => (one.slide ? (slides.shift() as SeriesLine) : one));
}

function drawRail(rail: HTMLElement, series: SeriesLine[], choose: (line: SeriesLine) => void): void {
  const list = h("ul", { class: "rail-own" });
  let specimen = "";
  for (const one of bySpecimen(series)) {
    // A case of several specimens: its slides stand below the one they were cut from.
    if (one.slide && one.specimen && one.specimen !== specimen) list.append(h("li", { class: "rail-specimen small" }, one.specimen));
    specimen = one.specimen;
    const words = [one.description || t("ui.series.unnamed"), t("ui.series.images", { n: one.count })].join(", ");
    const button = h(
      "button",
      { class: "series", type: "button", "data-series": one.series_id, "aria-label": words, title: one.description, on: { click: () => choose(one) } },
      h("img", { src: one.thumbnail_url, alt: "", width: 88, height: 88 }),
      h("span", { class: "series-count num" }, one.count),
      h("span", { class: "series-name small" }, one.description || one.modality),
    );
    const item = h("li", {}, button);
    if (one.findings.length > 0) {
      const sentences = one.findings.map((finding) => finding.sentence);
      button.append(h("span", { class: "series-warn", title: sentences.join("\n") }, icon("warn", 14), h("span", { class: "visually-hidden" }, sentences.join(" "))));
    }
    list.append(item);
  }
  const shown = rail.querySelector("[aria-current]")?.getAttribute("data-series");
  fill(rail, list);
  if (shown) markRail(rail, shown);
}

function markRail(rail: HTMLElement, seriesId: string): void {
  for (const button of rail.querySelectorAll<HTMLElement>(".series")) {
    if (button.dataset["series"] === seriesId) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function tabList(panel: HTMLElement, pages: Record<TabName, HTMLElement>): { open(name: TabName): void } {
  const names = Object.keys(pages) as TabName[];
  const buttons = names.map((name) => h("button", { class: "tab", type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `page-${name}` }, t(`ui.tab.${name}`)));
  const open = (wanted: TabName) => {
    names.forEach((name, n) => {
      const chosen = name === wanted;
      buttons[n]?.setAttribute("aria-selected", String(chosen));
      buttons[n]?.setAttribute("tabindex", chosen ? "0" : "-1");
      pages[name].hidden = !chosen;
    });
  };
  names.forEach((name, n) => {
    pages[name].id = `page-${name}`;
    pages[name].setAttribute("role", "tabpanel");
    pages[name].setAttribute("aria-labelledby", `tab-${name}`);
    buttons[n]?.addEventListener("click", () => open(name));
    buttons[n]?.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!step) return;
      const next = (n + step + names.length) % names.length;
      open(names[next] as TabName);
      buttons[next]?.focus();
      event.preventDefault();
    });
  });
  fill(panel, h("div", { class: "tabs", role: "tablist", "aria-label": t("ui.panel") }, ...buttons), ...names.map((name) => pages[name]));
  open("ask");
  return { open };
}
