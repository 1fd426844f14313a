/** Small builders for elements. Text goes in as text nodes only; there is no way in for markup. */

export type Child = Node | string | number | null | undefined | false;

type Handlers = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

export interface Props {
  class?: string;
  on?: Handlers;
  [attribute: string]: string | number | boolean | null | undefined | Handlers;
}

/** An element with attributes, handlers and children; `false` and `null` leave an attribute out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value as Handlers)) {
        element.addEventListener(event, handler as EventListener);
      }
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, children);
  return element;
}

export function append(parent: Node, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replace everything below `parent`. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

/** The first match below `root`, which must be there. */
export function find<T extends Element = HTMLElement>(root: ParentNode, selector: string): T {
  const found = root.querySelector<T>(selector);
  if (!found) throw new Error(`nothing matches ${selector}`);
  return found;
}

/** Run `action` once the calls have been quiet for `ms`; `flush` runs a waiting one at once. */
export function debounce<A extends unknown[]>(ms: number, action: (...args: A) => void) {
  let timer = 0;
  let waiting: A | null = null;
  const run = () => {
    window.clearTimeout(timer);
    const args = waiting;
    waiting = null;
    if (args) action(...args);
  };
  const call = (...args: A) => {
    waiting = args;
    window.clearTimeout(timer);
    timer = window.setTimeout(run, ms);
  };
  return Object.assign(call, { flush: run, pending: () => waiting !== null });
}
