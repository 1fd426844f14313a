/**
 * The page's own script: finds the places that the Gradio shell left for it and fills them.
 *
 * A place is an element with `data-island="worklist"` (or `elem_id="island-worklist"`). Gradio builds its
 * page after this script has started and may build a place again, so the document is watched for them.
 */

import { Unreachable } from "./api";
import { start } from "./session";
import { complain } from "./toast";

type Unmount = () => void;
interface Island {
  mount(host: HTMLElement): Unmount | Promise<Unmount>;
}

const ISLANDS: Record<string, () => Promise<Island>> = {
  worklist: () => import("./worklist"),
  study: () => import("./study"),
  reviews: () => import("./reviews"),
  review: () => import("./review"),
  users: () => import("./users"),
  erasures: () => import("./erasures"),
  system: () => import("./system"),
  paper: () => import("./paper"),
  log: () => import("./log"),
  emergencies: () => import("./emergencies"),
  account: () => import("./account"),
  about: () => import("./about"),
};

const mounted = new Map<HTMLElement, Unmount>();
const ready = start();

function nameOf(host: HTMLElement): string {
  return host.dataset["island"] ?? host.id.replace(/^island-/, "");
}

async function fillPlace(host: HTMLElement): Promise<void> {
  const load = ISLANDS[nameOf(host)];
  if (!load || mounted.has(host)) return;
  mounted.set(host, () => {});
  try {
    const [island] = await Promise.all([load(), ready]);
    const unmount = await island.mount(host);
    if (host.isConnected) mounted.set(host, unmount);
    else unmount();
  } catch (error) {
    if (error instanceof Unreachable) {
      // Without the server there are no words yet either; say it in both languages.
      host.textContent = "The server does not answer. Reload the page. · 서버가 응답하지 않습니다. 페이지를 새로 고치십시오.";
      return;
    }
    complain(error);
  }
}

function sweep(): void {
  for (const [host, unmount] of mounted) {
    if (host.isConnected) continue;
    mounted.delete(host);
    unmount();
  }
  for (const host of document.querySelectorAll<HTMLElement>('[data-island], [id^="island-"]')) void fillPlace(host);
}

ready.catch(() => {});
new MutationObserver(sweep).observe(document.documentElement, { childList: true, subtree: true });
sweep();
