// A model as anywidget hands it over, with a kernel that the test plays.

import { FIELD, FromFrontEnd, PAGE_ROWS, Row, STATES } from "../src/messages";
import { Model } from "../src/model";
import { State } from "../src/task_rows";

type Handler = (...args: any[]) => void;

export class FakeModel implements Model {
  readonly sent: FromFrontEnd[] = [];
  private readonly handlers = new Map<string, Set<Handler>>();

  constructor(readonly state: Record<string, unknown> = {}) {}

  get(key: string): unknown {
    return this.state[key];
  }

  on(event: string, handler: Handler): void {
    const known = this.handlers.get(event) ?? new Set();
    this.handlers.set(event, known.add(handler));
  }

  off(event: string, handler: Handler): void {
    this.handlers.get(event)?.delete(handler);
  }

  send(message: FromFrontEnd): void {
    this.sent.push(message);
  }

  // An update arrives, as Backbone takes it in: everything is set, then told.
  update(state: Record<string, unknown>): void {
    const changed = Object.keys(state).filter((key) => this.state[key] !== state[key]);
    Object.assign(this.state, state);
    changed.forEach((key) => this.emit(`change:${key}`));
  }

  emit(event: string, ...args: unknown[]): void {
    [...(this.handlers.get(event) ?? [])].forEach((handler) => handler(...args));
  }

  get listening(): number {
    return [...this.handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }
}

export const ORIGIN = 1_700_000_000;

export function row(state: State, label: string, more: Partial<Record<number, unknown>> = {}): Row {
  const made: unknown[] = new Array(Object.keys(FIELD).length).fill(null);
  Object.assign(made, { [FIELD.state]: STATES.indexOf(state), [FIELD.label]: label });
  Object.assign(made, { [FIELD.endpoint]: 0, [FIELD.task_id]: "", [FIELD.text]: "" }, more);
  return made as Row;
}

// A table's state with these rows.
export function stateOf(rows: Row[], seq = 1): Record<string, unknown> {
  const state: Record<string, unknown> = {
    kind: "task_table",
    title: "Squares",
    origin: ORIGIN,
    size: rows.length,
    endpoints: ["local", "polaris"],
    counts: STATES.map((_, index) => rows.filter((one) => one[FIELD.state] === index).length),
    seq,
    can_rerun: true,
  };
  for (let page = 0; page * PAGE_ROWS < rows.length; page++) {
    state[`page_${page}`] = rows.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
  }
  return state;
}
