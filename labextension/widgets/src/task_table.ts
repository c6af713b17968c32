// The task table: summary or headline, filter, rows or timeline, and the details of one task.

import { copy, make, setText } from "./dom";
import { counted, Headline } from "./headline";
import { PAGE_ROWS, STATES, Stopping } from "./messages";
import { Listeners, Model } from "./model";
import { openPage } from "./open_page";
import { RowWindow } from "./row_window";
import { StopTasks } from "./stopping";
import { Summary } from "./summary";
import { TaskDetails } from "./task_details";
import { arrange, Key, Order } from "./task_order";
import { asText, TaskRow } from "./task_row";
import { TaskRows } from "./task_rows";
import { Axis, Span, wholeSpan } from "./timeline";

const FEW = 20; // rows that need no filter, and stay in the order they were submitted in
const MANY = 2000; // rows that the kernel sends bit by bit
const TELL_MS = 100; // after scrolling, until the kernel hears what is in view
const COLUMNS: [Key, string][] = [
  ["label", "Task"],
  ["state", "State"],
  ["endpoint", "Endpoint"],
  ["queued", "Queued"],
  ["running", "Running"],
  ["text", "Result"],
];

export function renderTaskTable(model: Model, root: HTMLElement): () => void {
  const view = new TaskTable(model);
  root.append(view.element);
  view.draw();
  return () => view.remove();
}

class TaskTable {
  private readonly listeners = new Listeners();
  private readonly rows: TaskRows;
  private readonly summary: Summary;
  private readonly headline: Headline;
  private readonly details: TaskDetails;
  private readonly window: RowWindow<TaskRow>;
  private readonly order: Order = { key: "row", descending: false, text: "", state: "" };
  private chosen = false; // the user has chosen an order
  private used = false; // the user has done something here: it doesn't fold by itself
  private ended = false;
  private timeline = false;
  private span: Span | null = null; // of the timeline, while it is shown
  private arranged = 0; // when, in milliseconds
  private cost = 0; // of the last arrangement, in milliseconds
  private waiting = 0;
  private pages: number[] = []; // in view
  private telling = 0;

  private readonly search = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter tasks by text" });
  private readonly states = make("select", { "aria-label": "Filter tasks by state" });
  private readonly toggle = make("button", { type: "button", class: "gc-button", "aria-pressed": "false" }, "Timeline");
  private readonly copy = make("button", { type: "button", class: "gc-button", "aria-label": "Copy the rows" }, "Copy");
  private readonly note = make("span", { class: "gc-note", role: "status" });
  private readonly stop: StopTasks;
  private readonly tools = make("div", { class: "gc-tools" }, this.search, this.states, this.toggle, this.copy);
  private readonly caption = make("caption");
  private readonly heads = new Map<Key, HTMLTableCellElement>();
  private readonly axis = new Axis();
  private readonly head = make("tr", { "aria-rowindex": 1 });
  private readonly table = make("table", {}, this.caption, make("thead", {}, this.head));
  private readonly scroller = make("div", { class: "gc-scroll", tabindex: 0, role: "group" }, this.table);
  private readonly nothing = make("p", { class: "gc-nothing", hidden: true }, "No task matches.");
  private readonly line: HTMLElement; // progress, or what became of the tasks
  private readonly body: HTMLElement;
  readonly element: HTMLElement;

