// The button that opens the page of runs, where the lab extension is there to open it.

import { make } from "./dom";
import { Listeners, Model } from "./model";

// Of JupyterLab's command, and of the event that asks for it. Its detail is `{ run }`.
export const OPEN_RUNS = "gc-jupyter:open-runs";
// On the page's body, where somebody hears the event.
export const HAS_PAGE = "gc-has-page";

export function openPage(model: Model, listeners: Listeners): HTMLButtonElement {
  const element = make("button", { type: "button", class: "gc-button gc-page" }, "Open as page");
  listeners.listen(element, "click", () => {
    const detail = { run: String(model.get("run") ?? "") };
    element.dispatchEvent(new CustomEvent(OPEN_RUNS, { bubbles: true, composed: true, detail }));
  });
  return element;
}
