// A server half and a notebook, for the panels' tests.

import { Actions } from "../src/actions";
import { COLUMNS, Endpoints, Page, Status, Task } from "../src/messages";
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
    ...changes,
  };
}

export function reply(tasks: Task[], changes: Partial<Page> = {}): Page {
  return {
    columns: [...COLUMNS],
    rows: tasks.map((one) => COLUMNS.map((name) => one[name])),
    total: tasks.length,
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
  answers = { tasks: reply([]), endpoints: ENDPOINTS, status: STATUS };

  tasks = (): Promise<Page> => this.answer("tasks", this.answers.tasks);
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
  jump = (one: Task): Promise<string> => this.do(`jump ${one.cell_id}`);
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
