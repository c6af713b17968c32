// The errors of a run: equal ones are one, with how many tasks have it, and unfold into a traceback.

import { make, setText } from "../widgets/src/dom";
import { Failure } from "./messages";
import { count } from "./run_item";

interface Item {
  element: HTMLElement;
  error: HTMLElement;
  times: HTMLElement;
  traceback: HTMLElement;
}

export class ErrorsList {
  readonly element = make("ul", { class: "gc-errors", "aria-label": "Errors" });
  private readonly items = new Map<string, Item>(); // by their errors: those that stay keep what is unfolded
  private failures: Failure[] = [];

  // `unfold`: whether the first one's traceback is shown at once.
  constructor(private readonly unfold: boolean) {}

  draw(failures: Failure[]): void {
    this.failures = failures;
    const shown = failures.map((failure, place) => {
      const item = this.items.get(failure.error) ?? this.add(failure, this.unfold && place === 0);
      setText(item.error, failure.error || "no message");
      setText(item.times, failure.tasks > 1 ? ` × ${count(failure.tasks)}` : "");
      setText(item.traceback, failure.traceback);
      return item.element;
    });
    this.element.hidden = shown.length === 0;
    const same = shown.length === this.element.children.length && shown.every((one, place) => one === this.element.children[place]);
    if (!same) {
      this.element.replaceChildren(...shown);
    }
  }

  // Empty where none is known.
  tracebackOf(error: string): string {
    return this.failures.find((one) => one.error === error)?.traceback ?? "";
  }

  private add({ error, traceback }: Failure, open: boolean): Item {
    const item = {
      element: make("li"),
      error: make("code"),
      times: make("span"),
      traceback: make("pre", { tabindex: 0, "aria-label": "Traceback" }),
    };
    if (traceback) {
      const details = make("details", {}, make("summary", {}, item.error, item.times), item.traceback);
      details.open = open;
      item.element.append(details);
    } else {
      item.element.append(item.error, item.times);
    }
    this.items.set(error, item);
    return item;
  }
}