  constructor(private readonly model: Model) {
    this.rows = new TaskRows(model);
    this.summary = new Summary(this.rows);
    this.details = new TaskDetails(model, this.rows, (index) => this.detailsClosed(index), this.listeners);
    this.headline = new Headline(this.rows, (folded) => this.setFolded(folded), this.listeners);
    this.scroller.setAttribute("aria-label", `${String(model.get("title"))}, rows`);
    this.states.append(
      make("option", { value: "" }, "All states"),
      ...STATES.map((state) => make("option", { value: state }, state)),
    );
    for (const [key, name] of COLUMNS) {
      const sort = make("button", { type: "button", class: "gc-sort" }, name);
      this.listeners.listen(sort, "click", () => this.sortBy(key));
      this.heads.set(key, make("th", { scope: "col", class: `gc-col-${key}` }, sort));
    }
    const send = (request: string, sure: boolean): void => model.send({ type: "stop", request, row: null, sure });
    this.stop = new StopTasks("Stop all…", send, this.scroller, this.listeners);
    this.tools.append(this.stop.button, this.note);
    this.listeners.on(model, "msg:custom", (message: Stopping) => this.stop.heard(message));
    this.body = make("div", {}, this.tools, this.stop.element, this.scroller, this.nothing, this.details.element);
    const page = openPage(model, this.listeners);
    this.line = make("div", { class: "gc-line" }, this.summary.element, this.headline.element, page);
    this.element = make("div", { class: "gc-table" }, this.line, this.summary.live, this.body);
    const rowKind = {
      columns: COLUMNS.length,
      make: () => new TaskRow(),
      show: (row: TaskRow, index: number, place: number) =>
        row.show(this.rows, index, place, this.rows.now(), this.span, index === this.details.shown),
      drawn: (rows: readonly TaskRow[]) => this.viewed(rows),
    };
    this.window = new RowWindow(rowKind, this.scroller, this.table, (index) => this.choose(index), this.listeners);
    for (const event of ["pointerdown", "keydown", "input"]) {
      this.listeners.listen(this.body, event, () => (this.used = true));
    }
    this.listeners.listen(this.search, "input", () => {
      this.order.text = this.search.value;
      this.rearrange();
    });
    this.listeners.listen(this.states, "change", () => {
      this.order.state = this.states.value as Order["state"];
      this.rearrange();
    });
    this.listeners.listen(this.toggle, "click", () => this.setTimeline(!this.timeline));
    this.listeners.listen(this.copy, "click", () => void this.copyRows());
    // keys that are meant for a field or a button here are no commands of the notebook
    this.listeners.listen(this.element, "keydown", (event: KeyboardEvent) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) {
        event.stopPropagation();
      }
    });
    this.listeners.on(model, "change:seq", () => this.draw());
    this.listeners.every(1000, () => this.tick());
    this.listeners.add(() => clearTimeout(this.waiting));
    this.listeners.add(() => clearTimeout(this.telling));
    this.drawHead();
  }

  remove(): void {
    this.listeners.remove();
    this.element.remove();
  }

  draw(): void {
    const few = this.rows.size <= FEW;
    this.search.hidden = this.states.hidden = few;
    const usual = this.timeline ? "started" : few ? "row" : "urgency";
    if (!this.chosen && this.order.key !== usual) {
      this.order.key = usual;
      this.drawHead();
    }
    this.summary.draw();
    this.drawEnd();
    this.details.draw();
    this.rearrangeInTime();
  }

  // What has ended is a line, unless something failed or the user is at it; run again, it is open again.
  private drawEnd(): void {
    const title = String(this.model.get("title"));
    const ended = this.rows.size > 0 && this.rows.done === this.rows.size;
    setText(this.caption, ended ? `${title}: ${counted(this.rows).join(", ")}` : title);
    this.caption.classList.toggle("gc-hidden", ended); // the line above says it
    if (ended) {
      this.headline.draw(title);
    }
    this.stop.button.hidden = ended || this.rows.size === 0;
    setText(this.stop.button, this.rows.size === 1 ? "Stop…" : "Stop all…");
    if (ended !== this.ended) {
      this.ended = ended;
      this.headline.element.hidden = !ended;
      if (ended) {
        this.summary.element.remove();
      } else {
        this.line.prepend(this.summary.element);
      }
      this.headline.setFolded(ended && !this.used && this.rows.count("failed") === 0);
    }
  }

  private setFolded(folded: boolean): void {
    this.body.hidden = folded;
    this.window.draw(); // what has no size has no rows
  }

  private choose(index: number): void {
    this.details.start(index);
    this.window.draw();
  }

  // Sorting 100,000 rows takes a while: it gets a fifth of the time, and the user the rest.
  private rearrangeInTime(): void {
    const wait = this.arranged + 5 * this.cost - performance.now();
    if (wait <= 0) {
      this.rearrange();
    } else if (this.waiting === 0) {
      this.waiting = window.setTimeout(() => this.rearrange(), wait);
      this.window.later();
    }
  }

  private rearrange(): void {
    clearTimeout(this.waiting);
    this.waiting = 0;
    const start = performance.now();
    const order = arrange(this.rows, this.order);
    this.measureTime();
    this.arranged = performance.now();
    this.cost = this.arranged - start;
    this.nothing.hidden = order.length > 0 || this.rows.size === 0;
    this.window.arrange(order);
  }

  // Times of open tasks grow without a message.
  private tick(): void {
    if (this.element.isConnected && !document.hidden && this.rows.done < this.rows.size) {
      this.measureTime();
      this.window.later();
      this.summary.drawPace();
      this.details.draw();
    }
  }

  private measureTime(): void {
    if (this.timeline) {
      this.span = wholeSpan(this.rows);
      this.axis.draw(this.span, this.table);
    }
  }

  private sortBy(key: Key): void {
    this.order.descending = this.chosen && this.order.key === key && !this.order.descending;
    this.order.key = key;
    this.chosen = true;
    this.drawHead();
    this.rearrange();
  }

  // For a spreadsheet: the rows that the filter leaves, in their order.
  private async copyRows(): Promise<void> {
    const order = arrange(this.rows, this.order);
    const rows = Array.from(order, (index) => asText(this.rows, index));
    const said = await copy([COLUMNS.map(([, name]) => name), ...rows].map((cells) => cells.join("\t")).join("\n"));
    const what = `${order.length.toLocaleString("en")} ${order.length === 1 ? "row" : "rows"}`;
    setText(this.note, said === "Copied." ? `Copied ${what}.` : said);
  }

  private setTimeline(timeline: boolean): void {
    this.timeline = timeline;
    this.toggle.setAttribute("aria-pressed", String(timeline));
    this.span = null;
    this.element.classList.toggle("gc-timeline", timeline);
    this.drawHead();
    this.draw();
    this.rearrange();
  }

  private drawHead(): void {
    for (const [key, cell] of this.heads) {
      const sorted = this.chosen && this.order.key === key;
      if (sorted) {
        cell.setAttribute("aria-sort", this.order.descending ? "descending" : "ascending");
      } else {
        cell.removeAttribute("aria-sort");
      }
    }
    const cells = COLUMNS.slice(0, this.timeline ? 2 : 6).map(([key]) => this.heads.get(key)!);
    const all = this.timeline ? [...cells, this.axis.element] : cells;
    if (all.length !== this.head.children.length) {
      this.head.replaceChildren(...all); // only then: a button that is clicked keeps the focus
    }
  }

  // A table that is too large for one message asks for what is in view first; the last view counts.
  private viewed(rows: readonly TaskRow[]): void {
    if (this.rows.size <= MANY) {
      return;
    }
    const pages = [...new Set(rows.map((row) => Math.floor(row.index / PAGE_ROWS)))];
    if (String(pages) !== String(this.pages)) {
      this.pages = pages;
      clearTimeout(this.telling);
      this.telling = window.setTimeout(() => this.model.send({ type: "view", pages }), TELL_MS);
    }
  }

  private detailsClosed(index: number): void {
    this.window.draw();
    const button = this.window.button(index);
    if (button) {
      button.focus({ preventScroll: true });
    } else {
      this.window.focusActive();
    }
  }
}
