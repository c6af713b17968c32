// One task in the journal: its fields and its actions.

import { make, setText } from "../widgets/src/dom";
import { Listeners } from "../widgets/src/model";
import { Actions, said, TaskAction, whyNot } from "./actions";
import { button, reason, setReason } from "./buttons";
import { Task } from "./messages";
import { ran } from "./task_item";
import { when } from "./times";

const BUTTONS: readonly [TaskAction, string][] = [
  ["result", "Result"],
  ["attach", "Attach"],
  ["jump", "Jump to cell"],
  ["copy", "Copy id"],
];

export class TaskDetails {
  task: Task | null = null;
  private readonly heading = make("h4");
  private readonly facts = make("dl");
  private readonly traceback = make("pre", { tabindex: 0, "aria-label": "Traceback of the task" });
  private readonly buttons = new Map<TaskAction, HTMLButtonElement>();
  private readonly close = button("Close");
  private readonly note = make("p", { class: "gc-note", role: "status" });
  readonly element = make("section", { class: "gc-details", hidden: true });

  constructor(
    private readonly actions: Actions,
    private readonly tracebackOf: (error: string) => string,
    private readonly closed: () => void,
    listeners: Listeners,
  ) {
    for (const [action, text] of BUTTONS) {
      const element = button(text);
      listeners.listen(element, "click", () => void this.act(action, element));
      this.buttons.set(action, element);
    }
    const row = make("div", { class: "gc-buttons" }, ...this.buttons.values(), this.close);
    this.element.append(this.heading, row, this.note, this.facts, this.traceback);
    listeners.listen(this.close, "click", () => this.end());
    listeners.listen(this.element, "keydown", (event: KeyboardEvent) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.end();
      }
    });
  }

  start(task: Task): void {
    setText(this.note, "");
    this.element.hidden = false;
    this.show(task);
    this.buttons.get("result")!.focus({ preventScroll: true });
  }

  // Show the task's newer state.
  show(task: Task): void {
    this.task = task;
    setText(this.heading, `${task.label || "task"}: ${task.state}`);
    this.element.setAttribute("aria-label", `Task ${task.label}`);
    const known = factsOf(task).filter(([, value]) => value !== "");
    if (this.facts.children.length !== 2 * known.length) {
      this.facts.replaceChildren(...known.flatMap(() => [make("dt"), make("dd")]));
    }
    known.flat().forEach((text, place) => setText(this.facts.children[place]!, text));
    setText(this.traceback, task.state === "failed" ? this.tracebackOf(task.error) : "");
    this.traceback.hidden = !this.traceback.textContent;
    for (const [action, element] of this.buttons) {
      setReason(element, whyNot(action, task, this.actions.ready));
    }
  }

  private async act(action: TaskAction, element: HTMLButtonElement): Promise<void> {
    const task = this.task!;
    setReason(element, whyNot(action, task, this.actions.ready)); // a notebook may have come
    setText(this.note, reason(element) || (await said(this.does(action, task))));
  }

  private does(action: TaskAction, task: Task): Promise<string> {
    switch (action) {
      case "jump":
        return this.actions.jump(task);
      case "copy":
        return this.actions.copy(task.task_id);
      case "attach":
        return this.actions.attach(task.task_id || task.group_id);
      case "result":
        return this.actions.result(task.task_id);
    }
  }

  private end(): void {
    this.element.hidden = true;
    this.task = null;
    this.closed();
  }
}

function factsOf(task: Task): [string, string][] {
  const cell = task.execution_count ? `, cell [${task.execution_count}]` : "";
  return [
    ["Id", task.task_id],
    ["Endpoint", task.endpoint || task.endpoint_id],
    ["Notebook", task.notebook + cell],
    ["Sent", when(task.submitted_at)],
    ["Ran", ran(task)],
    ["Error", task.error],
    ["Kernel", task.kernel_alive ? "" : "has ended"],
    ["Result", task.collected ? "kept by the server" : ""],
  ];
}
