// The rows of a list of any length. They are fetched a page at a time when they come into view.

import { Page, PAGE_ROWS } from "./messages";

export interface Question {
  text: string;
  state: string; // a word of STATES, "open", or "" for any
  run: string; // the run whose tasks are listed; "" for all
}

const KEPT = 20; // pages

export type Fetch = (question: Question, offset: number, unless: AbortSignal) => Promise<Page>;

export class Pages<T> {
  total = 0;
  journal: Page["journal"] | null = null; // null before the first answer
  private readonly pages = new Map<number, T[]>();
  private readonly old = new Set<number>(); // those that were fetched before the last change
  private view = [0, 0]; // the first and the last row that were looked at
  private question: Question;
  private asked = 0; // counts the questions: an answer to an earlier one is dropped
  private asking = new AbortController();
  private filling = false;
  private other = false; // what was fetched answers another question

  // `changed` is called when rows have arrived.
  constructor(
    private readonly fetch: Fetch,
    private readonly changed: () => void,
    run = "",
  ) {
    this.question = { text: "", state: "", run };
  }

  // Undefined until it has come: `look` fetches what is missing. A row may be from before a change
  // until it is looked at: while tasks change, a scroll passes rows and not gaps.
  row(index: number): T | undefined {
    return this.pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  // Among those that are current.
  find(wanted: (row: T) => boolean): T | undefined {
    const current = [...this.pages].filter(([page]) => !this.old.has(page));
    return current.flatMap(([, rows]) => rows).find(wanted);
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
    this.other = true;
    this.drop();
  }

  // Nobody waits any more for what was asked.
  drop(): void {
    this.asked++;
    this.asking.abort();
    this.asking = new AbortController();
  }

  // Fetches what is in view again; the rest is fetched again once it comes into view.
  refresh(): Promise<void> {
    return this.load(this.inView(), false);
  }

  // One request at a time, then the rows that are in view by then: a scroll passes many rows.
  private async fill(): Promise<void> {
    const missing = (): number[] => this.inView().filter((page) => this.old.has(page) || !this.pages.has(page));
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
    const { signal } = this.asking;
    const answers = Promise.all(pages.map((page) => this.fetch(this.question, page * PAGE_ROWS, signal)));
    const replies = await answers.catch((error: unknown) => {
      if (signal.aborted) {
        return [];
      }
      throw error;
    });
    if (asked !== this.asked) {
      return;
    }
    if (!keep) {
      this.age();
    }
    replies.forEach((reply, place) => {
      this.total = reply.total;
      this.journal = reply.journal;
      this.old.delete(pages[place]!);
      this.pages.set(pages[place]!, reply.rows.map((row) => named<T>(reply.columns, row)));
    });
    this.changed();
  }

  // The newest ones stay for now.
  private age(): void {
    const gone = [...this.pages.keys()].slice(0, this.other ? undefined : -KEPT);
    gone.forEach((page) => this.pages.delete(page));
    this.other = false;
    this.old.clear();
    [...this.pages.keys()].forEach((page) => this.old.add(page));
  }
}

// A row as an object.
export function named<T>(columns: string[], row: Page["rows"][number]): T {
  return Object.fromEntries(columns.map((name, place) => [name, row[place]])) as T;
}
