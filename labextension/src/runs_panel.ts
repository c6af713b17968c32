// The runs of all kernels and one selected run: side by side if there is room, else one at a time.

import { make } from "../widgets/src/dom";
import { Listeners } from "../widgets/src/model";
import { Actions } from "./actions";
import { Run } from "./messages";
import { Notice } from "./notice";
import { named, Pages } from "./pages";
import { PagedTable } from "./paged_table";
import { count, RunItem } from "./run_item";
import { RunView } from "./run_view";
import type { Server } from "./server";
import { Store, Topic } from "./store";

// why a journal may stay empty although kernels submit tasks
const EMPTY =
  "No cell has sent tasks yet. Run one that begins with %%gcrun local: it appears here, as do those of executors in notebooks.";
const SHARED =
  "Its kernel must share this journal with the Jupyter server: the same file system and JUPYTER_DATA_DIR.";
const STATES: [string, string][] = [
  ["", "All runs"],
  ["open", "open"],
  ["failed", "with failures"],
  ["success", "all done"],
  ["cancelled", "cancelled"],
];

export class RunsPanel {
  private readonly listeners = new Listeners();
  private readonly notice = new Notice();
  private readonly pages: Pages<Run>;
  private readonly runs: PagedTable<Run>;
  private readonly place = make(
    "div",
    { class: "gc-place" },
    make("p", { class: "gc-hint" }, "Choose a run to see its tasks, its errors and its cell."),
  );
  private view: RunView | null = null;
  private visible = false;
  readonly element: HTMLElement;

  constructor(
    private readonly name: string, // of this panel, among those that fetch rows
    private readonly store: Store,
    private readonly server: Pick<Server, "runs" | "tasks" | "failures">,
    private readonly actions: Actions,
    private readonly full = false,
  ) {
    this.pages = new Pages((...asked) => server.runs(...asked), () => this.draw());
    const kind = {
      name: "runs",
      columns: ["Cell", "Tasks"],
      states: STATES,
      make: () => new RunItem(),
      chosen: (run: Run) => run.run === this.view?.key,
      choose: (run: Run) => this.open(run),
    };
    this.runs = new PagedTable(this.pages, kind, () => store.hurry(), this.listeners);
    const both = make("div", { class: "gc-both" }, this.runs.element, this.place);
    this.element = make("div", { class: "gc-jupyter gc-panel gc-runs-panel" }, this.notice.element, both);
    this.listeners.listen(this.element, "keydown", (event: KeyboardEvent) => {
      if (event.key === "Escape" && this.view) {
        event.stopPropagation();
        this.close();
      }
    });
    store.changed.connect(this.onChange, this);
  }

  // Rows are fetched and drawn while they can be seen.
  setVisible(visible: boolean): void {
    this.visible = visible;
    this.store.need(this.name, visible ? () => this.refresh() : null);
    if (visible) {
      this.draw();
    }
  }

  focus(): void {
    this.runs.focus();
  }

  // Show the run with this name.
  async openNamed(run: string): Promise<void> {
    const found = await this.named(run);
    if (found) {
      this.open(found);
    }
  }

  dispose(): void {
    this.setVisible(false);
    this.store.changed.disconnect(this.onChange, this);
    this.listeners.remove();
    this.view?.remove();
  }

  private open(run: Run): void {
    this.view?.remove();
    this.view = new RunView(run, this.server, this.actions, this.full, () => this.store.hurry());
    this.view.back.addEventListener("click", () => this.close());
    this.place.replaceChildren(this.view.element);
    this.element.classList.add("gc-open-run");
    this.view.focus();
    this.store.hurry();
  }

  private close(): void {
    this.view?.remove();
    this.view = null;
    this.element.classList.remove("gc-open-run");
    this.runs.focusActive();
  }

  // Runs and the open one's tasks are asked for at once.
  private async refresh(): Promise<void> {
    const { view } = this;
    await Promise.all([this.pages.refresh(), view?.refresh()]);
    const run = view && (this.pages.find((one) => one.run === view.key) ?? (await this.named(view.key)));
    if (view && run) {
      await view.follow(run);
    }
  }

  private async named(run: string): Promise<Run | null> {
    const { columns, rows } = await this.server.runs({ text: "", state: "", run }, 0);
    return rows[0] ? named<Run>(columns, rows[0]) : null;
  }

  private onChange(_: Store, what: Topic): void {
    if (what === "tasks" && this.visible) {
      this.draw();
    }
  }

  private draw(): void {
    const { status } = this.store;
    const problem = this.store.problems.tasks;
    const { journal } = this.pages;
    const message = problem?.message ?? (journal?.problem || status?.problem || "");
    const step = problem?.nextStep ?? (journal?.problem ? journal.next_step : status?.next_step);
    this.notice.show(message, step);
    this.element.classList.toggle("gc-missing", journal === null && problem !== null);
    this.runs.draw(this.summary());
  }

  // "3 open tasks · 12 runs"
  private summary(): string {
    const { journal, total } = this.pages;
    if (!journal) {
      return this.store.problems.tasks ? "" : "Reading the journal…";
    }
    if (total === 0 && this.runs.all) {
      return journal.problem ? "" : `${EMPTY} ${SHARED} It is ${journal.path}.`;
    }
    const open = this.store.status?.open ?? 0;
    const runs = `${count(total)} ${total === 1 ? "run" : "runs"}${this.runs.all ? "" : " found"}`;
    return open > 0 ? `${count(open)} open ${open === 1 ? "task" : "tasks"} · ${runs}` : runs;
  }
}
