// A table of tasks on a page of its own, for the tests: with rows of 20 pixels, of which ten are seen.

import { afterEach, beforeEach, vi } from "vitest";

import widget from "../src/index";
import { FakeModel } from "./fake_model";

export const ends: (() => void)[] = [];

// Before and after each test of a file.
export function onPages(): void {
  beforeEach(() => {
    // happy-dom has no layout
    vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockReturnValue(20);
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(200);
  });
  afterEach(() => {
    ends.splice(0).forEach((end) => end());
    document.body.replaceChildren();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
}

export function show(model: FakeModel): HTMLElement {
  const el = document.createElement("div");
  document.body.append(el);
  ends.push(widget.render({ model, el }));
  return el;
}

export const frames = (): Promise<void> =>
  new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())));
export const labels = (el: HTMLElement): string[] =>
  [...el.querySelectorAll("tbody th")].map((cell) => cell.textContent!);
export const button = (el: HTMLElement, text: string): HTMLButtonElement =>
  [...el.querySelectorAll("button")].find((one) => one.textContent === text)!;
export const action = (el: HTMLElement, text: string): HTMLButtonElement =>
  button(el.querySelector<HTMLElement>(".gc-details")!, text);
