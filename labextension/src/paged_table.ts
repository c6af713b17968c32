// A search field, a choice of states, and the rows that match: runs, or the tasks of one.

import { make, setText } from "../widgets/src/dom";
import { Listeners } from "../widgets/src/model";
import { RowWindow, WindowRow } from "../widgets/src/row_window";
import { Pages } from "./pages";

export interface PagedRow<T> extends WindowRow {
  show(row: T | undefined, place: number, chosen: boolean): void;
}

export interface TableKind<T> {
  name: string; // what its rows are called, in the plural
  columns: (string | HTMLElement)[];
  states: readonly [value: string, text: string][];
  make(): PagedRow<T>;
  chosen(row: T): boolean;
  choose(row: T): void;
}

export class PagedTable<T> {
  private readonly search: HTMLInputElement;
  private readonly states: HTMLSelectElement;
  readonly words = make("p", { class: "gc-words", role: "status" });
  readonly table: HTMLTableElement;
  private readonly rows: RowWindow<PagedRow<T>>;
  private order = new Int32Array(0);
  readonly element: HTMLElement;

  constructor(
    private readonly pages: Pages<T>,
    kind: TableKind<T>,
    asked: () => void, // called when other rows are wanted
    listeners: Listeners,
  ) {
    const { name, columns } = kind;
    this.search = make("input", {
      type: "search",
      placeholder: `Search ${name}`,
      "aria-label": `Search ${name}`,
    });
    this.states = make(
      "select",
      { "aria-label": `State of ${name}` },
      ...kind.states.map(([value, text]) => make("option", { value }, text)),
    );
    this.table = make(
      "table",
      {},
      make("caption", { class: "gc-hidden" }, name),
      make(
        "thead",
        {},
        make(
          "tr",
          { "aria-rowindex": 1 },
          ...columns.map((one) => (typeof one === "string" ? make("th", { scope: "col" }, one) : one)),
        ),
      ),
    );
    const scroller = make(
      "div",
      { class: "gc-scroll", tabindex: 0, role: "group", "aria-label": `Rows of ${name}` },
      this.table,
    );
    this.rows = new RowWindow<PagedRow<T>>(
      {
        columns: 1, // of a filler row: narrow places hide other columns
        make: () => kind.make(),
        show: (row, index, place) => {
          const shown = pages.row(index);
          row.show(shown, place, shown !== undefined && kind.chosen(shown));
        },
        drawn: (shown) => {
          if (shown.length > 0) {
            pages.look(shown[0]!.index, shown[shown.length - 1]!.index);
          }
        },
      },
      scroller,
      this.table,
      (index) => {
        const row = pages.row(index);
        if (row !== undefined) {
          kind.choose(row);
          this.rows.draw();
        }
      },
      listeners,
    );
    const ask = (): void => {
      pages.ask({ text: this.search.value.trim(), state: this.states.value });
      scroller.scrollTop = 0;
      asked();
    };
    listeners.listen(this.search, "input", ask);
    listeners.listen(this.states, "change", ask);
    const tools = make("div", { class: "gc-tools" }, this.search, this.states);
    this.element = make("div", { class: `gc-list-of gc-${name}` }, tools, this.words, scroller);
  }

  // Whether all rows are wanted.
  get all(): boolean {
    return this.search.value.trim() === "" && this.states.value === "";
  }

  // `words` name the rows.
  draw(words: string): void {
    setText(this.words, words);
    if (this.order.length !== this.pages.total) {
      this.order = Int32Array.from({ length: this.pages.total }, (_, index) => index);
    }
    this.rows.arrange(this.order);
  }

  focus(): void {
    this.search.focus();
  }

  focusActive(): void {
    this.rows.focusActive();
  }
}
