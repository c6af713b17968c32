// A task's bar on the common time axis: queued, then running.

import { make } from "./dom";
import { duration } from "./durations";
import { FIELD, Row } from "./messages";
import { TaskRows } from "./task_rows";

// Milliseconds since the table's origin.
export interface Span {
  from: number;
  to: number;
}

// From the first submission to the last end, or to now while anything is open.
export function wholeSpan(rows: TaskRows): Span {
  let from = Infinity;
  let to = -Infinity;
  for (const row of rows.all()) {
    if (row) {
      from = Math.min(from, row[FIELD.submitted] ?? Infinity);
      to = Math.max(to, row[FIELD.ended] ?? row[FIELD.started] ?? -Infinity);
    }
  }
  if (rows.done < rows.size) {
    to = Math.max(to, rows.now());
  }
  return from < to ? { from, to } : { from: 0, to: 1 };
}

export class Bar {
  private readonly queued = make("span", { class: "gc-bar-queued" });
  private readonly running = make("span", { class: "gc-bar-running" });
  private readonly words = make("span", { class: "gc-hidden" });
  readonly element = make("div", { class: "gc-bar" }, this.queued, this.running, this.words);

  show(rows: TaskRows, row: Row, span: Span, now: number): void {
    const submitted = row[FIELD.submitted];
    const started = row[FIELD.started];
    const open = rows.isDone(row) ? submitted : now;
    const ended = row[FIELD.ended] ?? open;
    place(this.queued, span, submitted, started ?? open);
    place(this.running, span, started, ended);
    this.running.classList.toggle("gc-failed", rows.state(row) === "failed");
    const queued = duration(rows.queued(row, now));
    const running = duration(rows.running(row, now));
    this.words.textContent = [queued && `queued ${queued}`, running && `running ${running}`]
      .filter(Boolean)
      .join(", ");
    this.element.title = this.words.textContent;
  }
}

function place(bar: HTMLElement, span: Span, from: number | null, to: number | null): void {
  bar.hidden = from === null || to === null || to < from;
  if (bar.hidden) {
    return;
  }
  const part = (at: number): number =>
    (100 * (Math.min(Math.max(at, span.from), span.to) - span.from)) / (span.to - span.from);
  bar.style.left = `${part(from!)}%`;
  bar.style.width = `${part(to!) - part(from!)}%`; // and never less than the style sheet says
}
