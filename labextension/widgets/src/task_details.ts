// What is known of one task, and what can be done with it.

import { copy, make, setText } from "./dom";
import { duration } from "./durations";
import { FIELD, Shown, Stopping } from "./messages";
import { Listeners, Model } from "./model";
import { StopTasks } from "./stopping";
import { State, TaskRows } from "./task_rows";

// What a word alone leaves open: whether anything is lost, or to be done.
const WAITS: Partial<Record<State, string>> = {
  "endpoint offline": "The service keeps the task until the endpoint is back.",
};

export class TaskDetails {
  private index = -1;
  private request = "";
  private asked = 0;
  private printed = ""; // by a task that runs, when its output was asked for
  private readonly heading = make("p", { class: "gc-title" });
  private readonly facts = make("dl");
  private readonly show = button("Result");
  private readonly copyText = button("Copy");
  private readonly copy = button("Copy id");
  private readonly rerun = button("Run again");
  private readonly stop: StopTasks;
  private readonly close = button("Close");
  private readonly text = make("pre", { tabindex: 0, role: "region", hidden: true });
  private readonly note = make("span", { class: "gc-note", role: "status" });
  readonly element = make("section", { class: "gc-details", hidden: true });

  constructor(
    private readonly model: Model,
    private readonly rows: TaskRows,
    private readonly closed: (index: number) => void,
    listeners: Listeners,
  ) {
    const send = (request: string, sure: boolean): void =>
      model.send({ type: "stop", request, row: this.index, sure });
    this.stop = new StopTasks("Stop…", send, this.close, listeners);
    const buttons = [this.show, this.copyText, this.copy, this.rerun, this.stop.button, this.close];
    this.element.append(
      this.heading,
      this.facts,
      make("div", { class: "gc-buttons" }, ...buttons, this.note),
      this.stop.element,
      this.text,
    );
    listeners.listen(this.show, "click", () => this.askText());
    listeners.listen(this.copy, "click", () => this.copied(this.rows.row(this.index)?.[FIELD.task_id] ?? ""));
    listeners.listen(this.copyText, "click", () => this.copied(this.text.textContent ?? ""));
    listeners.listen(this.rerun, "click", () => this.runAgain());
    listeners.listen(this.close, "click", () => this.end());
    listeners.listen(this.element, "keydown", (event: KeyboardEvent) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.end();
      }
    });
    listeners.on(model, "msg:custom", (message: Shown | Stopping) => {
      if (message.type === "stopping") {
        this.stop.heard(message);
      } else if (message.type === "shown" && message.request === this.request) {
        this.request = "";
        this.text.hidden = this.copyText.hidden = false;
        setText(this.text, message.text);
        setText(this.note, "");
      }
    });
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  // Whose details these are; -1 while they are closed.
  get shown(): number {
    return this.open ? this.index : -1;
  }

  start(index: number): void {
    this.index = index;
    this.request = this.printed = "";
    this.element.hidden = false;
    this.text.hidden = this.copyText.hidden = true;
    setText(this.text, "");
    setText(this.note, "");
    this.stop.clear();
    this.draw();
    this.show.focus({ preventScroll: true });
  }

  draw(): void {
    const row = this.rows.row(this.index);
    if (!this.open || !row) {
      return;
    }
    const state = this.rows.state(row);
    const label = this.rows.label(this.index);
    const now = this.rows.now();
    const done = this.rows.isDone(row);
    setText(this.heading, `${label}: ${state}`);
    this.element.setAttribute("aria-label", `Task ${label}`);
    const facts: [string, string][] = [
      ["Id", row[FIELD.task_id]],
      ["Endpoint", this.rows.endpoint(row)],
      ["Waits", WAITS[state] ?? ""],
      ["Queued", duration(this.rows.queued(row, now))],
      ["Running", duration(this.rows.running(row, now))],
      [state === "failed" ? "Error" : done ? "Result" : "Prints", row[FIELD.text]],
    ];
    const known = facts.filter(([, value]) => value !== "");
    if (this.facts.children.length !== 2 * known.length) {
      this.facts.replaceChildren(...known.flatMap(() => [make("dt"), make("dd")]));
    }
    known.flat().forEach((text, place) => setText(this.facts.children[place]!, text));
    const what = state === "failed" ? "Traceback" : done || row[FIELD.text] === "" ? "Result" : "Output";
    setText(this.show, what);
    this.text.setAttribute("aria-label", what);
    this.copyText.setAttribute("aria-label", `Copy ${what.toLowerCase()}`);
    setDisabled(this.show, !done && row[FIELD.text] === "");
    if (!this.text.hidden && !done && this.request === "" && row[FIELD.text] !== this.printed) {
      this.askText(); // there is more of what is shown
    }
    setDisabled(this.copy, row[FIELD.task_id] === "");
    this.rerun.hidden = this.model.get("can_rerun") !== true;
    setDisabled(this.rerun, !done);
    this.stop.button.hidden = done;
  }

  private askText(): void {
    if (isDisabled(this.show)) {
      return;
    }
    this.request = `${Date.now()}-${++this.asked}-${Math.random()}`;
    if (this.text.hidden) {
      setText(this.note, "Asking the kernel…");
    }
    this.printed = this.rows.row(this.index)?.[FIELD.text] ?? "";
    this.model.send({ type: "show", request: this.request, row: this.index });
  }

  private copied(text: string): void {
    if (text !== "") {
      void copy(text).then((said) => setText(this.note, said));
    }
  }

  private runAgain(): void {
    if (!isDisabled(this.rerun)) {
      this.model.send({ type: "rerun", row: this.index });
      setText(this.note, "Submitted once more: the row follows the new run.");
    }
  }

  private end(): void {
    this.element.hidden = true;
    this.request = "";
    this.stop.clear();
    this.closed(this.index);
  }
}

function button(text: string): HTMLButtonElement {
  return make("button", { type: "button", class: "gc-button" }, text);
}

// Said, not enforced: a disabled button would drop the focus.
function setDisabled(element: HTMLElement, disabled: boolean): void {
  element.setAttribute("aria-disabled", String(disabled));
}

function isDisabled(element: HTMLElement): boolean {
  return element.getAttribute("aria-disabled") === "true";
}
