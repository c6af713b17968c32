// A task's bar on the common time axis, queued, then running; and the axis with its ticks.

import { make, setText } from "./dom";
import { duration } from "./durations";
import { FIELD, Row } from "./messages";
import { TaskRows } from "./task_rows";

// Milliseconds since the table's origin.
export interface Span {
  from: number;
  to: number;
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200];
const MOST_TICKS = 6;
const TICK_PX = 90; // that a tick and its text need

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

// Milliseconds between two ticks: round to whoever reads them, and few enough to be read.
export function tickStep(length: number, most = MOST_TICKS): number {
  const least = length / most;
  const whole = STEPS_S.find((step) => 1000 * step >= least);
  if (least > 500) {
    return whole === undefined ? 86_400_000 * Math.ceil(least / 86_400_000) : 1000 * whole;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 0.1)));
  return power * ([1, 2, 5, 10].find((digit) => digit * power >= least) ?? 10);
}

export class Axis {
  private readonly words = make("span", { class: "gc-hidden" });
  private readonly ticks = make("span", { class: "gc-ticks", "aria-hidden": "true" });
  readonly element = make("th", { scope: "col", colspan: 4, class: "gc-axis" }, this.words, this.ticks);
  private width = MOST_TICKS * TICK_PX; // pixels
  private last: [Span, HTMLElement] | null = null;

  constructor() {
    new ResizeObserver(([entry]) => {
      this.width = entry!.contentRect.width;
      if (this.last && this.width > 0) {
        this.draw(...this.last);
      }
    }).observe(this.element);
  }

  // `table` learns where its lines are.
  draw(span: Span, table: HTMLElement): void {
    this.last = [span, table];
    const length = span.to - span.from;
    setText(this.words, `0 to ${duration(length / 1000)} since the first submission`);
    const step = tickStep(length, Math.max(2, Math.min(MOST_TICKS, Math.floor(this.width / TICK_PX))));
    const count = Math.floor(length / step) + 1;
    while (this.ticks.children.length > count) {
      this.ticks.lastElementChild!.remove();
    }
    while (this.ticks.children.length < count) {
      this.ticks.append(make("span"));
    }
    [...this.ticks.children].forEach((tick, at) => {
      setText(tick, at === 0 ? "0" : duration((at * step) / 1000).replace(/\.0 /, " "));
      (tick as HTMLElement).style.left = `${(100 * at * step) / length}%`;
      tick.classList.toggle("gc-last", at * step > 0.9 * length); // its text ends at it
    });
    table.style.setProperty("--gc-tick", `${(100 * step) / length}%`);
  }
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
