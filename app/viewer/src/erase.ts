/** Asking for a patient to be erased, from the reading room; an administrator decides. */

import { get, post, remove } from "./api";
import { h } from "./dom";
import { field, select } from "./form";
import { t } from "./i18n";
import { icon } from "./icons";
import { complain, sentenceOf, toast } from "./toast";
import type { ErasureOfStudy } from "./types";

const REASONS = ["patient_asked", "kept_long_enough", "wrong_upload", "court_order"] as const;

/** The button that opens the request. */
export function eraseButton(studyId: string): HTMLElement {
  const label = t("ui.erase.ask");
  return h("button", { class: "tool erase", type: "button", "aria-label": label, title: label, on: { click: () => void open(studyId).catch(complain) } }, icon("trash"));
}

async function open(studyId: string): Promise<void> {
  const address = `/api/studies/${encodeURIComponent(studyId)}/erasure`;
  const found = await get<ErasureOfStudy>(address);
  const reason = select("erase-reason", REASONS.map((one) => [one, t(`ui.erasures.reason.${one}`)] as const), found.erasure?.reason);
  reason.disabled = found.erasure !== null;
  const problem = h("p", { class: "notice red", role: "alert", hidden: true });
  const send = h("button", { class: found.erasure ? "button" : "button danger", type: "submit", disabled: found.erasure !== null && !found.mine }, t(found.erasure ? "ui.erase.withdraw" : "ui.erase.send"));
  const form = h(
    "form",
    { class: "sheet" },
    h("h2", {}, t("ui.erase.ask")),
    h("p", {}, t(found.erasure ? "ui.erase.waits" : "ui.erase.hint")),
    field(t("ui.erasures.reason"), reason),
    problem,
    h("div", { class: "row-end" }, h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("ui.cancel")), send),
  );
  const dialog = h("dialog", { class: "signing", "aria-label": t("ui.erase.ask") }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send.disabled = true;
    const done = found.erasure ? remove(address) : post(address, { reason: reason.value });
    done.then(
      () => (dialog.close(), toast("done", t(found.erasure ? "ui.erase.withdrawn" : "ui.erase.asked"))),
      (error: unknown) => {
        problem.textContent = sentenceOf(error);
        problem.hidden = false;
        send.disabled = false;
      },
    );
  });
  dialog.addEventListener("close", () => dialog.remove());
  (document.querySelector(".dfm") ?? document.body).append(dialog);
  dialog.showModal();
}
