// The actions of panels and commands in notebooks. Each returns a sentence that says what it did, or why not.

import { DONE } from "../widgets/src/task_rows";
import { CellText } from "./cell_text";
import { Run, Task } from "./messages";

// The place from which a task or a run was sent.
export type Place = Pick<Task, "notebook" | "cell_id" | "execution_count">;

export interface Actions {
  // Whether a notebook is open to act in.
  readonly ready: boolean;
  jump(place: Place): Promise<string>;
  again(place: Place): Promise<string>; // runs the cell as it is now
  stop(run: Run): Promise<string>;
  page(run: string): Promise<string>; // a run in the main area
  cell(place: Place): Promise<CellText | null>; // as it is now; null where it isn't found
  attach(id: string): Promise<string>;
  result(id: string): Promise<string>;
  use(endpoint: string): Promise<string>;
  insert(endpoint: string): Promise<string>;
  copy(text: string): Promise<string>;
}

export const NO_NOTEBOOK = "Open a notebook first.";
const NOT_SAID = "Its front end didn't say which notebook it is from.";
const NO_ID = "It has no task id: its request was not answered.";

// The message of an action, also if it failed because the kernel died or a file is gone.
export function said(action: Promise<string>): Promise<string> {
  return action.catch((error: unknown) => `It failed: ${String(error)}`);
}

export type TaskAction = "jump" | "attach" | "result" | "copy";

// Why an action isn't possible with a task now; empty if it is.
export function whyNot(action: TaskAction, task: Task, ready: boolean): string {
  const lost = task.endpoint === "local" && !task.kernel_alive;
  switch (action) {
    case "jump":
      return task.notebook ? "" : NOT_SAID;
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
      return !DONE.has(task.state) ? "It hasn't ended yet: attach follows it." : ready ? "" : NO_NOTEBOOK;
  }
}

export type RunAction = "jump" | "attach" | "again" | "stop" | "page";

// Why an action isn't possible with a run now; empty if it is.
export function whyNotRun(action: RunAction, run: Run, ready: boolean): string {
  switch (action) {
    case "page":
      return "";
    case "jump":
    case "again":
      return run.notebook ? "" : NOT_SAID;
    case "stop":
      return run.open === 0
        ? "All its tasks have ended."
        : !run.kernel_alive
          ? "Its kernel has ended: attach first."
          : run.notebook
            ? ""
            : NOT_SAID;
    case "attach":
      if (run.endpoint === "local" && !run.kernel_alive) {
        return "Tasks of local end with their kernel.";
      }
      return ready ? "" : NO_NOTEBOOK;
  }
}

// The endpoint as %gc and %%gcrun accept it: its name if that is one word, else its UUID.
export function nameOf(endpoint: { endpoint_id: string; name: string; alias: string }): string {
  const name = endpoint.alias || endpoint.name;
  return /^[\w.-]+$/.test(name) ? name : endpoint.endpoint_id;
}
