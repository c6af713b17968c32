// The number of open tasks in the status bar. A click shows them.

import { Signal } from "@lumino/signaling";

import { make, setText } from "../widgets/src/dom";
import { Store } from "./store";

export class StatusItem {
  private readonly button = make("button", { type: "button", class: "gc-status" });
  readonly element = this.button;
  readonly activeChanged = new Signal<this, void>(this);

  constructor(
    private readonly store: Store,
    show: () => void,
  ) {
    this.button.addEventListener("click", show);
    store.changed.connect(this.draw, this);
    this.draw();
  }

  // Without the server half the number is unknown.
  get active(): boolean {
    return this.store.status !== null;
  }

  private draw(): void {
    const open = this.store.status?.open ?? 0;
    const many = open === 1 ? "1 open task" : `${open.toLocaleString("en")} open tasks`;
    setText(this.button, `Globus Compute: ${many}`);
    this.button.title = "Open the page of the runs of all kernels";
    this.activeChanged.emit();
  }
}
