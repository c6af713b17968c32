// How far the tasks are: in a bar, in words, and now and then aloud.

import { make, setText } from "./dom";
import { TaskRows, URGENCY } from "./task_rows";

const QUIET_MS = 10_000; // between two announcements, unless something failed

export class Summary {
  private readonly bar = make("progress", { "aria-label": "Tasks that have ended" });
  private readonly words = make("span", { class: "gc-words" });
  private readonly live = make("span", { class: "gc-hidden", role: "status", "aria-live": "polite" });
  readonly element = make("div", { class: "gc-summary" }, this.bar, this.words, this.live);
  private said = { at: 0, failed: 0 };

  constructor(private readonly rows: TaskRows) {}

  draw(now = Date.now()): void {
    const { size, done } = this.rows;
    this.bar.max = Math.max(1, size);
    this.bar.value = done;
    const counts = URGENCY.map((state) => [state, this.rows.count(state)] as const);
    const parts = counts.filter(([, count]) => count > 0);
    setText(
      this.words,
      [
        `${done.toLocaleString("en")} of ${size.toLocaleString("en")} done`,
        ...parts.map(([state, count]) => `${count.toLocaleString("en")} ${state}`),
      ].join(" · "),
    );
    const failed = this.rows.count("failed");
    const finished = size > 0 && done === size;
    if (failed > this.said.failed || finished || now - this.said.at >= QUIET_MS) {
      // a burst of failures is one announcement
      if (now - this.said.at >= 1000 || finished) {
        this.said = { at: now, failed };
        setText(this.live, `${done} of ${size} tasks done${failed ? `, ${failed} failed` : ""}`);
      }
    }
  }
}
