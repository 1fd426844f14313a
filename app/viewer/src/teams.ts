/** Teams, for the administrator: their names and who is in them; which patients are shared with them is not shown. */

import { get, patch, post, remove } from "./api";
import { fill, h } from "./dom";
import { action, field, table } from "./form";
import { t } from "./i18n";
import { complain } from "./toast";
import type { Person, Team } from "./types";

/** The part of the page; `show` draws it for the people there are now. */
export function teamsPart(): { element: HTMLElement; show(people: Person[]): Promise<void> } {
  const list = h("div");
  const name = h("input", { class: "input", autocomplete: "off", maxlength: 120 });
  let people: Person[] = [];
  const load = async () => {
    const teams = await get<Team[]>("/api/teams");
    fill(list, teams.length > 0 ? listed(teams, people, load) : h("p", { class: "muted" }, t("ui.teams.none")));
  };
  const add = async () => {
    if (!name.value.trim()) return name.focus();
    await post("/api/teams", { name: name.value });
    name.value = "";
    await load();
  };
  const element = h(
    "section",
    { class: "card", "data-part": "teams" },
    h("h2", {}, t("ui.teams")),
    h("p", { class: "muted" }, t("ui.teams.hint")),
    list,
    h("div", { class: "team-adding" }, field(t("ui.teams.name"), name), action(t("ui.teams.add"), add, "button")),
  );
  return { element, show: (now) => ((people = now), load()) };
}

function listed(teams: Team[], people: Person[], load: () => Promise<void>): HTMLElement {
  const names = new Map(people.map((one) => [one.id, one.display_name]));
  return table(
    t("ui.teams"),
    [t("ui.teams.name"), t("ui.teams.members"), ""],
    teams.map((team) => [
      h("b", {}, team.name),
      team.members.map((one) => names.get(one) ?? "").join(", ") || h("span", { class: "muted" }, t("ui.teams.nobody")),
      h("span", { class: "row" }, h("button", { class: "button small-button", type: "button", "data-team": team.name, on: { click: () => membersDialog(team, people, load) } }, t("ui.teams.change")), h("button", { class: "button small-button", type: "button", on: { click: () => removeDialog(team, load) } }, t("ui.teams.remove"))),
    ]),
  );
}

function membersDialog(team: Team, people: Person[], load: () => Promise<void>): void {
  const clinicians = people.filter((one) => one.role === "clinician" && (one.active || team.members.includes(one.id)));
  const boxes = clinicians.map((one) => h("label", { class: "check" }, h("input", { type: "checkbox", name: "member", value: one.id, checked: team.members.includes(one.id) }), h("span", {}, `${one.display_name} · ${one.username}`)));
  const words = boxes.length > 0 ? h("div", { class: "checks team-members" }, ...boxes) : h("p", { class: "muted" }, t("ui.teams.no_clinician"));
  sheet(`${t("ui.teams.members")}: ${team.name}`, [words], t("ui.teams.save"), "primary", async (form) => {
    await patch(`/api/teams/${team.id}`, { members: new FormData(form).getAll("member") });
    await load();
  });
}

function removeDialog(team: Team, load: () => Promise<void>): void {
  sheet(`${t("ui.teams.remove")}: ${team.name}`, [h("p", {}, t("ui.teams.remove.note", { name: team.name }))], t("ui.teams.remove"), "danger", async () => {
    await remove(`/api/teams/${team.id}`);
    await load();
  });
}

function sheet(title: string, words: Node[], button: string, kind: string, send: (form: HTMLFormElement) => Promise<void>): void {
  const submit = h("button", { class: `button ${kind}`, type: "submit" }, button);
  const form = h("form", { class: "sheet" }, h("h2", {}, title), ...words, h("div", { class: "row-end" }, h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("ui.cancel")), submit));
  const dialog = h("dialog", { "aria-label": title }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit.disabled = true;
    send(form).then(() => dialog.close(), (error: unknown) => ((submit.disabled = false), complain(error)));
  });
  dialog.addEventListener("close", () => dialog.remove());
  (document.querySelector(".dfm") ?? document.body).append(dialog);
  dialog.showModal();
}
