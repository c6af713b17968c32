// Which tasks have ended since they were last looked at, in a sentence.

import { Task } from "./messages";
import { isDone, TaskList } from "./task_list";

export interface Completion {
  text: string;
  failed: boolean;
}

export class Completions {
  private open: Set<string> | null = null;

  // The tasks that were open before and have ended now. The first look finds none.
  look(tasks: TaskList): Completion | null {
    const before = this.open;
    this.open = tasks.open();
    const ended = [...(before ?? [])]
      .filter((id) => id !== "" && !this.open!.has(id))
      .map((id) => tasks.find(id))
      .filter((task): task is Task => task !== undefined && isDone(task));
    return ended.length > 0 ? sentence(ended) : null;
  }

  forget(): void {
    this.open = null;
  }
}

function sentence(ended: Task[]): Completion {
  const failed = ended.filter((task) => task.state === "failed").length;
  const [first] = ended;
  const text =
    ended.length === 1
      ? `${first!.label || "A task"} on ${first!.endpoint || "an endpoint"}: ${first!.state}`
      : `${ended.length.toLocaleString("en")} tasks have ended` + (failed ? `, ${failed} failed` : "");
  return { text, failed: failed > 0 };
}
