// Buttons that say why they can't be used, instead of dropping the focus.

import { make } from "../widgets/src/dom";

export function button(text: string, label?: string): HTMLButtonElement {
  return make("button", { type: "button", class: "gc-button", "aria-label": label }, text);
}

// `why` is empty if the button can be used.
export function setReason(element: HTMLButtonElement, why: string): void {
  element.setAttribute("aria-disabled", String(why !== ""));
  element.title = why;
}

export function reason(element: HTMLButtonElement): string {
  return element.getAttribute("aria-disabled") === "true" ? element.title : "";
}
