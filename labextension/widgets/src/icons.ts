// One shape for each state, told apart without colour.

import { svg } from "./dom";
import { State } from "./task_rows";

const RING = "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 1.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z";
const DISC = "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z";

export const PATHS: Record<State, string> = {
  unsent: RING,
  "waiting for request limit": `${RING}M6 5.5h1.4v5H6zM8.6 5.5H10v5H8.6z`,
  "not confirmed": `${RING}M7.3 11.5V7.2H5.6L8 4.5l2.4 2.7H8.7v4.3z`,
  "waiting for endpoint": `${RING}M8 4.5a3.5 3.5 0 0 1 3.5 3.5H8z`,
  "endpoint offline": `${RING}M7.2 5h1.6v4H7.2zM7.2 10h1.6v1.5H7.2z`,
  "waiting for nodes": `${RING}M8 4.5a3.5 3.5 0 0 1 0 7z`,
  "waiting for a worker": `${RING}M8 4.5a3.5 3.5 0 0 1 0 7z`,
  running: "M4.5 2.2v11.6L13.5 8z",
  success: "M6.4 13 1.6 8.2l1.5-1.5 3.3 3.3 6.5-6.6 1.5 1.5z",
  failed: "M8 6.5 11.9 2.6l1.5 1.5L9.5 8l3.9 3.9-1.5 1.5L8 9.5l-3.9 3.9-1.5-1.5L6.5 8 2.6 4.1l1.5-1.5z",
  cancelled: `${DISC}M4 7h8v2H4z`,
};

// Changes an icon only where its state does.
export class StateIcon {
  readonly element = svg("");
  private state: State | "" = "";

  show(state: State): void {
    if (state !== this.state) {
      this.state = state;
      this.element.setAttribute("class", `gc-icon gc-${state.replace(/ /g, "-")}`);
      this.element.firstElementChild!.setAttribute("d", PATHS[state]);
    }
  }
}
