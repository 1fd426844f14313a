/** Mouse, pen and fingers over a plane: one drags, two pinch, the wheel turns the pages. */

export interface Gestures {
  start(): void;
  /** to: where it is now in CSS pixels of the pane; by: since the last time; button: 0 left, 1 middle, 2 right. */
  drag(to: [number, number], by: [number, number], button: number): void;
  pinch(factor: number, by: [number, number]): void;
  wheel(steps: number): void;
  twice(): void;
}

type Point = [number, number];

const WHEEL_PX = 40;

export function pointers(element: HTMLElement, gestures: Gestures): void {
  const down = new Map<number, Point>();
  let button = 0;
  let rolled = 0;
  const at = (event: MouseEvent): Point => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    button = event.shiftKey ? 1 : event.button;
    gestures.start();
    if (down.size === 1) gestures.drag(at(event), [0, 0], button);
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    const by: Point = [now[0] - before[0], now[1] - before[1]];
    const other = [...down.entries()].find(([id]) => id !== event.pointerId)?.[1];
    down.set(event.pointerId, now);
    if (!other) return gestures.drag(now, by, button);
    const apart = (point: Point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    gestures.pinch(apart(now) / Math.max(1, apart(before)), [by[0] / 2, by[1] / 2]);
  });
  for (const name of ["pointerup", "pointercancel"] as const) element.addEventListener(name, (event) => down.delete(event.pointerId));
  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("dblclick", () => gestures.twice());
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    // A touch pad reports many small turns, a wheel few large ones.
    rolled += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_PX;
    const steps = Math.trunc(rolled / WHEEL_PX);
    if (steps === 0) return;
    rolled -= steps * WHEEL_PX;
    gestures.wheel(Math.sign(steps) * Math.min(Math.abs(steps), 3));
  }, { passive: false });
}
