// One task in the panel, on two lines. The elements are reused for whichever task comes into view.

import { make, setText } from "../widgets/src/dom";
import { duration } from "../widgets/src/durations";
import { StateIcon } from "../widgets/src/icons";
import { WindowRow } from "../widgets/src/row_window";
import { State } from "../widgets/src/task_rows";
import { Task } from "./messages";
import { fileName } from "./paths";
import { when } from "./times";

export const COLUMNS = ["Task", "Sent"];

export class TaskItem implements WindowRow {
  index = -1;
  readonly open = make("button", { type: "button", class: "gc-open", tabindex: -1 });
  private readonly icon = new StateIcon();
  private readonly facts = make("div", { class: "gc-second" });
  private readonly sent = make("div", { class: "gc-number" });
  private readonly ran = make("div", { class: "gc-second gc-number" });
  readonly element = make(
    "tr",
    {},
    make("th", { scope: "row" }, this.icon.element, this.open, this.facts),
    make("td", {}, this.sent, this.ran),
  );

  show(task: Task, place: number, chosen: boolean): void {
    this.element.setAttribute("aria-rowindex", String(place + 2)); // the head is the first
    this.element.classList.toggle("gc-odd", place % 2 === 1);
    this.element.classList.toggle("gc-chosen", chosen);
    this.element.classList.toggle("gc-new", task.ended_at !== null && !task.seen);
    this.icon.show(task.state as State);
    setText(this.open, task.label || "task");
    const facts = `${task.state} · ${whereabouts(task)}`;
    setText(this.facts, facts);
    this.facts.title = facts;
    setText(this.sent, when(task.submitted_at));
    setText(this.ran, ran(task) || "\u00a0"); // both lines are always there
  }
}

// Endpoint, notebook and cell.
export function whereabouts(task: Task): string {
  const cell = task.execution_count ? ` [${task.execution_count}]` : "";
  const notebook = fileName(task.notebook);
  return [task.endpoint || task.endpoint_id, notebook + cell].filter((s) => s.trim()).join(" · ");
}

// How long the worker took.
export function ran(task: Task): string {
  const { started_at: start, ended_at: end } = task;
  return start === null || end === null ? "" : duration(Math.max(0, end - start));
}
