/** One's own account: where one is signed in, the second factor and its recovery codes. */

import { get, post, remove } from "./api";
import { fill, h } from "./dom";
import { action, field, table } from "./form";
import { bytes, dayAndClock, t } from "./i18n";
import { me, renew as openAgain } from "./session";
import { shell } from "./shell";
import { askPassword } from "./signing";
import { complain, toast } from "./toast";
import type { OpenSession, OpenSessions, FactorState, NewFactor, Recovery, Quotas } from "./types";

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.account") });
  const sessions = h("div");
  const factor = h("div");
  const shares = h("div");
  const reads = me().user.role === "clinician";
  const load = async () => {
    const [open, state] = await Promise.all([get<OpenSessions>("/api/account/sessions"), get<FactorState>("/api/account/factor")]);
    fill(sessions, listed(open.sessions, load));
    fill(factor, shown(state, factor, load));
    if (reads) fill(shares, shared(await get<Quotas>("/api/account/quotas")));
    page.root.setAttribute("data-ready", "");
  };
  fill(
    page.main,
    h(
      "div",
      { class: "plain-page" },
      h("h1", {}, t("ui.nav.account")),
      h("section", { class: "card" }, h("h2", {}, t("ui.account.factor")), factor),
      h("section", { class: "card" }, h("h2", {}, t("ui.account.sessions")), sessions),
      reads ? h("section", { class: "card", "data-quotas": "" }, h("h2", {}, t("ui.account.quotas")), shares) : null,
    ),
  );
  load().catch(complain);
  return page.destroy;
}

/** What one person may have of what all share, and how much of it is used. */
function shared(quotas: Quotas): HTMLElement {
  const count = (name: keyof Quotas) => (n: number) => (name === "bytes" ? bytes(n) : String(n));
  const line = (name: keyof Quotas) => {
    const { used, limit } = quotas[name];
    const words = limit === null ? t("ui.account.quotas.unlimited", { used: count(name)(used) }) : t("ui.account.quotas.of", { used: count(name)(used), limit: count(name)(limit) });
    return [t(`ui.account.quotas.${name}`), h("span", { class: "num" }, words)];
  };
  return table(t("ui.account.quotas"), [t("ui.account.quotas.what"), t("ui.account.quotas.used")], (["bytes", "uploads", "waiting", "answers"] as const).map(line));
}

function listed(open: OpenSession[], load: () => Promise<void>): HTMLElement {
  const end = (path: string) => remove(path).then(() => (toast("done", t("ui.account.ended")), load()));
  const others = action(t("ui.account.end_others"), () => end("/api/account/sessions"));
  others.disabled = open.filter((one) => !one.here).length === 0;
  return h(
    "div",
    {},
    table(
      t("ui.account.sessions"),
      [t("ui.account.device"), t("ui.account.address"), t("ui.account.opened"), t("ui.account.seen"), ""],
      open.map((one) => [
        one.device || t("ui.account.device.unknown"),
        h("span", { class: "num" }, one.ip),
        h("span", { class: "num" }, dayAndClock(one.opened_at)),
        h("span", { class: "num" }, dayAndClock(one.last_seen_at)),
        one.here ? t("ui.account.here") : action(t("ui.account.end"), () => end(`/api/account/sessions/${one.id}`), "button small-button"),
      ]),
    ),
    h("p", {}, others),
  );
}

function shown(state: FactorState, place: HTMLElement, load: () => Promise<void>): HTMLElement {
  const words = h(
    "p",
    {},
    state.enrolled ? t("ui.account.factor.on", { left: state.recovery_left }) : t("ui.account.factor.off"),
    state.demanded ? ` ${t("ui.account.factor.demanded")}` : "",
  );
  if (!state.enrolled) return h("div", {}, words, h("p", {}, action(t("ui.account.factor.set_up"), () => setUp(place, load), "button primary")));
  const off = action(t("ui.account.factor.remove"), () => turnOff(load));
  off.disabled = state.demanded;
  return h("div", {}, words, h("div", { class: "row" }, action(t("ui.account.recovery.renew"), () => renew(place, load)), off));
}

const ask = (button: string, send: (password: string, code: string) => Promise<unknown>) =>
  askPassword({ title: t("ui.account.confirm"), words: [], button, blocked: false, send });

async function setUp(place: HTMLElement, load: () => Promise<void>): Promise<void> {
  let made: NewFactor | undefined;
  await ask(t("ui.account.continue"), async (password, code) => (made = await post<NewFactor>("/api/account/factor", { password, code })));
  if (!made) return;
  const code = h("input", { class: "input factor-code", autocomplete: "one-time-code", inputmode: "numeric", maxlength: 10 });
  const on = async () => {
    const kept = await post<Recovery>("/api/account/factor/confirm", { code: code.value });
    await openAgain();
    fill(place, recovery(kept.recovery, load));
  };
  const picture = h("img", { class: "factor-qr", alt: t("ui.account.factor.scan"), src: `data:image/svg+xml,${encodeURIComponent(made.qr)}` });
  const submit = action(t("ui.account.factor.confirm"), on, "button primary");
  code.addEventListener("keydown", (event) => event.key === "Enter" && submit.click());
  fill(place, h("p", {}, t("ui.account.factor.scan")), picture, h("p", { class: "num factor-key" }, made.secret), field(t("ui.sign.code"), code), h("p", {}, submit));
  code.focus();
}

async function renew(place: HTMLElement, load: () => Promise<void>): Promise<void> {
  let kept: Recovery | undefined;
  await ask(t("ui.account.recovery.renew"), async (password, code) => (kept = await post<Recovery>("/api/account/factor/recovery", { password, code })));
  if (kept) fill(place, recovery(kept.recovery, load));
}

async function turnOff(load: () => Promise<void>): Promise<void> {
  const done = await ask(t("ui.account.factor.remove"), (password, code) => post("/api/account/factor/remove", { password, code }));
  if (!done) return;
  await openAgain();
  toast("done", t("ui.account.factor.removed"));
  await load();
}

function recovery(codes: string[], load: () => Promise<void>): HTMLElement {
  const title = h("h3", { tabindex: -1 }, t("login.recovery"));
  queueMicrotask(() => title.focus());
  return h(
    "div",
    {},
    title,
    h("p", {}, t("login.recovery.note")),
    h("ul", { class: "factor-codes num" }, ...codes.map((code) => h("li", {}, code))),
    h("p", {}, action(t("login.recovery.kept"), load, "button primary")),
  );
}
