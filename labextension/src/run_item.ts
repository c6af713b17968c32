// One run of a cell, on three lines and a bar. The elements are reused for whichever comes into view.

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
  private readonly outcome = make("div", { class: "gc-second" });
  private readonly where = make("div", { class: "gc-second" });
  private readonly counts = make("div", { class: "gc-number" });
  private readonly took = make("div", { class: "gc-second gc-number" });
  private readonly bar = new RunBar();
  readonly element = make(
    "tr",
    {},
    make("th", { scope: "row" }, this.icon.element, this.open, this.outcome, this.where, this.bar.element),
    make("td", {}, this.counts, this.took),
  );

  show(run: Run | undefined, place: number, chosen: boolean): void {
    this.element.setAttribute("aria-rowindex", String(place + 2)); // the head is the first
    this.element.classList.toggle("gc-odd", place % 2 === 1);
    this.element.classList.toggle("gc-chosen", chosen);
    this.element.classList.toggle("gc-new", run?.seen === false);
    setText(this.open, run ? titleOf(run) : "…");
    const outcome = run ? [stateOf(run), run.endpoint].filter(Boolean).join(" · ") : "\u00a0";
    const where = (run && cellOf(run)) || "\u00a0"; // all lines are always there
    setText(this.outcome, outcome);
    setText(this.where, where);
    this.open.title = run ? `${titleOf(run)}\n${outcome}\n${run.notebook}` : "";
    setText(this.counts, run ? countsOf(run) : "");
    setText(this.took, run ? tookOf(run) : "");
    this.took.title = run ? `Sent ${when(run.submitted_at)}` : "";
    this.bar.show(run);
    if (run) {
      this.icon.show(run.state as State);
    }
  }
}

// How many of a run's tasks have ended well, have failed, and what the running ones say of themselves.
export class RunBar {
  private readonly good = make("span", { class: "gc-fill gc-success" });
  private readonly bad = make("span", { class: "gc-fill gc-failed" });
  private readonly begun = make("span", { class: "gc-fill gc-running" });
  readonly element = make("div", { class: "gc-fills", "aria-hidden": "true" }, this.good, this.bad, this.begun);

  show(run: Run | undefined): void {
    const part = (count: number): string => `${run ? (100 * count) / run.tasks : 0}%`;
    this.bad.style.width = part(run?.failed ?? 0);
    this.begun.style.width = part(run?.progress ?? 0);
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

// "2 failed, 3 cancelled", or the run's state.
export function stateOf(run: Run): string {
  const failed = run.failed > 0 ? `${count(run.failed)} failed` : "";
  const cancelled = run.cancelled > 0 ? `${count(run.cancelled)} cancelled` : "";
  const some = run.tasks > 1 && run.cancelled < run.tasks ? [failed, cancelled].filter(Boolean) : [];
  return (run.open > 0 || some.length === 0 ? [run.state, ...some] : some).join(", ");
}

// "sweep.ipynb [3]": the notebook and the cell.
export function cellOf(run: Run): string {
  const cell = run.execution_count ? ` [${run.execution_count}]` : "";
  return (fileName(run.notebook) + cell).trim();
}

// From the first submission to the last end, or to now.
export function tookOf(run: Run, now = Date.now()): string {
  const end = run.open > 0 ? now / 1000 : run.ended_at;
  return end === null ? "" : duration(Math.max(0, end - run.submitted_at));
}
