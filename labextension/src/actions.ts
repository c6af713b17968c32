// What panels and commands can do in notebooks. Each says in a sentence what it did, or why not.

import { Task } from "./messages";
import { isDone } from "./task_list";

export interface Actions {
  // Whether there is a notebook to act in.
  readonly ready: boolean;
  jump(task: Task): Promise<string>;
  attach(id: string): Promise<string>;
  result(id: string): Promise<string>;
  use(endpoint: string): Promise<string>;
  insert(endpoint: string): Promise<string>;
  copy(text: string): Promise<string>;
}

export const NO_NOTEBOOK = "Open a notebook first.";
const NO_ID = "It has no task id: its request was not answered.";

// What an action has to say, also where it failed: the kernel died, or a file is gone.
export function said(action: Promise<string>): Promise<string> {
  return action.catch((error: unknown) => `It failed: ${String(error)}`);
}

export type TaskAction = "jump" | "attach" | "result" | "copy";

// Why something can't be done with a task now; empty where it can.
export function whyNot(action: TaskAction, task: Task, ready: boolean): string {
  const lost = task.endpoint === "local" && !task.kernel_alive;
  switch (action) {
    case "jump":
      return task.notebook ? "" : "Its front end didn't say which notebook it is from.";
    case "copy":
      return task.task_id ? "" : NO_ID;
    case "attach":
      if (lost) {
        return "Tasks of local end with their kernel.";
      }
      return !task.task_id && !task.group_id ? NO_ID : ready ? "" : NO_NOTEBOOK;
    case "result":
      if (lost) {
        return "Results of local are kept by their kernel, and it has ended.";
      }
      if (!task.task_id) {
        return NO_ID;
      }
      return !isDone(task) ? "It hasn't ended yet: attach follows it." : ready ? "" : NO_NOTEBOOK;
  }
}

// As %gc and %%gcrun take a name: a UUID stays as it is where the name isn't one word.
export function nameOf(endpoint: { endpoint_id: string; name: string; alias: string }): string {
  const name = endpoint.alias || endpoint.name;
  return /^[\w.-]+$/.test(name) ? name : endpoint.endpoint_id;
}
