// How far the tasks are: in a bar, in words, how long it takes, and now and then aloud.

import { make, setText } from "./dom";
import { duration } from "./durations";
import { counted } from "./headline";
import { FIELD } from "./messages";
import { TaskRows } from "./task_rows";

const QUIET_MS = 10_000; // between two announcements, unless something failed
const WINDOW_MS = 60_000; // that the rate is taken from
const SURE = { tasks: 3, ms: 2000 }; // before which a rate is a guess

export class Summary {
  private readonly bar = make("progress", { "aria-label": "Tasks that have ended" });
  private readonly words = make("span", { class: "gc-words" });
  private readonly pace = make("span", { class: "gc-pace" });
  readonly element = make("div", { class: "gc-summary" }, this.bar, this.words, this.pace);
  // Apart from the rest, which is hidden at the end.
  readonly live = make("span", { class: "gc-hidden", role: "status", "aria-live": "polite" });
  private said = { at: 0, failed: 0 };
  private seen: { at: number; done: number }[] = []; // times as rows count them

  constructor(private readonly rows: TaskRows) {}

  draw(now = Date.now()): void {
    const { size, done } = this.rows;
    this.bar.max = Math.max(1, size);
    this.bar.value = done;
    setText(
      this.words,
      [`${done.toLocaleString("en")} of ${size.toLocaleString("en")} ended`, ...counted(this.rows)].join(" · "),
    );
    this.drawPace();
    const failed = this.rows.count("failed");
    const finished = size > 0 && done === size;
    if (size > 0 && (failed > this.said.failed || finished || now - this.said.at >= QUIET_MS)) {
      // a burst of failures is one announcement
      if (now - this.said.at >= 1000 || finished) {
        this.said = { at: now, failed };
        setText(this.live, `${done} of ${size} tasks ended${failed ? `, ${failed} failed` : ""}`);
      }
    }
  }

  // Elapsed, and of many tasks the rate of late, and what it leads to.
  drawPace(): void {
    const { size, done } = this.rows;
    const began = this.rows.row(0)?.[FIELD.submitted] ?? null;
    if (began === null) {
      setText(this.pace, "");
      return;
    }
    const now = this.rows.now();
    this.seen = this.seen.filter(({ done: then }) => then <= done); // tasks were run again
    if ((this.seen[this.seen.length - 1]?.done ?? -1) < done) {
      this.seen.push({ at: now, done });
    }
    while (this.seen.length > 2 && now - this.seen[1]!.at > WINDOW_MS) {
      this.seen.shift();
    }
    const elapsed = Math.max(0, now - began);
    const first = this.seen.length > 1 ? this.seen[0]! : { at: began, done: 0 };
    const [ended, time] = [done - first.done, now - first.at];
    const parts = [duration(elapsed / 1000)];
    if (done < size && ended >= SURE.tasks && time >= SURE.ms) {
      const left = ((size - done) * time) / ended;
      parts.push(rate(ended / (time / 1000)), `about ${roughly(left / 1000)} left of ${roughly((elapsed + left) / 1000)}`);
    }
    setText(this.pace, parts.join(" · "));
  }
}

function rate(perSecond: number): string {
  const [number, unit] = perSecond >= 0.5 ? [perSecond, "s"] : perSecond >= 0.01 ? [60 * perSecond, "min"] : [3600 * perSecond, "h"];
  return `${number >= 9.5 ? Math.round(number).toLocaleString("en") : number.toFixed(1)} per ${unit}`;
}

// No tenths of what is a guess.
function roughly(seconds: number): string {
  return seconds < 59.5 ? `${Math.max(1, Math.round(seconds))} s` : duration(seconds);
}
