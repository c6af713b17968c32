// One run: its outcome, actions, errors, cell and tasks.

import { make, setText } from "../widgets/src/dom";
import { STATES } from "../widgets/src/messages";
import { Listeners } from "../widgets/src/model";
import { Axis, Span } from "../widgets/src/timeline";
import { Actions, RunAction, said, whyNotRun } from "./actions";
import { button, reason, setReason } from "./buttons";
import { ErrorsList } from "./errors_list";
import { Run, Task } from "./messages";
import { PagedTable } from "./paged_table";
import { Pages } from "./pages";
import { cellOf, count, countsOf, RunBar, stateOf, titleOf, tookOf } from "./run_item";
import type { Server } from "./server";
import { TaskDetails } from "./task_details";
import { TaskItem } from "./task_item";
import { when } from "./times";

const BUTTONS: readonly [RunAction, string][] = [
  ["jump", "Open cell"],
  ["attach", "Attach"],
  ["again", "Run again"],
  ["stop", "Stop"],
  ["page", "Open as page"],
];

export class RunView {
  readonly back = button("‹ All runs");
  private readonly heading = make("h3", { tabindex: -1 });
  private readonly facts = make("p", { class: "gc-second" });
  private readonly words = make("p", { class: "gc-words" });
  private readonly bar = new RunBar();
  private readonly buttons = new Map<RunAction, HTMLButtonElement>();
  private readonly note = make("p", { class: "gc-note", role: "status" });
  private readonly errors: ErrorsList;
  private readonly cell = make("details", { class: "gc-cell" });
  private readonly axis = new Axis();
  private readonly pages: Pages<Task>;
  private readonly tasks: PagedTable<Task>;
  private readonly details: TaskDetails;
  private readonly listeners = new Listeners();
  private failed = -1; // the number of failed tasks whose errors are shown
  readonly element: HTMLElement;

  constructor(
    private run: Run,
    private readonly server: Pick<Server, "tasks" | "failures">,
    private readonly actions: Actions,
    full: boolean, // in a page of its own
    asked: () => void,
  ) {
    this.pages = new Pages((...asked) => server.tasks(...asked), () => this.drawTasks(), run.run);
    this.axis.element.colSpan = 1;
    this.axis.element.classList.add("gc-time");
    const kind = {
      name: "tasks",
      columns: ["Task", this.axis.element, "Sent"],
      states: [
        ["", "All states"],
        ["open", "open"],
        ...STATES.map((state): [string, string] => [state, state]),
      ] as [string, string][],
      make: () => new TaskItem(() => this.span, () => titleOf(this.run)),
      chosen: (task: Task) => task.task_id !== "" && task.task_id === this.details.task?.task_id,
      choose: (task: Task) => this.details.start(task),
    };
    this.errors = new ErrorsList(full);
    this.details = new TaskDetails(actions, (error) => this.errors.tracebackOf(error), () => this.tasks.focusActive(), this.listeners);
    this.tasks = new PagedTable(this.pages, kind, asked, this.listeners);
    for (const [action, text] of BUTTONS) {
      const element = button(text);
      element.hidden = action === "page" && full;
      this.listeners.listen(element, "click", () => void this.act(action, element));
      this.buttons.set(action, element);
    }
    const { listeners, cell } = this;
    cell.append(make("summary", {}, "The cell"));
    listeners.listen(cell, "toggle", () => void (cell.open && this.readCell()));
    this.element = make(
      "section",
      { class: "gc-run" },
      this.back,
      this.heading,
      this.facts,
      this.words,
      this.bar.element,
      make("div", { class: "gc-buttons" }, ...this.buttons.values()),
      this.note,
      this.errors.element,
      this.cell,
      this.tasks.element,
      this.details.element,
    );
    this.show(run);
  }

  get key(): string {
    return this.run.run;
  }

  focus(): void {
    this.heading.focus({ preventScroll: true });
  }

  private show(run: Run): void {
    this.run = run;
    setText(this.heading, titleOf(run));
    this.element.setAttribute("aria-label", `Run of ${titleOf(run)}`);
    setText(this.facts, [cellOf(run), run.endpoint, `sent ${when(run.submitted_at)}`].filter(Boolean).join(" · "));
    this.facts.title = run.notebook;
    const ended = run.tasks === 1 ? stateOf(run) : `${countsOf(run)} tasks · ${stateOf(run)}`;
    setText(this.words, [ended, tookOf(run), run.kernel_alive ? "" : "its kernel has ended"].filter(Boolean).join(" · "));
    this.bar.show(run);
    for (const [action, element] of this.buttons) {
      setReason(element, whyNotRun(action, run, this.actions.ready));
    }
  }

  refresh(): Promise<void> {
    return this.pages.refresh();
  }

  // What has become of it since.
  async follow(run: Run): Promise<void> {
    this.show(run);
    this.drawTasks(); // by its new end
    if (this.failed !== run.failed) {
      this.errors.draw(run.failed > 0 ? await this.server.failures(run.run) : []);
      this.failed = run.failed;
      this.drawTasks(); // the details have a traceback
    }
  }

  remove(): void {
    this.pages.drop();
    this.listeners.remove();
    this.element.remove();
  }

  private get span(): Span {
    const { submitted_at: from, ended_at: end } = this.run;
    return { from, to: Math.max(end ?? Date.now() / 1000, from + 0.001) };
  }

  private drawTasks(): void {
    const { total } = this.pages;
    const shown = this.details.task && this.pages.find((one) => one.task_id === this.details.task?.task_id);
    if (shown) {
      this.details.show(shown);
    }
    const { from, to } = this.span;
    this.axis.draw({ from: 0, to: 1000 * (to - from) }, this.tasks.table);
    this.tasks.draw(this.tasks.all ? "" : `${count(total)} of ${count(this.run.tasks)} tasks shown`);
  }

  // The cell as the notebook has it now.
  private async readCell(): Promise<void> {
    const found = await this.actions.cell(this.run).catch(() => null);
    const [summary] = this.cell.children;
    const code = found ? [make("pre", { tabindex: 0, "aria-label": "Source of the cell" }, found.source)] : [];
    const output = found?.output
      ? [make("h4", {}, "Output"), make("pre", { tabindex: 0, "aria-label": "Output of the cell" }, found.output)]
      : [];
    const missing = found ? [] : [make("p", {}, "The notebook doesn't have this cell any more, or isn't of this server.")];
    this.cell.replaceChildren(summary!, ...missing, ...code, ...output);
  }

  private async act(action: RunAction, element: HTMLButtonElement): Promise<void> {
    setReason(element, whyNotRun(action, this.run, this.actions.ready)); // a notebook may have come
    setText(this.note, reason(element) || (await said(this.does(action))));
  }

  private async does(action: RunAction): Promise<string> {
    const { run } = this;
    switch (action) {
      case "jump":
        return this.actions.jump(run);
      case "again":
        return this.actions.again(run);
      case "stop":
        return this.actions.stop(run);
      case "page":
        return this.actions.page(run.run);
      case "attach": {
        const ids = run.ids ? [run.ids] : await this.someIds();
        return this.actions.attach(ids.join(" "));
      }
    }
  }

  // For a cell that has sent its tasks one by one.
  private async someIds(): Promise<string[]> {
    const { columns, rows } = await this.server.tasks({ text: "", state: "", run: this.run.run }, 0);
    return rows.map((row) => String(row[columns.indexOf("task_id")])).filter(Boolean);
  }
}
