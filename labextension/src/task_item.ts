// One task of a run: its label, its outcome, and if there is room its bar on the run's time axis.

import { make, setText } from "../widgets/src/dom";
import { duration } from "../widgets/src/durations";
import { StateIcon } from "../widgets/src/icons";
import { State } from "../widgets/src/task_rows";
import { Span } from "../widgets/src/timeline";
import { Task } from "./messages";
import { PagedRow } from "./paged_table";
import { when } from "./times";

const shown = new WeakMap<HTMLElement, Task>();

// The task of a row, for its menu.
export const taskOf = (row: HTMLElement): Task | undefined => shown.get(row);

export class TaskItem implements PagedRow<Task> {
  index = -1;
  readonly open = make("button", { type: "button", class: "gc-open", tabindex: -1 });
  private readonly icon = new StateIcon();
  private readonly facts = make("div", { class: "gc-second" });
  private readonly sent = make("div", { class: "gc-number" });
  private readonly took = make("div", { class: "gc-second gc-number" });
  private readonly queued = make("span", { class: "gc-bar-queued" });
  private readonly running = make("span", { class: "gc-bar-running" });
  readonly element: HTMLTableRowElement;

  // `span` is the time axis in unix seconds; `title` is the run's.
  constructor(
    private readonly span: () => Span,
    private readonly title: () => string,
  ) {
    const bar = make("div", { class: "gc-bar", "aria-hidden": "true" }, this.queued, this.running);
    this.element = make(
      "tr",
      {},
      make("th", { scope: "row" }, this.icon.element, this.open, this.facts),
      make("td", { class: "gc-time" }, bar),
      make("td", {}, this.sent, this.took),
    );
  }

  show(task: Task | undefined, place: number, chosen: boolean): void {
    this.element.setAttribute("aria-rowindex", String(place + 2)); // the head is the first
    this.element.classList.toggle("gc-odd", place % 2 === 1);
    this.element.classList.toggle("gc-chosen", chosen);
    this.element.classList.toggle("gc-new", task !== undefined && task.ended_at !== null && !task.seen);
    const facts = task ? [task.state + percent(task), task.error || task.endpoint].filter(Boolean).join(" · ") : "\u00a0";
    setText(this.open, task ? within(task.label, this.title()) || "task" : "…");
    setText(this.facts, facts);
    this.open.title = task?.label ?? "";
    this.facts.title = facts;
    setText(this.sent, when(task?.submitted_at ?? null));
    setText(this.took, (task && ran(task)) || "\u00a0"); // both lines are always there
    this.running.classList.toggle("gc-failed", task?.state === "failed");
    const span = this.span();
    const open = task && task.ended_at === null && task.state === "running" ? span.to : null;
    put(this.queued, span, task?.submitted_at ?? null, task?.started_at ?? task?.ended_at ?? null);
    put(this.running, span, task?.started_at ?? null, task?.ended_at ?? open);
    if (task) {
      this.icon.show(task.state as State);
      this.element.dataset["gcTask"] = task.task_id;
      shown.set(this.element, task);
    }
  }
}

function put(bar: HTMLElement, { from, to }: Span, start: number | null, end: number | null): void {
  bar.hidden = start === null || end === null || end < start || to <= from;
  if (!bar.hidden) {
    const part = (at: number): number => (100 * (Math.min(Math.max(at, from), to) - from)) / (to - from);
    bar.style.left = `${part(start!)}%`;
    bar.style.width = `${part(end!) - part(start!)}%`;
  }
}

// " 50 %": the progress that a running task has reported.
function percent({ progress }: Task): string {
  return progress === null ? "" : ` ${Math.floor(100 * progress)} %`;
}

// The part of a label that differs between tasks: "seed=2" of "throw darts seed=2" in the run "throw darts".
function within(label: string, title: string): string {
  return label.startsWith(`${title} `) ? label.slice(title.length + 1) : label;
}

// The worker's time.
export function ran(task: Task): string {
  const { started_at: start, ended_at: end } = task;
  return start === null || end === null ? "" : duration(Math.max(0, end - start));
}
