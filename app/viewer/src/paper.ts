/** Is this paper genuine, altered, or superseded? The file is digested here and never sent. */

import { post } from "./api";
import { fill, h } from "./dom";
import { action, field } from "./form";
import { dayAndClock, t } from "./i18n";
import { icon } from "./icons";
import { shell } from "./shell";
import { complain } from "./toast";
import type { PaperChecked } from "./types";

const LARGEST = 512 << 20;
const COLORS = { genuine: "teal", code_known: "teal", superseded: "amber", code_superseded: "amber", altered: "red", unknown: "red", code_wrong: "red" } as const;
/** As it lies in the file's metadata, which is plain text. */
const CODE = /(?:\/PAPER\/|DRAGONFLY:)1:[0-9A-F]{32}:[0-9]{1,9}:[0-9A-F]{64}:[0-9]{1,12}:[0-9A-F]{64}/;

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.paper") });
  const told = h("div", { role: "status" });
  const picker = h("input", { type: "file", accept: "application/pdf,.pdf", class: "visually-hidden", id: "paper-file", tabindex: -1 });
  const code = h("input", { class: "input num", autocomplete: "off", maxlength: 500, spellcheck: "false" });

  const ask = async (sha256: string, text: string) => {
    const found = await post<PaperChecked>("/api/papers/check", { sha256, code: text });
    fill(told, verdict(found, sha256));
  };
  const read = async (file: File) => {
    if (file.size > LARGEST) return fill(told, h("p", { class: "notice red" }, icon("error"), h("span", {}, t("ui.paper.too_large"))));
    fill(told, h("p", { class: "muted" }, t("ui.paper.reading")));
    const data = await file.arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    const hex = [...digest].map((one) => one.toString(16).padStart(2, "0")).join("");
    await ask(hex, CODE.exec(new TextDecoder("latin1").decode(data))?.[0] ?? "");
  };
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file) read(file).catch((error: unknown) => (fill(told), complain(error)));
    picker.value = "";
  };
  picker.addEventListener("change", () => take(picker.files));
  const place = h("div", { class: "card paper-place" }, icon("pdf", 40), h("p", {}, t("ui.paper.hint")), picker, h("button", { class: "button primary", type: "button", on: { click: () => picker.click() } }, t("ui.paper.choose")));
  page.main.addEventListener("dragover", (event) => (event.preventDefault(), place.classList.add("over")));
  page.main.addEventListener("dragleave", () => place.classList.remove("over"));
  page.main.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    take(event.dataTransfer?.files);
  });
  fill(
    page.main,
    h("div", { class: "plain-page narrow" }, h("h1", {}, t("ui.nav.paper")), place, told, h("section", { class: "card" }, field(t("ui.paper.code"), code), h("p", {}, action(t("ui.paper.check"), () => ask("", code.value.trim()), "button"))), h("p", { class: "muted small" }, t("ui.paper.proof"))),
  );
  const scanned = new URLSearchParams(location.search).get("code");
  if (scanned !== null) {
    code.value = scanned && `/PAPER/${scanned}`;
    ask("", code.value).catch(complain);
  }
  page.root.setAttribute("data-ready", "");
  return page.destroy;
}

function verdict(found: PaperChecked, sha256: string): HTMLElement {
  const color = COLORS[found.verdict];
  const lines = [
    found.left && t("ui.paper.left", { time: dayAndClock(found.left.time), entry: found.left.entry }),
    found.signed_at && found.version !== null && t("ui.paper.signed", { time: dayAndClock(found.signed_at), version: found.version }),
    found.seal && t("ui.paper.seal", { level: found.seal.level, certificate: found.seal.certificate_sha256 }),
    found.newer && t("ui.paper.newer", { time: dayAndClock(found.newer.time), entry: found.newer.entry }),
  ];
  return h(
    "div",
    { class: `notice ${color}`, "data-verdict": found.verdict },
    icon(color === "teal" ? "check" : color === "amber" ? "warn" : "error"),
    h("div", {}, h("strong", {}, t(`ui.paper.verdict.${found.verdict}`)), ...lines.map((line) => line && h("p", { class: "num" }, line)), sha256 ? h("p", { class: "num small wrap" }, `${t("ui.paper.digest")} ${sha256}`) : null),
  );
}
