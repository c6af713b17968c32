// One task in the panel, on two lines. The elements are reused for whichever task comes into view.

import { make, setText } from "../widgets/src/dom";
import { duration } from "../widgets/src/durations";
import { StateIcon } from "../widgets/src/icons";
import { WindowRow } from "../widgets/src/row_window";
import { Task } from "./messages";
import { fileName } from "./paths";
import { State } from "./task_list";
import { when } from "./times";

export const COLUMNS = ["Task", "State"];

export class TaskItem implements WindowRow {
  index = -1;
  readonly open = make("button", { type: "button", class: "gc-open", tabindex: -1 });
  private readonly icon = new StateIcon();
  private readonly where = make("div", { class: "gc-second" });
  private readonly word = make("span");
  private readonly time = make("div", { class: "gc-second gc-number" });
  readonly element = make(
    "tr",
    {},
    make("th", { scope: "row" }, this.open, this.where),
    make("td", { class: "gc-state" }, this.icon.element, this.word, this.time),
  );

  show(task: Task, place: number, chosen: boolean): void {
    this.element.setAttribute("aria-rowindex", String(place + 2)); // the head is the first
    this.element.classList.toggle("gc-odd", place % 2 === 1);
    this.element.classList.toggle("gc-chosen", chosen);
    this.element.classList.toggle("gc-new", task.ended_at !== null && !task.seen);
    setText(this.open, task.label || "task");
    setText(this.where, whereabouts(task));
    this.icon.show(task.state as State);
    setText(this.word, task.state);
    setText(this.time, [when(task.submitted_at), ran(task)].filter(Boolean).join(" · "));
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
