// The rows of a list of any length. They are fetched a page at a time when they come into view.

import { Page, PAGE_ROWS } from "./messages";

export interface Question {
  text: string;
  state: string; // a word of STATES, "open", or "" for any
  run: string; // the run whose tasks are listed; "" for all
}

export type Fetch = (question: Question, offset: number) => Promise<Page>;

export class Pages<T> {
  total = 0;
  journal: Page["journal"] | null = null; // null before the first answer
  private pages = new Map<number, T[]>();
  private view = [0, 0]; // the first and the last row in view
  private question: Question;
  private asked = 0; // counts the requests: an answer to an earlier one is dropped
  private filling = false;

  // `changed` is called when rows have arrived.
  constructor(
    private readonly fetch: Fetch,
    private readonly changed: () => void,
    run = "",
  ) {
    this.question = { text: "", state: "", run };
  }

  // The row, or undefined before it has arrived: `look` fetches missing rows.
  row(index: number): T | undefined {
    return this.pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  find(wanted: (row: T) => boolean): T | undefined {
    return [...this.pages.values()].flat().find(wanted);
  }

  // These rows are in view.
  look(first: number, last: number): void {
    this.view = [first, last];
    if (this.journal && !this.filling) {
      void this.fill().catch(() => undefined); // the next refresh reports the error
    }
  }

  // Set which rows are wanted. The next refresh fetches them.
  ask(question: Partial<Question>): void {
    this.question = { ...this.question, ...question };
    this.view = [0, 0];
    this.asked++;
  }

  // Fetch the rows in view again, and forget the others.
  refresh(): Promise<void> {
    return this.load(this.inView(), false);
  }

  // One request at a time, then the rows that are in view by then: a scroll passes many rows.
  private async fill(): Promise<void> {
    const missing = (): number[] => this.inView().filter((page) => !this.pages.has(page));
    this.filling = true;
    try {
      for (let pages = missing(); pages.length > 0; pages = missing()) {
        await this.load(pages, true);
      }
    } finally {
      this.filling = false;
    }
  }

  private inView(): number[] {
    const [first, last] = this.view.map((row) => Math.floor(row! / PAGE_ROWS));
    return Array.from({ length: last! - first! + 1 }, (_, place) => first! + place);
  }

  private async load(pages: number[], keep: boolean): Promise<void> {
    const asked = keep ? this.asked : ++this.asked;
    const replies = await Promise.all(pages.map((page) => this.fetch(this.question, page * PAGE_ROWS)));
    if (asked !== this.asked) {
      return;
    }
    if (!keep) {
      this.pages.clear();
    }
    replies.forEach((reply, place) => {
      this.total = reply.total;
      this.journal = reply.journal;
      this.pages.set(pages[place]!, reply.rows.map((row) => named<T>(reply.columns, row)));
    });
    this.changed();
  }
}

// A row as an object.
export function named<T>(columns: string[], row: Page["rows"][number]): T {
  return Object.fromEntries(columns.map((name, place) => [name, row[place]])) as T;
}
