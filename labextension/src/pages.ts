// Rows of a list of any length: fetched a page at a time, as they come into view.

import { Page, PAGE_ROWS } from "./messages";

export interface Question {
  text: string;
  state: string; // a word of STATES, "open", or "" for any
  run: string; // the run whose tasks are meant; "" for all
}

export type Fetch = (question: Question, offset: number) => Promise<Page>;

export class Pages<T> {
  total = 0;
  journal: Page["journal"] | null = null; // null until there was an answer
  private pages = new Map<number, T[]>();
  private view = [0, 0]; // the first and the last row that were looked at
  private question: Question;
  private asked = 0; // counts the questions: an answer to an earlier one is dropped
  private filling = false;

  // `changed` is called when rows have come.
  constructor(
    private readonly fetch: Fetch,
    private readonly changed: () => void,
    run = "",
  ) {
    this.question = { text: "", state: "", run };
  }

  // Undefined until it has come: `look` fetches what is missing.
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
      void this.fill().catch(() => undefined); // the next refresh says what is wrong
    }
  }

  // Other rows are wanted; they come with the next refresh.
  ask(question: Partial<Question>): void {
    this.question = { ...this.question, ...question };
    this.view = [0, 0];
    this.asked++;
  }

  // Fetches what is in view again, and forgets the rest.
  refresh(): Promise<void> {
    return this.load(this.inView(), false);
  }

  // One fetch at a time, and then what is in view by that time: a scroll passes more than it stops at.
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
