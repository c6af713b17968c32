// The tasks of all kernels: filter, rows, and the details of one.

import { make, setText } from "../widgets/src/dom";
import { STATES } from "../widgets/src/messages";
import { Listeners } from "../widgets/src/model";
import { RowWindow } from "../widgets/src/row_window";
import { Actions } from "./actions";
import { Notice } from "./notice";
import { Store, Topic } from "./store";
import { TaskDetails } from "./task_details";
import { COLUMNS, TaskItem } from "./task_item";
import { Filter, TaskList } from "./task_list";

// why a journal may stay empty although kernels submit tasks
const SHARED =
  "Tasks of %%gcrun and of executors in notebooks appear here, if their kernels share this journal: the same file system and JUPYTER_DATA_DIR as the Jupyter server.";
const count = (n: number): string => n.toLocaleString("en");

export class TasksPanel {
  private readonly listeners = new Listeners();
  private readonly filter: Filter = { text: "", state: "" };
  private readonly notice = new Notice();
  private readonly search = make("input", {
    type: "search",
    placeholder: "Filter",
    "aria-label": "Filter tasks by text",
  });
  private readonly states = make("select", { "aria-label": "Filter tasks by state" });
  private readonly words = make("p", { class: "gc-words", role: "status" });
  private readonly table = make(
    "table",
    {},
    make("caption", { class: "gc-hidden" }, "Tasks of all kernels"),
    make(
      "thead",
      {},
      make("tr", { "aria-rowindex": 1 }, ...COLUMNS.map((n) => make("th", { scope: "col" }, n))),
    ),
  );
  private readonly scroller = make(
    "div",
    { class: "gc-scroll", tabindex: 0, role: "group", "aria-label": "Tasks, rows" },
    this.table,
  );
  private readonly details: TaskDetails;
  private readonly rows: RowWindow<TaskItem>;
  private visible = false;
  readonly element: HTMLElement;

  constructor(
    private readonly store: Store,
    actions: Actions,
  ) {
    this.states.append(
      make("option", { value: "" }, "All states"),
      make("option", { value: "open" }, "open"),
      ...STATES.map((state) => make("option", { value: state }, state)),
    );
    this.details = new TaskDetails(actions, () => this.closed(), this.listeners);
    const kind = {
      columns: COLUMNS.length,
      make: () => new TaskItem(),
      show: (row: TaskItem, index: number, place: number) => {
        const task = this.list!.task(index);
        row.show(task, place, task.task_id !== "" && task.task_id === this.details.task?.task_id);
      },
    };
    this.rows = new RowWindow(
      kind,
      this.scroller,
      this.table,
      (index) => this.choose(index),
      this.listeners,
    );
    this.element = make(
      "div",
      { class: "gc-jupyter gc-panel gc-tasks" },
      this.notice.element,
      make("div", { class: "gc-tools" }, this.search, this.states),
      this.words,
      this.scroller,
      this.details.element,
    );
    this.listeners.listen(this.search, "input", () => {
      this.filter.text = this.search.value;
      this.arrange();
    });
    this.listeners.listen(this.states, "change", () => {
      this.filter.state = this.states.value as Filter["state"];
      this.arrange();
    });
    store.changed.connect(this.onChange, this);
  }

  // Rows are fetched and drawn while they can be seen.
  setVisible(visible: boolean): void {
    this.visible = visible;
    this.store.need("tasks panel", visible);
    if (visible) {
      this.store.poke();
      this.draw();
    }
  }

  focus(): void {
    this.search.focus();
  }

  private get list(): TaskList | null {
    return this.store.tasks;
  }

  private onChange(_: Store, what: Topic): void {
    if (what === "tasks" && this.visible) {
      this.draw();
    }
  }

  private draw(): void {
    const { status, tasks } = this.store;
    const problem = this.store.problems.tasks;
    const journal = tasks?.journal;
    const message = problem?.message ?? (journal?.problem || status?.problem || "");
    const step = problem?.nextStep ?? (journal?.problem ? journal.next_step : status?.next_step);
    this.notice.show(message, step);
    this.element.classList.toggle("gc-missing", tasks === null && problem !== null);
    const chosen = this.details.task;
    const now = chosen && tasks?.find(chosen.task_id);
    if (now) {
      this.details.show(now);
    }
    this.arrange();
  }

  private arrange(): void {
    const { tasks, status } = this.store;
    if (!tasks) {
      setText(this.words, this.store.problems.tasks ? "" : "Reading the journal…");
      return;
    }
    const order = tasks.matching(this.filter);
    setText(this.words, summary(tasks, order.length, status?.open ?? tasks.open().size));
    this.rows.arrange(order);
  }

  private choose(index: number): void {
    this.details.start(this.list!.task(index));
    this.rows.draw();
  }

  private closed(): void {
    this.rows.draw();
    this.rows.focusActive();
  }
}

// "3 open · 12 of 10,000 shown"
function summary(tasks: TaskList, shown: number, open: number): string {
  if (tasks.total === 0) {
    const { path, problem } = tasks.journal;
    return problem ? "" : `No tasks in ${path} yet. ${SHARED}`;
  }
  const parts = [`${count(open)} open`];
  parts.push(
    shown === tasks.total ? `${count(shown)} in all` : `${count(shown)} of ${count(tasks.total)} shown`,
  );
  return parts.join(" · ");
}
