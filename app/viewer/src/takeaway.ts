/** What carries much away: the password first, then a plain link, which the browser writes to disk by itself. */

import { post } from "./api";
import { h } from "./dom";
import { t } from "./i18n";
import { askPassword } from "./signing";
import type { GrantGiven } from "./types";

/** Ask who sits there, then download. target: address with its query, exactly as it will be opened */
export async function takeAway(title: string, target: string, name = ""): Promise<void> {
  const confirmed = await askPassword({
    title,
    words: [h("p", { class: "muted" }, t("ui.take.hint"))],
    button: t("ui.take.confirm"),
    blocked: false,
    leave: true,
    send: (password, code) => post<GrantGiven>("/api/grants", { target, password, code }),
  });
  if (confirmed) h("a", { href: target, download: name }).click();
}
