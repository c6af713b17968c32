// Finds the runs that have ended since the last look and took so long that the user may have turned away.

import { duration } from "../widgets/src/durations";
import { Run } from "./messages";
import { fileName } from "./paths";
import type { Options } from "./options";
import { named } from "./pages";
import { count, titleOf } from "./run_item";
import type { Server } from "./server";
import { Store } from "./store";

// A cell that sends its tasks one after another has no open task in between.
export const QUIET_MS = 2000;

export class EndedRuns {
  private open = new Set<string>();
  private readonly waiting = new Map<string, number>(); // those that have ended, with their timers

  constructor(private readonly tell: (run: Run) => void) {}

  // The newest runs. Reports each run that was open before and stays ended, if it took `least` seconds.
  look(runs: Run[], least: number): void {
    const before = this.open;
    this.open = new Set(runs.filter((run) => run.open > 0).map((run) => run.run));
    for (const run of runs) {
      if (this.open.has(run.run)) {
        this.drop(run.run);
      } else if (before.has(run.run) && (run.ended_at ?? Date.now() / 1000) - run.submitted_at >= least) {
        this.drop(run.run);
        this.waiting.set(run.run, window.setTimeout(() => this.end(run), QUIET_MS));
      }
    }
  }

  forget(): void {
    this.open.clear();
    [...this.waiting.keys()].forEach((run) => this.drop(run));
  }

  private end(run: Run): void {
    this.waiting.delete(run.run);
    this.tell(run);
  }

  private drop(run: string): void {
    window.clearTimeout(this.waiting.get(run));
    this.waiting.delete(run);
  }
}

// Looks at the newest runs at each change, while notices are switched on.
export class Notices {
  private readonly ended: EndedRuns;

  constructor(
    private readonly store: Store,
    private readonly server: Pick<Server, "runs">,
    private readonly options: Pick<Options, "notifyAfter">,
    tell: (run: Run) => void,
  ) {
    this.ended = new EndedRuns(tell);
  }

  follow(wanted: boolean): void {
    this.store.need("notices", wanted ? () => this.look() : null);
    if (!wanted) {
      this.ended.forget();
    }
  }

  private async look(): Promise<void> {
    const { columns, rows } = await this.server.runs({ text: "", state: "", run: "" }, 0);
    this.ended.look(rows.map((row) => named<Run>(columns, row)), this.options.notifyAfter);
  }
}

// "throw darts: 2 of 30 tasks failed, 3 cancelled, after 4 min 05 s, in sweep.ipynb"
export function sentence(run: Run): string {
  const tasks = run.tasks === 1 ? "" : `${count(run.tasks)} tasks `;
  const some = (part: number): string => (part < run.tasks ? `${count(part)} of ${tasks}` : tasks);
  const cancelled = run.cancelled > 0 ? `, ${count(run.cancelled)} cancelled` : "";
  const outcome =
    run.failed > 0
      ? `${some(run.failed)}failed${cancelled}`
      : run.cancelled > 0
        ? `${some(run.cancelled)}cancelled`
        : `${tasks}done`;
  const after = run.ended_at === null ? "" : `, after ${duration(run.ended_at - run.submitted_at)}`;
  const where = run.notebook ? `, in ${fileName(run.notebook)}` : "";
  return `${titleOf(run)}: ${outcome}${after}${where}`;
}
