/** People: who there is, adding one, changing role, leaving, a new password. */

import { get, patch, post } from "./api";
import { fill, h } from "./dom";
import { action, field, select, table } from "./form";
import { t } from "./i18n";
import { shell } from "./shell";
import { teamsPart } from "./teams";
import { askPassword } from "./signing";
import { complain, toast } from "./toast";
import type { Ended, PersonLine } from "./types";

const ROLES = ["clinician", "researcher", "admin", "auditor"] as const;
const roles = () => ROLES.map((role) => [role, t(`ui.role.${role}`)] as const);

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.users") });
  const list = h("div", { class: "card" });
  const teams = teamsPart();
  const load = async () => {
    const users = await get<PersonLine[]>("/api/users");
    fill(list, listed(users, load));
    await teams.show(users);
    page.root.setAttribute("data-ready", "");
  };
  fill(page.main, h("div", { class: "plain-page" }, h("h1", {}, t("ui.nav.users")), list, adding(load), teams.element));
  load().catch(complain);
  return page.destroy;
}

function listed(users: PersonLine[], load: () => Promise<void>): HTMLElement {
  return table(
    t("ui.nav.users"),
    [t("ui.users.username"), t("ui.users.name"), t("ui.users.role"), t("ui.users.state"), ""],
    users.map((user) => {
      const role = select("role", roles(), user.role);
      role.setAttribute("aria-label", t("ui.users.role"));
      role.addEventListener("change", () => {
        patch(`/api/users/${user.id}`, { role: role.value }).then(load, (error: unknown) => (complain(error), void load()));
      });
      const change = () => patch(`/api/users/${user.id}`, { active: !user.active }).then(load);
      const out = () => post<Ended>(`/api/users/${user.id}/sign-out`).then((done) => toast("done", t("ui.users.signed_out", { n: done.ended })));
      const more = h("span", { class: "row" }, action(t(user.active ? "ui.users.end" : "ui.users.resume"), change, "button small-button"), action(t("ui.users.sign_out"), out, "button small-button"), user.second_factor ? action(t("ui.users.factor_off"), () => takeOff(user, load), "button small-button") : null);
      return [user.username, user.display_name, role, t(user.active ? "ui.users.active" : "ui.users.inactive"), more];
    }),
  );
}

async function takeOff(user: PersonLine, load: () => Promise<void>): Promise<void> {
  await askPassword({
    title: `${t("ui.users.factor_off")}: ${user.username}`,
    words: [h("p", {}, t("ui.users.factor_off.note"))],
    button: t("ui.users.factor_off"),
    blocked: false,
    danger: true,
    send: (password, code) => post(`/api/users/${user.id}/factor/remove`, { password, code }),
  });
  await load();
}

function adding(load: () => Promise<void>): HTMLElement {
  const username = h("input", { class: "input", autocomplete: "off" });
  const name = h("input", { class: "input", autocomplete: "off" });
  const role = select("new-role", roles());
  const password = h("input", { class: "input", type: "password", autocomplete: "new-password" });
  const add = async () => {
    await post("/api/users", { username: username.value, display_name: name.value, role: role.value, password: password.value });
    for (const input of [username, name, password]) input.value = "";
    toast("done", t("ui.users.added"));
    await load();
  };
  return h("section", { class: "card" }, h("h2", {}, t("ui.users.add")), field(t("ui.users.username"), username), field(t("ui.users.name"), name), field(t("ui.users.role"), role), field(t("ui.users.password"), password), h("p", {}, action(t("ui.users.add"), add, "button primary")));
}
