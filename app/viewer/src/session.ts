/** Who is signed in and how the page looks for them. Choices live on the server, never in the browser. */

import { openSession, patch } from "./api";
import { loadWords } from "./i18n";
import type { Language, Session, Theme } from "./types";

let session: Session;

export async function start(): Promise<Session> {
  session = await openSession();
  await loadWords(session.language);
  return session;
}

export const me = (): Session => session;

/** A new CSRF token after signing in again in another tab. */
export async function renew(): Promise<void> {
  const fresh = await openSession(true);
  if (fresh.user.id !== session.user.id) location.reload();
  session = fresh;
}

export async function chooseLanguage(language: Language): Promise<void> {
  await patch("/api/session", { language });
  location.reload();
}

export async function chooseTheme(theme: Theme): Promise<void> {
  session = { ...session, theme };
  await patch("/api/session", { theme });
}

export async function choosePanelWidth(panel_width: number): Promise<void> {
  session = { ...session, panel_width };
  await patch("/api/session", { panel_width });
}
