// The journal's tasks as the server sent them, and which of them a filter lets through.

import { DONE, State } from "../widgets/src/task_rows";
import { COLUMNS, Page, Task } from "./messages";

const SEARCHED = ["label", "task_id", "group_id", "endpoint", "notebook", "error"] as const;

export const isDone = (task: Task): boolean => DONE.has(task.state);

// What to show: tasks with this text in them, in this state; "open" is every state before the end.
export interface Filter {
  text: string;
  state: State | "open" | "";
}

export class TaskList {
  private readonly places: Map<string, number>;

  constructor(private readonly reply: Page) {
    this.places = new Map(reply.columns.map((name, place) => [name, place]));
  }

  get size(): number {
    return this.reply.rows.length;
  }

  // Of the journal; the newest have been sent.
  get total(): number {
    return this.reply.total;
  }

  get journal(): Page["journal"] {
    return this.reply.journal;
  }

  task(index: number): Task {
    const row = this.reply.rows[index]!;
    return Object.fromEntries(
      COLUMNS.map((name) => [name, row[this.places.get(name)!]]),
    ) as unknown as Task;
  }

  find(taskId: string): Task | undefined {
    const place = this.places.get("task_id")!;
    const index = this.reply.rows.findIndex((row) => row[place] === taskId);
    return index < 0 ? undefined : this.task(index);
  }

  // The tasks that haven't ended, by their ids.
  open(): Set<string> {
    const [id, state] = [this.places.get("task_id")!, this.places.get("state")!];
    const open = this.reply.rows.filter((row) => !DONE.has(String(row[state])));
    return new Set(open.map((row) => String(row[id])));
  }

  // Indices of the rows that pass, in their order: newest first.
  matching(filter: Filter): Int32Array {
    const needle = filter.text.trim().toLowerCase();
    const state = this.places.get("state")!;
    const searched = SEARCHED.map((name) => this.places.get(name)!);
    const found = new Int32Array(this.size);
    let count = 0;
    this.reply.rows.forEach((row, index) => {
      const word = String(row[state]);
      const wanted =
        filter.state === "" || (filter.state === "open" ? !DONE.has(word) : filter.state === word);
      if (
        wanted &&
        (needle === "" ||
          searched.some((place) => String(row[place] ?? "").toLowerCase().includes(needle)))
      ) {
        found[count++] = index;
      }
    });
    return found.subarray(0, count);
  }
}
