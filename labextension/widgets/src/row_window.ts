// The rows in view, of any number: only these have elements, and a row that stays keeps its own.

import { make } from "./dom";
import { Listeners } from "./model";

const MARGIN = 4; // rows above and below the view

// A row's elements; they are reused for whichever row comes into view.
export interface WindowRow {
  readonly element: HTMLTableRowElement;
  readonly open: HTMLElement; // what takes the focus
  index: number; // of the row that it stands for
}

// How rows are made and shown: `place` is the row's in the order.
export interface RowKind<R extends WindowRow> {
  columns: number;
  make(): R;
  show(row: R, index: number, place: number): void;
  drawn?(rows: readonly R[]): void; // these are in view now
}

export class RowWindow<R extends WindowRow> {
  private order: Int32Array = new Int32Array(0);
  private first = 0; // place in the order of the first row that has elements
  private readonly shown: R[] = []; // from there on
  private readonly spare: R[] = [];
  private readonly above: HTMLElement;
  private readonly below: HTMLElement;
  private readonly body = make("tbody");
  private height = 28; // of a row, in pixels; measured once there is one
  private view = 0; // pixels; JupyterLab takes a cell out and puts it back, and no observer sees that
  private active = 0; // the place that the keyboard is at
  private frame = 0;

  constructor(
    private readonly kind: RowKind<R>,
    private readonly scroller: HTMLElement,
    private readonly table: HTMLTableElement,
    private readonly opened: (index: number) => void,
    listeners: Listeners,
  ) {
    this.above = make("td", { colspan: kind.columns });
    this.below = make("td", { colspan: kind.columns });
    const spacer = (cell: HTMLElement): HTMLElement =>
      make("tbody", { class: "gc-space", "aria-hidden": true }, make("tr", {}, cell));
    table.append(spacer(this.above), this.body, spacer(this.below));
    listeners.listen(scroller, "scroll", () => this.later());
    listeners.listen(this.body, "click", (event) => this.onClick(event));
    listeners.listen(scroller, "keydown", (event) => this.onKey(event));
    const resized = new ResizeObserver(() => this.later());
    resized.observe(scroller);
    listeners.add(() => resized.disconnect());
    listeners.add(() => cancelAnimationFrame(this.frame));
  }

  arrange(order: Int32Array): void {
    this.order = order;
    this.table.setAttribute("aria-rowcount", String(order.length + 1));
    this.draw();
  }

  // Draws with the browser's next frame, once, however often it is called.
  later(): void {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }
  }

  draw(): void {
    const count = this.order.length;
    this.active = Math.min(this.active, Math.max(0, count - 1));
    const top = this.scroller.scrollTop;
    const first = Math.max(0, Math.min(count, Math.floor(top / this.height)) - MARGIN);
    this.view = this.scroller.clientHeight || this.view;
    const last = Math.min(count, first + Math.ceil(this.view / this.height) + 2 * MARGIN);
    this.move(first, last);
    this.shown.forEach((row, offset) => {
      const place = first + offset;
      row.index = this.order[place]!;
      this.kind.show(row, row.index, place);
      row.open.tabIndex = place === this.active ? 0 : -1;
    });
    this.kind.drawn?.(this.shown);
    this.above.style.height = `${first * this.height}px`;
    this.below.style.height = `${(count - last) * this.height}px`;
    this.measure();
  }

  // Elements for the places from `first` to before `last`. Rows that stay in view keep theirs, and
  // with them the focus; when the focused one leaves the view, the focus stays in the table.
  private move(first: number, last: number): void {
    const focused = this.shown.findIndex((row) => row.element.contains(document.activeElement));
    const place = this.first + focused;
    if (first >= this.first + this.shown.length || last <= this.first) {
      this.first = first; // far away: every element stands for another row
    }
    for (; this.first < first; this.first++) {
      this.drop(this.shown.shift()!);
    }
    while (this.first + this.shown.length > last) {
      this.drop(this.shown.pop()!);
    }
    for (; this.first > first; this.first--) {
      this.shown.unshift(this.add(this.body.firstElementChild));
    }
    while (this.first + this.shown.length < last) {
      this.shown.push(this.add(null));
    }
    if (focused >= 0 && (place < first || place >= last)) {
      this.scroller.focus({ preventScroll: true });
    }
  }

  private add(before: Element | null): R {
    const row = this.spare.pop() ?? this.kind.make();
    this.body.insertBefore(row.element, before);
    return row;
  }

  private drop(row: R): void {
    row.element.remove();
    this.spare.push(row);
  }

  private measure(): void {
    const height = this.shown[0]?.element.offsetHeight ?? 0;
    if (height > 0 && Math.abs(height - this.height) > 0.5) {
      this.height = height;
      this.later();
    }
  }

  private onClick(event: MouseEvent): void {
    const offset = this.shown.findIndex((row) => row.element.contains(event.target as Node));
    if (offset >= 0) {
      this.active = this.first + offset;
      this.draw();
      this.opened(this.shown[offset]!.index);
    }
  }

  private onKey(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.height) - 2);
    const last = this.order.length - 1;
    const steps: Record<string, number> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: last,
    };
    const target = steps[event.key];
    const inHead = (event.target as Element).closest("thead") !== null;
    if (target === undefined || last < 0 || inHead || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own use for arrows
    // from the scroller itself, when the row that had the focus has left the view
    const lost = event.target === this.scroller && !this.shown[this.active - this.first];
    this.focus(lost ? Math.floor(this.scroller.scrollTop / this.height) : target);
  }

  // Puts the focus on a row, and the row into view.
  focus(place: number): void {
    this.active = Math.max(0, Math.min(place, this.order.length - 1));
    const head = this.table.tHead?.offsetHeight ?? 0;
    const top = this.active * this.height;
    const room = this.scroller.clientHeight - head - this.height;
    if (top < this.scroller.scrollTop) {
      this.scroller.scrollTop = top;
    } else if (top > this.scroller.scrollTop + room) {
      this.scroller.scrollTop = top - room;
    }
    this.draw();
    this.shown[this.active - this.first]?.open.focus({ preventScroll: true });
  }

  // The button of a task's row, where it is in view.
  button(index: number): HTMLElement | undefined {
    return this.shown.find((row) => row.index === index)?.open;
  }

  focusActive(): void {
    this.focus(this.active);
  }
}
