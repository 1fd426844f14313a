/** The frame of every page: brand, what is being looked at, language, theme, who is signed in; status at the foot. */

import { get, post } from "./api";
import { h, fill } from "./dom";
import { t, currentLanguage } from "./i18n";
import { brandMark, icon } from "./icons";
import { chooseLanguage, chooseTheme, me } from "./session";
import { complain } from "./toast";
import type { Role, Status, Theme } from "./types";

const PAGES: Record<Role, [key: string, address: string][]> = {
  clinician: [["ui.nav.worklist", "/app/"], ["ui.nav.paper", "/app/paper"], ["ui.nav.about", "/app/about"]],
  researcher: [["ui.nav.reviews", "/research/"], ["ui.nav.paper", "/research/paper"], ["ui.nav.about", "/research/about"]],
  admin: [["ui.nav.users", "/admin/"], ["ui.nav.erasures", "/admin/erasures"], ["ui.nav.system", "/admin/system"], ["ui.nav.paper", "/admin/paper"], ["ui.nav.about", "/admin/about"]],
  auditor: [["ui.nav.log", "/audit/"], ["ui.nav.emergencies", "/audit/emergencies"], ["ui.nav.paper", "/audit/paper"], ["ui.nav.about", "/audit/about"]],
};
const STATUS_EVERY_MS = 15_000;

export interface Shell {
  root: HTMLElement;
  /** Between brand and user: the patient strip of a study page. */
  strip: HTMLElement;
  main: HTMLElement;
  /** Right end of the foot: what was saved last. */
  saved: HTMLElement;
  /** Look at the state of the service again now. */
  refresh(): void;
  destroy(): void;
}

interface ShellOptions {
  title: string;
  /** The reading room is dark whatever the theme elsewhere; `#light` in the address asks otherwise. */
  readingRoom?: boolean;
}

export function shell(host: HTMLElement, options: ShellOptions): Shell {
  const strip = h("div", { class: "strip" });
  const main = h("main", { class: "main" });
  const saved = h("span", { class: "foot-saved num", "aria-live": "polite" });
  const state = h("span", { class: "foot-state" });
  const root = h(
    "div",
    { class: options.readingRoom ? "dfm reading-room" : "dfm" },
    h(
      "header",
      { class: "head" },
      h("a", { class: "skip", href: "#dfm-main" }, t("ui.skip")),
      h("a", { class: "brand", href: home(), "aria-label": "Dragonfly-Med" }, brandMark(), h("span", { class: "brand-name" }, "Dragonfly-Med")),
      options.readingRoom ? null : navigation(),
      strip,
      userCorner(options.readingRoom ?? false),
    ),
    main,
    h("footer", { class: "foot" }, state, saved),
  );
  main.id = "dfm-main";
  main.tabIndex = -1;
  document.title = `${options.title} · Dragonfly-Med`;
  applyTheme(options.readingRoom ? roomTheme() : me().theme);
  // Beside Gradio's element and not inside it: its style sheet names every tag below itself, tables and fields included.
  cover(host);
  host.ownerDocument.body.append(root);

  const refresh = () => void showStatus(state);
  refresh();
  const timer = window.setInterval(() => document.hidden || refresh(), STATUS_EVERY_MS);
  return { root, strip, main, saved, refresh, destroy: () => (window.clearInterval(timer), root.remove()) };
}

/** What lies below is covered by the page: neither the keyboard nor a screen reader should go there. */
function cover(host: HTMLElement): void {
  let outer = host;
  while (outer.parentElement && outer.parentElement !== host.ownerDocument.body) outer = outer.parentElement;
  outer.inert = true;
}

const home = (): string => PAGES[me().user.role][0]?.[1] ?? "/";

const roomTheme = (): Theme => (location.hash === "#light" ? "light" : "dark");

function applyTheme(theme: Theme): void {
  document.documentElement.dataset["dfmTheme"] = theme;
  document.documentElement.classList.toggle("dark", theme === "dark");
}

function navigation(): HTMLElement {
  const here = location.pathname.replace(/\/+$/, "");
  return h(
    "nav",
    { class: "nav", "aria-label": t("ui.nav") },
    ...PAGES[me().user.role].map(([key, address]) =>
      h(
        "a",
        { href: address, "aria-current": address.replace(/\/+$/, "") === here ? "page" : null },
        t(key),
      ),
    ),
  );
}

function userCorner(readingRoom: boolean): HTMLElement {
  const { user } = me();
  const other = currentLanguage() === "ko" ? "en" : "ko";
  const theme = h("button", { class: "tool", type: "button" });
  const showTheme = () => {
    const dark = document.documentElement.dataset["dfmTheme"] === "dark";
    const label = t(dark ? "ui.theme.to_light" : "ui.theme.to_dark");
    fill(theme, icon(dark ? "sun" : "moon"));
    theme.setAttribute("aria-label", label);
    theme.title = label;
  };
  theme.addEventListener("click", () => {
    const next: Theme = document.documentElement.dataset["dfmTheme"] === "dark" ? "light" : "dark";
    applyTheme(next);
    showTheme();
    if (readingRoom) history.replaceState(null, "", next === "light" ? "#light" : location.pathname + location.search);
    else chooseTheme(next).catch(complain);
  });
  queueMicrotask(showTheme);
  const signOut = async () => {
    await post("/logout");
    location.assign("/login");
  };
  return h(
    "div",
    { class: "corner" },
    h(
      "button",
      { class: "tool tool-text", type: "button", lang: other, "aria-label": t("ui.language.other"), title: t("ui.language.other"),
        on: { click: () => chooseLanguage(other).catch(complain) } },
      other === "ko" ? "한국어" : "English",
    ),
    theme,
    h(
      "a",
      { class: "who", href: `${home()}account`, "aria-label": `${t("ui.nav.account")}: ${user.display_name || user.username}`, title: `${user.display_name} · ${t(`ui.role.${user.role}`)}` },
      icon("user", 16),
      h("span", { class: "who-name" }, user.display_name || user.username),
    ),
    h(
      "button",
      { class: "tool", type: "button", "aria-label": t("ui.sign_out"), title: t("ui.sign_out"),
        on: { click: () => signOut().catch(complain) } },
      icon("leave"),
    ),
  );
}

async function showStatus(place: HTMLElement): Promise<void> {
  const pieces: HTMLElement[] = [];
  try {
    const status = await get<Status>("/api/status");
    const ready = status.workers > 0;
    pieces.push(
      h("span", { class: ready ? "state-dot ok" : "state-dot away" }, t(ready ? "ui.worker.ready" : "ui.worker.away")),
      h("span", { class: "num" }, t("ui.worker.waiting", { n: status.waiting })),
    );
  } catch {
    pieces.push(h("span", { class: "state-dot error" }, t("ui.unreachable.short")));
  }
  if (me().demonstration) pieces.push(h("span", { class: "demo-note" }, t("ui.demonstration")));
  else if (me().model) pieces.push(h("span", {}, me().model?.name ?? ""));
  fill(place, ...pieces);
}
