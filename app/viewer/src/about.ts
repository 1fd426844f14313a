/** What this is, which model answers, and the licences of software and weights. */

import { get } from "./api";
import { fill, h } from "./dom";
import { table } from "./form";
import { t } from "./i18n";
import { shell } from "./shell";
import { complain } from "./toast";
import type { About } from "./types";

export function mount(host: HTMLElement): () => void {
  const page = shell(host, { title: t("ui.nav.about") });
  get<About>("/api/about").then((about) => {
    fill(page.main, told(about));
    page.root.setAttribute("data-ready", "");
  }, complain);
  return page.destroy;
}

function told(about: About): HTMLElement {
  const model = about.model;
  return h(
    "div",
    { class: "plain-page" },
    h("h1", {}, `Dragonfly-Med ${about.version}`),
    h("section", { class: "card" }, h("h2", {}, t("ui.about.model")), model ? h("p", {}, `${model.name} · ${model.architecture} · ${model.licence}`) : h("p", { class: "muted" }, t("ui.about.no_model")), model ? h("p", { class: "num muted wrap" }, `sha256 ${model.fingerprint}`) : null, model?.demonstration ? h("p", { class: "notice amber" }, t("app.notice")) : null),
    h("section", { class: "card" }, h("h2", {}, t("ui.about.weights")), table(t("ui.about.weights"), [t("ui.about.name"), t("ui.about.licence"), ""], about.weights.map((one) => [one.name, one.licence, one.note]))),
    h("section", { class: "card" }, h("h2", {}, t("ui.about.software")), table(t("ui.about.software"), [t("ui.about.name"), t("ui.about.licence")], about.software.map((one) => [one.name, one.licence])), h("p", {}, h("a", { href: "/static/licences.txt", target: "_blank", rel: "noopener" }, t("ui.about.texts")))),
  );
}
