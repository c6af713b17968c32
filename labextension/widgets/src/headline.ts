// All that most people want to know of tasks that have ended, in a line that unfolds into the table.

import { make, setText } from "./dom";
import { duration } from "./durations";
import { StateIcon } from "./icons";
import { Listeners } from "./model";
import { FIELD } from "./messages";
import { TaskRows, URGENCY } from "./task_rows";

const OWN_TITLES = ["Tasks", "Task"]; // nobody has named them

const plural = (count: number): string => `${count.toLocaleString("en")} ${count === 1 ? "task" : "tasks"}`;

// headline.py writes the same.
export function headline(rows: TaskRows, title: string): string {
  const [failed, cancelled] = [rows.count("failed"), rows.count("cancelled")];
  const what = failed
    ? `${failed.toLocaleString("en")} of ${plural(rows.size)} failed`
    : plural(rows.size);
  const named = OWN_TITLES.includes(title) ? what : `${title}: ${what}`;
  const endpoints = rows.endpoints();
  return [
    cancelled ? `${named}, ${cancelled.toLocaleString("en")} cancelled` : named,
    duration(wholeSeconds(rows)),
    endpoints.length > 1 ? `${endpoints.length} endpoints` : (endpoints[0] ?? ""),
  ]
    .filter(Boolean)
    .join(" · ");
}

// How many are in which state, most urgent first.
export function counted(rows: TaskRows): string[] {
  const counts = URGENCY.map((state) => [state, rows.count(state)] as const);
  return counts.filter(([, count]) => count > 0).map(([state, count]) => `${count.toLocaleString("en")} ${state}`);
}

// From the first submission to the last end.
function wholeSeconds(rows: TaskRows): number | null {
  let [from, to] = [Infinity, -Infinity];
  for (const row of rows.all()) {
    if (row) {
      from = Math.min(from, row[FIELD.submitted] ?? Infinity);
      to = Math.max(to, row[FIELD.ended] ?? -Infinity);
    }
  }
  return from < to ? (to - from) / 1000 : null;
}

export class Headline {
  private readonly icon = new StateIcon();
  private readonly words = make("span");
  readonly element = make(
    "button",
    { type: "button", class: "gc-headline", hidden: true, "aria-expanded": "true" },
    this.icon.element,
    this.words,
  );

  // `fold` is told whether the table is to be hidden.
  constructor(
    private readonly rows: TaskRows,
    private readonly fold: (folded: boolean) => void,
    listeners: Listeners,
  ) {
    listeners.listen(this.element, "click", () => this.setFolded(!this.folded));
  }

  get folded(): boolean {
    return this.element.getAttribute("aria-expanded") === "false";
  }

  setFolded(folded: boolean): void {
    this.element.setAttribute("aria-expanded", String(!folded));
    this.fold(folded);
  }

  draw(title: string): void {
    const state = (["failed", "cancelled"] as const).find((one) => this.rows.count(one) > 0);
    this.icon.show(state ?? "success");
    setText(this.words, headline(this.rows, title));
  }
}
