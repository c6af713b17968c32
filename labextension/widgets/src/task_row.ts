// One row's elements. They are made once and reused for whichever task comes into view.

import { make, setText } from "./dom";
import { duration } from "./durations";
import { StateIcon } from "./icons";
import { FIELD } from "./messages";
import { TaskRows } from "./task_rows";
import { Bar, Span } from "./timeline";

// A row as the texts of its cells; a tab or a line's end in one would be another cell's.
export function asText(rows: TaskRows, index: number): string[] {
  const row = rows.row(index);
  const cells = [rows.label(index)];
  if (row) {
    const now = rows.now();
    const times = [duration(rows.queued(row, now)), duration(rows.running(row, now))];
    cells.push(rows.state(row), rows.endpoint(row), ...times, row[FIELD.text]);
  }
  return cells.map((cell) => cell.replace(/[\t\r\n]+/g, " "));
}

export class TaskRow {
  index = -1; // of the task
  readonly open = make("button", { type: "button", class: "gc-open", tabindex: -1 });
  private readonly icon = new StateIcon();
  private readonly word = make("span");
  private readonly progress = make("progress", { class: "gc-progress", hidden: true });
  private readonly endpoint = make("td");
  private readonly queued = make("td", { class: "gc-number" });
  private readonly running = make("td", { class: "gc-number" });
  private readonly text = make("td", { class: "gc-text" });
  private readonly bar = new Bar();
  private readonly span = make("td", { class: "gc-span", colspan: 4 }, this.bar.element);
  readonly element = make(
    "tr",
    {},
    make("th", { scope: "row" }, this.open),
    make("td", { class: "gc-state" }, this.icon.element, this.word, this.progress),
  );
  private timeline: boolean | null = null;

  show(rows: TaskRows, index: number, place: number, now: number, span: Span | null, chosen: boolean): void {
    this.columns(span !== null);
    this.element.classList.toggle("gc-chosen", chosen);
    this.open.setAttribute("aria-expanded", String(chosen));
    this.element.setAttribute("aria-rowindex", String(place + 2)); // the head is the first
    this.element.classList.toggle("gc-odd", place % 2 === 1);
    setText(this.open, rows.label(index));
    const row = rows.row(index);
    this.element.classList.toggle("gc-unknown", !row);
    this.showProgress(row?.[FIELD.progress]);
    if (!row) {
      [this.word, this.endpoint, this.queued, this.running, this.text].forEach((cell) =>
        setText(cell, ""),
      );
      return;
    }
    const state = rows.state(row);
    this.icon.show(state);
    setText(this.word, state);
    if (span) {
      this.bar.show(rows, row, span, now);
      return;
    }
    setText(this.endpoint, rows.endpoint(row));
    this.endpoint.title = rows.endpoint(row); // an id is longer than the column
    setText(this.queued, duration(rows.queued(row, now)));
    setText(this.running, duration(rows.running(row, now)));
    setText(this.text, row[FIELD.text]);
    this.text.title = row[FIELD.text];
  }

  // A notebook may be somebody else's: what isn't two numbers is no progress.
  private showProgress(progress: unknown): void {
    const [done, total] = Array.isArray(progress) ? progress : [];
    this.progress.hidden = typeof done !== "number";
    if (this.progress.hidden) {
      return;
    }
    const text = typeof total === "number" && total > 0 ? `${done} of ${total}` : `${done}`;
    if (typeof total === "number" && total > 0) {
      this.progress.max = total;
      this.progress.value = done;
    } else {
      this.progress.removeAttribute("value"); // it moves, and nobody knows how far
    }
    this.progress.setAttribute("aria-label", `Done: ${text}`);
    this.progress.title = text;
  }

  private columns(timeline: boolean): void {
    if (this.timeline !== timeline) {
      this.timeline = timeline;
      const cells = timeline ? [this.span] : [this.endpoint, this.queued, this.running, this.text];
      while (this.element.children.length > 2) {
        this.element.lastElementChild!.remove();
      }
      this.element.append(...cells);
    }
  }
}
