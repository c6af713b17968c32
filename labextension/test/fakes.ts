// A server half and a notebook, for the panels' tests.

import { Actions, Place } from "../src/actions";
import { CellText } from "../src/cell_text";
import { Endpoints, Failure, Page, PAGE_ROWS, Run, Status, Task } from "../src/messages";
import { Question } from "../src/pages";
import { Store } from "../src/store";

export function task(changes: Partial<Task> = {}): Task {
  return {
    task_id: "00000000-0000-4000-8000-000000000001",
    group_id: "group",
    endpoint_id: "endpoint",
    endpoint: "polaris",
    label: "fit",
    kind: "cell",
    notebook: "work/a.ipynb",
    cell_id: "c1",
    execution_count: 3,
    state: "running",
    submitted_at: 1_700_000_000,
    started_at: null,
    ended_at: null,
    error: "",
    seen: false,
    kernel_alive: true,
    collected: false,
    progress: null,
    ...changes,
  };
}

export function run(changes: Partial<Run> = {}): Run {
  return {
    run: "a:throw darts",
    label: "throw darts",
    notebook: "work/a.ipynb",
    cell_id: "c1",
    execution_count: 3,
    endpoint: "polaris",
    ids: "abcdef",
    tasks: 30,
    open: 2,
    failed: 0,
    cancelled: 0,
    state: "running",
    submitted_at: 1_700_000_000,
    started_at: 1_700_000_001,
    ended_at: null,
    error: "",
    seen: true,
    kernel_alive: true,
    collected: false,
    progress: null,
    ...changes,
  };
}

export function reply(rows: (Task | Run)[], changes: Partial<Page> = {}): Page {
  return {
    columns: Object.keys(rows[0] ?? task()),
    rows: rows.map((one) => Object.values(one)),
    total: rows.length,
    journal: { path: "journal.sqlite", problem: "", next_step: "" },
    ...changes,
  };
}

export const STATUS: Status = {
  version: "0.1.0",
  collecting: false,
  open: 1,
  collected: 0,
  problem: "",
  next_step: "",
};

export const ENDPOINTS: Endpoints = {
  signed_in: true,
  who: "ada@example.org",
  default: "polaris",
  problem: "",
  next_step: "",
  notice: "",
  notice_link: "",
  endpoints: ["local", "polaris", "midway"].map((name) => ({
    endpoint_id: `id-of-${name}`,
    name,
    alias: "",
    status: name === "midway" ? "offline" : "online",
    python: "3.12",
    owner: name === "local" ? "" : "ops@example.org",
    at: 0,
  })),
};

export class FakeServer {
  calls: string[] = [];
  failure: Error | null = null;
  answers = {
    runs: reply([]),
    tasks: reply([]),
    failures: [] as Failure[],
    endpoints: ENDPOINTS,
    status: STATUS,
  };

  runs = (question: Question, offset: number): Promise<Page> =>
    this.answer(called("runs", question, offset), page(this.answers.runs, offset));
  tasks = (question: Question, offset: number): Promise<Page> =>
    this.answer(called("tasks", question, offset), page(this.answers.tasks, offset));
  failures = (name: string): Promise<Failure[]> => this.answer(`failures ${name}`, this.answers.failures);
  status = (): Promise<Status> => this.answer("status", this.answers.status);
  endpoints = (fresh: boolean): Promise<Endpoints> =>
    this.answer(fresh ? "endpoints?ask=1" : "endpoints", this.answers.endpoints);
  collect = (on: boolean): Promise<Status> =>
    this.answer(`collecting ${on}`, { ...this.answers.status, collecting: on });

  private async answer<T>(call: string, value: T): Promise<T> {
    this.calls.push(call);
    if (this.failure) {
      throw this.failure;
    }
    return value;
  }
}

const page = (all: Page, offset: number): Page => ({ ...all, rows: all.rows.slice(offset, offset + PAGE_ROWS) });

function called(what: string, { text, state, run: of }: Question, offset: number): string {
  return [what, text && `text=${text}`, state && `state=${state}`, of && `run=${of}`, offset && `from ${offset}`]
    .filter(Boolean)
    .join(" ");
}

// Resolves with the store's next news of a topic.
export function news(store: Store, topic: "tasks" | "endpoints"): Promise<void> {
  return new Promise((resolve) => {
    const hear = (_: Store, what: string): void => {
      if (what === topic) {
        store.changed.disconnect(hear);
        resolve();
      }
    };
    store.changed.connect(hear);
  });
}

export class FakeNotebook implements Actions {
  ready = true;
  done: string[] = [];
  text: CellText | null = { source: "throw(10)", output: "3.14" };
  jump = (one: Place): Promise<string> => this.do(`jump ${one.cell_id}`);
  again = (one: Place): Promise<string> => this.do(`again ${one.cell_id}`);
  stop = (one: Run): Promise<string> => this.do(`stop ${one.run}`);
  page = (name: string): Promise<string> => this.do(`page ${name}`);
  cell = (): Promise<CellText | null> => Promise.resolve(this.text);
  attach = (id: string): Promise<string> => this.do(`attach ${id}`);
  result = (id: string): Promise<string> => this.do(`result ${id}`);
  use = (name: string): Promise<string> => this.do(`use ${name}`);
  insert = (name: string): Promise<string> => this.do(`insert ${name}`);
  copy = (text: string): Promise<string> => this.do(`copy ${text}`);

  private async do(what: string): Promise<string> {
    this.done.push(what);
    return `Did ${what}.`;
  }
}
