/** The words of the page, read once from the server in the reader's language. */

import { get } from "./api";
import type { Language } from "./types";

let words: Record<string, string> = {};
let language: Language = "en";

export async function loadWords(wanted: Language): Promise<void> {
  words = await get<Record<string, string>>(`/api/words?lang=${wanted}`);
  language = wanted;
  document.documentElement.lang = wanted;
}

export const currentLanguage = (): Language => language;

/** The sentence of a key, its {places} filled in. A key nobody wrote shows itself, so that a test can find it. */
export function t(key: string, facts: Record<string, string | number> = {}): string {
  const sentence = words[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (place, name: string) => String(facts[name] ?? place));
}

const two = (n: number) => String(n).padStart(2, "0");

/** 2026-11-22, in both languages: the order is the same on screen, on paper and in exports. */
export function day(iso: string | null | undefined): string {
  if (!iso) return t("ui.unknown");
  const plain = /^(\d{4})-?(\d{2})-?(\d{2})$/.exec(iso);
  if (plain) return `${plain[1]}-${plain[2]}-${plain[3]}`;
  const at = new Date(iso);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** 10:32, the clock of the reader. */
export function clock(iso: string | null | undefined): string {
  if (!iso) return "";
  const at = new Date(iso);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

export const dayAndClock = (iso: string): string => `${day(iso)} ${clock(iso)}`;

/** How long ago, in the largest unit that fits. */
export function ago(iso: string, now = Date.now()): string {
  const minutes = Math.max(0, Math.round((now - new Date(iso).getTime()) / 60000));
  if (minutes < 1) return t("ui.ago.now");
  if (minutes < 60) return t("ui.ago.minutes", { n: minutes });
  if (minutes < 48 * 60) return t("ui.ago.hours", { n: Math.round(minutes / 60) });
  return t("ui.ago.days", { n: Math.round(minutes / 1440) });
}

/** Whole years between two dates, or null where one is unknown. */
export function years(birth: string | null, at: string | null): number | null {
  const from = /^(\d{4})-?(\d{2})-?(\d{2})/.exec(birth ?? "");
  const to = /^(\d{4})-?(\d{2})-?(\d{2})/.exec(at ?? "") ?? /^(\d{4})-(\d{2})-(\d{2})/.exec(new Date().toISOString());
  if (!from || !to) return null;
  const before = Number(to[2]) * 100 + Number(to[3]) < Number(from[2]) * 100 + Number(from[3]);
  return Number(to[1]) - Number(from[1]) - (before ? 1 : 0);
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 ** 2) return `${(n / 1024).toFixed(0)} KB`;
  if (n < 1024 ** 3) return `${(n / 1024 ** 2).toFixed(1)} MB`;
  if (n < 1024 ** 4) return `${(n / 1024 ** 3).toFixed(2)} GB`;
  return `${(n / 1024 ** 4).toFixed(2)} TB`;
}
