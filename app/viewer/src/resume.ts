/** Uploads that broke off: what is here of them, and the way to go on, which is to choose the same files again. */

import { get, remove } from "./api";
import { h } from "./dom";
import { bytes, t } from "./i18n";
import { icon } from "./icons";
import { recognised } from "./parts";
import { complain, toast } from "./toast";
import type { WaitingUpload, WaitingUploads } from "./types";

/** Show one card for each upload that waits. resume: called with the files that are missing, once they were chosen. */
export async function showWaiting(place: HTMLElement, resume: (waiting: WaitingUpload, files: Map<number, File>) => void): Promise<void> {
  const { uploads } = await get<WaitingUploads>("/api/uploads");
  for (const one of uploads) if (one.files.some((file) => file.kept > 0)) place.append(card(one, resume));
}

function card(waiting: WaitingUpload, resume: (waiting: WaitingUpload, files: Map<number, File>) => void): HTMLElement {
  const sum = (of: "kept" | "bytes") => waiting.files.reduce((total, file) => total + file[of], 0);
  const share = Math.floor((100 * sum("kept")) / Math.max(1, sum("bytes")));
  const input = h("input", { type: "file", multiple: true, class: "visually-hidden", tabindex: -1, "aria-hidden": "true" });
  input.addEventListener("change", () => {
    const chosen = [...(input.files ?? [])];
    input.value = "";
    recognised(waiting, chosen).then((files) => {
      if (!files) return toast("note", t("ui.upload.other_file"));
      element.remove();
      resume(waiting, files);
    }, complain);
  });
  const discard = () => remove(`/api/uploads/${waiting.upload_id}`).then(() => element.remove(), complain);
  const words = h(
    "div",
    { class: "upload-words" },
    h("p", { class: "upload-title" }, t("ui.upload.waits")),
    h("p", { class: "muted num" }, t("ui.upload.waits.hint", { bytes: bytes(sum("kept")), of: bytes(sum("bytes")) })),
  );
  const actions = h(
    "div",
    { class: "upload-actions" },
    input,
    h("button", { class: "button", type: "button", on: { click: () => input.click() } }, t("ui.upload.go_on")),
    h("button", { class: "button quiet", type: "button", on: { click: () => void discard() } }, t("ui.upload.discard")),
  );
  const bar = h("i");
  bar.style.width = `${share}%`;
  const meter = h("div", { class: "meter", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": share, "aria-label": t("ui.upload.progress") }, bar);
  const element = h("section", { class: "upload upload-waiting", "aria-label": t("ui.upload.waits") }, h("div", { class: "upload-head" }, icon("upload"), words, actions), meter);
  return element;
}
