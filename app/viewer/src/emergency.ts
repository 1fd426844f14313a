/** Emergency access: asked for with a number, a reason and the password; a bar says that it is one and how long it lasts. */

import { post } from "./api";
import { h } from "./dom";
import { clock, t } from "./i18n";
import { icon } from "./icons";
import { askPassword } from "./signing";
import { complain, toast } from "./toast";
import type { EmergencyOpened, StudyLine } from "./types";

const SHORTEST = 20;

/** The button on the worklist; `opened` runs once a patient is open. */
export function emergencyButton(opened: () => void): HTMLElement {
  return h("button", { class: "button small-button", type: "button", "data-action": "emergency", on: { click: () => ask(opened).catch(complain) } }, icon("emergency", 16), t("ui.emergency"));
}

async function ask(opened: () => void): Promise<void> {
  const number = h("input", { class: "input", name: "number", autocomplete: "off", spellcheck: "false", maxlength: 64, required: true });
  const issuer = h("input", { class: "input", name: "issuer", autocomplete: "off", spellcheck: "false", maxlength: 64 });
  const reason = h("textarea", { class: "input", name: "reason", rows: 3, minlength: SHORTEST, maxlength: 2000, required: true });
  const least = h("span", { class: "muted small", id: "emergency-least" }, t("ui.emergency.reason.least"));
  reason.setAttribute("aria-describedby", least.id);
  const field = (label: string, input: HTMLElement) => h("label", { class: "field" }, h("span", {}, label), input);
  let until = "";
  const done = await askPassword({
    title: t("ui.emergency"),
    words: [
      h("p", { class: "notice amber" }, icon("emergency"), h("span", {}, t("ui.emergency.hint"))),
      field(t("ui.emergency.number"), number),
      field(t("ui.emergency.issuer"), issuer),
      h("div", { class: "with-hint" }, field(t("ui.emergency.reason"), reason), least),
    ],
    button: t("ui.emergency.open"),
    icon: "emergency",
    blocked: false,
    send: async (password, code) => {
      const found = await post<EmergencyOpened>("/api/emergencies", { number: number.value.trim(), issuer: issuer.value.trim(), reason: reason.value.trim(), password, code });
      until = found.until;
    },
  });
  if (!done) return;
  toast("done", t("ui.emergency.opened", { at: clock(until) }));
  opened();
}

/** The bar above the pictures of a patient who is open in an emergency; `over` runs when the time is, or by the button. */
export function emergencyBar(study: StudyLine, over: () => void): { element: HTMLElement; destroy(): void } {
  const end = Date.parse(study.until ?? "");
  const left = h("b", { class: "num", role: "timer" });
  const stop = h("button", { class: "button small-button", type: "button", "data-action": "end-emergency" }, t("ui.emergency.end"));
  const element = h("div", { class: "emergency-bar", role: "region", "aria-label": t("ui.emergency") }, icon("emergency"), h("p", {}, t("ui.emergency.banner", { name: study.owner })), left, stop);
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    left.textContent = t("ui.emergency.left", { time: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
    if (seconds > 0) return;
    window.clearInterval(timer);
    over();
  };
  const timer = window.setInterval(tick, 1000);
  stop.addEventListener("click", () => {
    stop.disabled = true;
    post(`/api/emergencies/${study.emergency_id}/end`).then(
      () => (window.clearInterval(timer), over()),
      (error: unknown) => ((stop.disabled = false), complain(error)),
    );
  });
  tick();
  return { element, destroy: () => window.clearInterval(timer) };
}
