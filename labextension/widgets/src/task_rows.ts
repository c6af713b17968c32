// The rows of a task table as the model's state has them: pages of rows, counts, and what is missing.

import { Model } from "./model";
import { FIELD, PAGE_ROWS, Row, STATES } from "./messages";

export type State = (typeof STATES)[number];

// A saved notebook may claim any number of rows, and be somebody else's.
const MOST = 1_000_000;

export const DONE: ReadonlySet<string> = new Set<State>(["success", "failed", "cancelled"]);

// Most urgent first (static_table.py says the same).
export const URGENCY: readonly State[] = [
  "failed",
  "endpoint offline",
  "running",
  "waiting for nodes",
  "waiting for a worker",
  "waiting for endpoint",
  "not confirmed",
  "waiting for request limit",
  "unsent",
  "cancelled",
  "success",
];

export class TaskRows {
  constructor(private readonly model: Model) {}

  get size(): number {
    const size = this.model.get("size");
    return typeof size === "number" ? Math.min(Math.max(0, Math.floor(size)), MOST) : 0;
  }

  // A row, or undefined while its page is still on its way.
  row(index: number): Row | undefined {
    const page = this.model.get(`page_${Math.floor(index / PAGE_ROWS)}`) as Row[] | undefined;
    return page?.[index % PAGE_ROWS];
  }

  // All rows at once, which is faster for many.
  all(): (Row | undefined)[] {
    const all = new Array<Row | undefined>(this.size);
    for (let start = 0; start < all.length; start += PAGE_ROWS) {
      const page = this.model.get(`page_${start / PAGE_ROWS}`) as Row[] | undefined;
      page?.forEach((row, offset) => (all[start + offset] = row));
    }
    return all;
  }

  state(row: Row): State {
    return STATES[row[FIELD.state]] ?? "unsent";
  }

  label(index: number): string {
    return this.row(index)?.[FIELD.label] ?? `task ${index + 1}`;
  }

  endpoint(row: Row): string {
    return (this.model.get("endpoints") as string[])[row[FIELD.endpoint]] ?? "";
  }

  // Those that have a name.
  endpoints(): string[] {
    const endpoints = this.model.get("endpoints");
    return Array.isArray(endpoints) ? endpoints.filter((one) => typeof one === "string" && one !== "") : [];
  }

  count(state: State): number {
    return (this.model.get("counts") as number[])[STATES.indexOf(state)] ?? 0;
  }

  get done(): number {
    return STATES.reduce((sum, state) => sum + (DONE.has(state) ? this.count(state) : 0), 0);
  }

  isDone(row: Row): boolean {
    return DONE.has(this.state(row));
  }

  // Seconds between submission and start, or until now while the task waits.
  queued(row: Row, now: number): number | null {
    const submitted = row[FIELD.submitted];
    const until = row[FIELD.started] ?? (this.isDone(row) ? null : now);
    // the worker's clock, or this page's, may be behind the kernel's: then nothing was measured
    return submitted === null || until === null || until < submitted ? null : (until - submitted) / 1000;
  }

  // Seconds that the task took, or has taken until now.
  running(row: Row, now: number): number | null {
    const started = row[FIELD.started];
    const until = row[FIELD.ended] ?? (this.state(row) === "running" ? now : null);
    return started === null || until === null || until < started ? null : (until - started) / 1000;
  }

  // Milliseconds since the table's origin, as rows count them.
  now(): number {
    return Date.now() - (this.model.get("origin") as number) * 1000;
  }

  missing(): number[] {
    const pages = Math.ceil(this.size / PAGE_ROWS);
    const all = Array.from({ length: pages }, (_, page) => page);
    return all.filter((page) => {
      const rows = this.model.get(`page_${page}`) as Row[] | undefined;
      return (rows?.length ?? 0) < Math.min(PAGE_ROWS, this.size - page * PAGE_ROWS);
    });
  }
}

// Asks for what this model has missed; once for a model, however many views it has.
export function keepWhole(model: Model): () => void {
  const rows = new TaskRows(model);
  const current = (): number => (model.get("seq") as number) ?? 0;
  let seq = current();
  const ask = (pages: number[], known: number): void => {
    model.send({ type: "need", pages, seq: known });
  };
  const onUpdate = (): void => {
    const expected = seq + 1;
    seq = current();
    if (seq > expected) {
      ask([], expected - 1); // not the newest: the kernel sends everything again
    }
  };
  // After sleep or a broken connection the last update may be lost, and none would tell.
  const onWake = (): void => {
    if (document.visibilityState === "visible" && rows.done < rows.size) {
      ask(rows.missing(), current());
    }
  };
  model.on("change:seq", onUpdate);
  document.addEventListener("visibilitychange", onWake);
  window.addEventListener("online", onWake);
  const missing = rows.missing();
  if (missing.length > 0) {
    ask(missing, seq);
  }
  return () => {
    model.off("change:seq", onUpdate);
    document.removeEventListener("visibilitychange", onWake);
    window.removeEventListener("online", onWake);
  };
}
