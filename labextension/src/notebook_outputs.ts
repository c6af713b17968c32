// The saved form of widgets in a notebook. It is seconds old while they live, and final when they have
// ended. If their kernel has ended before, a line says so.

import { NotebookActions, NotebookPanel } from "@jupyterlab/notebook";
import { Kernel, KernelMessage } from "@jupyterlab/services";

import { LASTING_VIEW, OutputMark, OutputNow, OUTPUTS_TARGET, SAVED } from "../widgets/src/messages";
import { asHtml, asOf, VIEW } from "./output_texts";

const OVER: readonly Kernel.Status[] = ["dead", "restarting", "autorestarting", "terminating"];

// An output of this package and its place.
interface Place {
  set(data: Bundle, mark: OutputMark): void;
  data: Bundle;
  mark: OutputMark;
}
type Bundle = Record<string, unknown>;

// Follows one notebook while it is open.
export class NotebookOutputs {
  // Outputs of which this page has received every change.
  private readonly followed = new Set<string>();

  constructor(private readonly panel: NotebookPanel) {
    const { sessionContext, context } = panel;
    sessionContext.iopubMessage.connect((_, message) => this.heard(message));
    sessionContext.statusChanged.connect((_, status) => this.onStatus(status));
    sessionContext.kernelChanged.connect((_, { oldValue, newValue }) => {
      if (oldValue && !newValue) {
        this.kernelEnded(); // it was shut down
      }
      this.ask();
    });
    sessionContext.connectionStatusChanged.connect((_, status) => {
      if (status === "connected") {
        this.followed.clear(); // changes were missed meanwhile
        this.ask();
      }
    });
    context.saveState.connect((_, state) => {
      if (state === "started") {
        this.date();
      }
    });
    void Promise.all([context.ready, sessionContext.ready]).then(() => this.ask());
  }

  // A kernel shows an output. JupyterLab knows its place until the page is reloaded.
  private heard(message: KernelMessage.IMessage): void {
    const update = KernelMessage.isUpdateDisplayDataMsg(message);
    if (!update && !KernelMessage.isDisplayDataMsg(message)) {
      return;
    }
    const { data, metadata, transient } = message.content;
    const { output } = (metadata?.gc_jupyter ?? {}) as OutputMark;
    if (!output || (transient?.display_id !== output && transient?.display_id !== output + SAVED)) {
      return;
    }
    this.followed.add(output);
    if (update && (metadata.gc_jupyter as OutputMark).again) {
      this.runAgain(output);
    } else if (update) {
      this.places((mark) => mark.output === output).forEach((place) =>
        show(place, { data, metadata } as OutputNow),
      );
    }
  }

  // The cell has waited for a sign-in.
  private runAgain(output: string): void {
    const { content, sessionContext } = this.panel;
    const cell = content.widgets.find(({ model }) =>
      outputsOf(model).some(({ metadata }) => (metadata.gc_jupyter as OutputMark | undefined)?.output === output),
    );
    if (cell && document.visibilityState === "visible") {
      void NotebookActions.runCells(content, [cell], sessionContext);
    }
  }

  private onStatus(status: Kernel.Status): void {
    if (OVER.includes(status)) {
      this.kernelEnded();
    } else if (status === "idle") {
      this.ask(); // a kernel that has just been started may have been busy until now
    }
  }

  // After a reload, ask for the changes of the meantime. If the kernel doesn't know an output, another
// kernel made it.
  private ask(): void {
    const kernel = this.panel.sessionContext.session?.kernel ?? null;
    const places = this.live().filter((place) => !this.followed.has(place.mark.output!));
    if (!kernel || places.length === 0 || OVER.includes(kernel.status)) {
      return;
    }
    places.forEach((place) => this.followed.add(place.mark.output!));
    let answered = false;
    const answer = (known: Record<string, OutputNow>): void => {
      answered = true;
      places.forEach((place) => {
        const now = known[place.mark.output!];
        now ? show(place, now) : end(place);
      });
    };
    const comm = kernel.createComm(OUTPUTS_TARGET);
    comm.onMsg = ({ content }) => {
      answer((content.data.outputs ?? {}) as unknown as Record<string, OutputNow>);
      comm.close();
    };
    comm.onClose = () => {
      if (!answered) {
        answer({}); // it has no gc_jupyter
      }
    };
    comm.open({ outputs: places.map((place) => place.mark.output!) });
  }

  private kernelEnded(): void {
    this.followed.clear();
    this.live().forEach(end);
    this.places(() => true).forEach((place) => {
      if (LASTING_VIEW in place.data) {
        const { [LASTING_VIEW]: _, ...data } = place.data;
        place.set(data, place.mark);
      }
    });
  }

  // No change has come since, so the saved form is up to date.
  private date(): void {
    if (this.panel.sessionContext.session?.kernel?.connectionStatus !== "connected") {
      return;
    }
    const now = asOf(Date.now());
    this.live().forEach((place) => {
      const then = place.mark.as_of;
      if (then && then !== now) {
        const texts = Object.entries(place.data).map(([mime, text]) => [
          mime,
          typeof text === "string" ? text.replace(then, now) : text,
        ]);
        place.set(Object.fromEntries(texts), { ...place.mark, as_of: now });
      }
    });
  }

  private live(): Place[] {
    return this.places((mark) => mark.live === true && mark.output !== undefined);
  }

  private places(wanted: (mark: OutputMark) => boolean): Place[] {
    const found: Place[] = [];
    for (const cell of this.panel.content.model?.cells ?? []) {
      const { outputs } = cell as { outputs?: Outputs };
      for (let index = 0; outputs && index < outputs.length; index++) {
        const model = outputs.get(index);
        const mark = model.metadata.gc_jupyter as OutputMark | undefined;
        if (mark && wanted(mark)) {
          found.push({
            data: model.data,
            mark,
            set: (data, changed) => {
              if (outputs.get(index) === model) {
                const metadata = { ...model.metadata, gc_jupyter: changed };
                outputs.set(index, { output_type: "display_data", data, metadata });
              }
            },
          });
        }
      }
    }
    return found;
  }
}

function outputsOf(cell: unknown): { metadata: Bundle }[] {
  const { outputs } = cell as { outputs?: Outputs };
  return Array.from({ length: outputs?.length ?? 0 }, (_, index) => outputs!.get(index));
}

// The part of a code cell's outputs that is used here.
interface Outputs {
  length: number;
  get(index: number): { data: Bundle; metadata: Bundle };
  set(index: number, value: any): void;
}

// A live output keeps its widget, which draws itself.
function show(place: Place, { data, metadata }: OutputNow): void {
  const mark = metadata.gc_jupyter as OutputMark;
  const { [VIEW]: view, [LASTING_VIEW]: lasting } = place.data;
  const views = { ...(view ? { [VIEW]: view } : {}), ...(lasting ? { [LASTING_VIEW]: lasting } : {}) };
  const all = mark.live ? { ...data, ...views } : data;
  if (JSON.stringify([all, mark]) !== JSON.stringify([place.data, place.mark])) {
    place.set(all, mark);
  }
}

// The kernel has ended before the output: the output stays as it was, and a line says so.
function end(place: Place): void {
  const { [VIEW]: _, [LASTING_VIEW]: ___, ...data } = place.data;
  const { ended, live: __, ...mark } = place.mark;
  if (ended) {
    data["text/html"] = `${String(data["text/html"])}${asHtml(ended)}`;
    data["text/plain"] = `${String(data["text/plain"])}\n${ended}`;
  }
  place.set(data, { ...mark, live: false });
}
