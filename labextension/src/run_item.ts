// One run of a cell, on two lines and a bar. The elements are reused for whichever comes into view.

import { make, setText } from "../widgets/src/dom";
import { duration } from "../widgets/src/durations";
import { StateIcon } from "../widgets/src/icons";
import { State } from "../widgets/src/task_rows";
import { Run } from "./messages";
import { PagedRow } from "./paged_table";
import { fileName } from "./paths";
import { when } from "./times";

export class RunItem implements PagedRow<Run> {
  index = -1;
  readonly open = make("button", { type: "button", class: "gc-open", tabindex: -1 });
  private readonly icon = new StateIcon();
  private readonly facts = make("div", { class: "gc-second" });
  private readonly counts = make("div", { class: "gc-number" });
  private readonly took = make("div", { class: "gc-second gc-number" });
  private readonly bar = new RunBar();
  readonly element = make(
    "tr",
    {},
    make("th", { scope: "row" }, this.icon.element, this.open, this.facts, this.bar.element),
    make("td", {}, this.counts, this.took),
  );

  show(run: Run | undefined, place: number, chosen: boolean): void {
    this.element.setAttribute("aria-rowindex", String(place + 2)); // the head is the first
    this.element.classList.toggle("gc-odd", place % 2 === 1);
    this.element.classList.toggle("gc-chosen", chosen);
    this.element.classList.toggle("gc-new", run?.seen === false);
    setText(this.open, run ? titleOf(run) : "…");
    const facts = run ? [stateOf(run), ...whereOf(run)].join(" · ") : "\u00a0";
    setText(this.facts, facts);
    this.open.title = run ? `${titleOf(run)}\n${facts}` : "";
    this.facts.title = facts;
    setText(this.counts, run ? countsOf(run) : "");
    setText(this.took, run ? tookOf(run) : "\u00a0"); // both lines are always there
    this.took.title = run ? `Sent ${when(run.submitted_at)}` : "";
    this.bar.show(run);
    if (run) {
      this.icon.show(run.state as State);
    }
  }
}

// How many of a run's tasks have ended well, have failed, and haven't ended.
export class RunBar {
  private readonly good = make("span", { class: "gc-fill gc-success" });
  private readonly bad = make("span", { class: "gc-fill gc-failed" });
  readonly element = make("div", { class: "gc-fills", "aria-hidden": "true" }, this.good, this.bad);

  show(run: Run | undefined): void {
    const part = (count: number): string => `${run ? (100 * count) / run.tasks : 0}%`;
    this.bad.style.width = part(run?.failed ?? 0);
    this.good.style.width = part(run ? run.tasks - run.open - run.failed - run.cancelled : 0);
  }
}

export const count = (n: number): string => n.toLocaleString("en");

export function titleOf(run: Run): string {
  return run.label || (run.execution_count ? `cell [${run.execution_count}]` : "tasks");
}

// "28/30": how many have ended, of how many.
export function countsOf(run: Run): string {
  return `${count(run.tasks - run.open)}/${count(run.tasks)}`;
}

// "2 failed", or the run's state.
export function stateOf(run: Run): string {
  const failed = run.failed > 0 && run.tasks > 1 ? `${count(run.failed)} failed` : "";
  return run.open > 0 && failed ? `${run.state}, ${failed}` : failed || run.state;
}

// Notebook and cell, and endpoint.
export function whereOf(run: Run): string[] {
  const cell = run.execution_count ? ` [${run.execution_count}]` : "";
  return [(fileName(run.notebook) + cell).trim(), run.endpoint].filter(Boolean);
}

// From the first submission to the last end, or to now.
export function tookOf(run: Run, now = Date.now()): string {
  const end = run.open > 0 ? now / 1000 : run.ended_at;
  return end === null ? "" : duration(Math.max(0, end - run.submitted_at));
}
