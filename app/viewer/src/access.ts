/** Who may see a patient: shared with colleagues and teams by the owner, taken back with effect at once. */

import { get, post, remove } from "./api";
import { fill, h } from "./dom";
import { day, t } from "./i18n";
import { icon } from "./icons";
import { complain, toast } from "./toast";
import type { Access, Candidate, Shared } from "./types";

/** The button that shows who may see the patient. */
export function accessButton(studyId: string): HTMLElement {
  return h("button", { class: "tool", type: "button", "data-action": "access", "aria-label": t("ui.access"), title: t("ui.access"), on: { click: () => open(studyId).catch(complain) } }, icon("people"));
}

async function open(studyId: string): Promise<void> {
  const address = `/api/studies/${studyId}/access`;
  const list = h("ul", { class: "sharing" });
  const adding = h("div");
  const hint = h("p", { class: "muted" });
  const load = async () => {
    const found = await get<Access>(address);
    const mine = found.way === "owner";
    hint.textContent = mine ? t("ui.access.hint") : t("ui.access.hint.member", { name: found.owner });
    const rows = found.shares.map((one) => line(one, mine, address, load));
    fill(list, h("li", {}, icon("user"), h("div", {}, h("b", {}, found.owner), h("span", { class: "muted small" }, t("ui.access.owner")))), ...rows);
    if (rows.length === 0) list.append(h("li", { class: "muted" }, t("ui.access.nobody")));
    fill(adding, mine ? sharing(found, address, load) : null);
  };
  await load();
  const close = h("button", { class: "button", type: "submit" }, t("ui.close"));
  const form = h("div", { class: "sheet" }, h("h2", {}, t("ui.access")), hint, list, adding, h("form", { class: "row-end", method: "dialog" }, close));
  const dialog = h("dialog", { class: "access", "aria-label": t("ui.access") }, form);
  dialog.addEventListener("close", () => dialog.remove());
  (document.querySelector(".dfm") ?? document.body).append(dialog);
  dialog.showModal();
}

function line(one: Shared, mine: boolean, address: string, load: () => Promise<void>): HTMLElement {
  const team = one.kind === "team";
  const words = [team ? t("ui.access.team") : "", team ? one.members.join(", ") || t("ui.access.team.empty") : "", t("ui.access.since", { day: day(one.shared_at) })].filter(Boolean).join(" · ");
  const back = h("button", { class: "button small-button", type: "button", "data-share": one.id, "aria-label": t("ui.access.take_back.from", { name: one.name }) }, t("ui.access.take_back"));
  back.addEventListener("click", () => {
    back.disabled = true;
    remove(`${address}/${one.id}`)
      .then(() => toast("done", t("ui.access.taken_back", { name: one.name })))
      .then(load)
      .catch((error: unknown) => ((back.disabled = false), complain(error)));
  });
  return h("li", {}, icon(team ? "people" : "user"), h("div", {}, h("b", {}, one.name), h("span", { class: "muted small" }, words)), mine ? back : null);
}

function sharing(found: Access, address: string, load: () => Promise<void>): HTMLElement {
  if (found.colleagues.length + found.teams.length === 0) return h("p", { class: "muted" }, t("ui.access.no_candidates"));
  const group = (label: string, kind: string, them: Candidate[]) =>
    them.length > 0 && h("optgroup", { label }, ...them.map((one) => h("option", { value: `${kind}:${one.id}` }, one.members.length > 0 ? `${one.name} (${one.members.join(", ")})` : one.name)));
  const choice = h("select", { class: "input", name: "with" }, group(t("ui.access.teams"), "team_id", found.teams), group(t("ui.access.colleagues"), "colleague_id", found.colleagues));
  const share = h("button", { class: "button primary", type: "submit" }, icon("plus"), t("ui.access.share"));
  const form = h("form", { class: "sharing-with" }, h("label", { class: "field" }, h("span", {}, t("ui.access.with")), choice), share);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    share.disabled = true;
    const [kind = "", id = ""] = choice.value.split(":");
    post(address, { [kind]: id }).then(load).catch((error: unknown) => ((share.disabled = false), complain(error)));
  });
  return form;
}
