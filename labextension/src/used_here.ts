// The default endpoint of a notebook's cells, from its kernel.

import { NotebookActions, NotebookPanel } from "@jupyterlab/notebook";
import { KernelMessage } from "@jupyterlab/services";
import { Signal } from "@lumino/signaling";

import { Here } from "./messages";

const ASK = "getattr(get_ipython().magics_manager.registry.get('GCMagics'), 'here', None)";
const IS_PYTHON = /^(i?python|sage)/i;
const MAY_CHANGE_IT = /%gc\s+use|%config\b|gc_jupyter|default_endpoint/;

// Why magics can't run in a notebook; empty if they can.
export function whyNoMagics(panel: NotebookPanel): string {
  const { session, specsManager } = panel.sessionContext;
  if (!session?.kernel) {
    return `${panel.title.label} has no kernel: choose one first.`;
  }
  const language = specsManager.specs?.kernelspecs[session.kernel.name]?.language ?? "python";
  return IS_PYTHON.test(language) ? "" : `The kernel of ${panel.title.label} runs ${language}: %%gcrun needs a Python kernel.`;
}

export class UsedHere {
  endpoint = ""; // empty if the settings decide
  readonly changed = new Signal<this, void>(this);

  constructor(private readonly panel: NotebookPanel) {
    const { sessionContext } = panel;
    const onExecuted: Parameters<typeof NotebookActions.executed.connect>[0] = (_, { notebook, cell }) => {
      if (notebook === panel.content && MAY_CHANGE_IT.test(cell.model.sharedModel.getSource())) {
        void this.ask();
      }
    };
    NotebookActions.executed.connect(onExecuted);
    panel.disposed.connect(() => NotebookActions.executed.disconnect(onExecuted));
    sessionContext.kernelChanged.connect(() => void this.ask());
    sessionContext.statusChanged.connect((_, status) => {
      if (status === "restarting" || status === "autorestarting") {
        this.set("");
      }
    });
    void sessionContext.ready.then(() => this.ask());
  }

  // A busy kernel answers after its running cells.
  private async ask(): Promise<void> {
    const kernel = this.panel.sessionContext.session?.kernel;
    const isOther = kernel != null && whyNoMagics(this.panel) !== "";
    this.panel.toggleClass("gc-other-language", isOther); // which has nothing to choose from
    if (!kernel || isOther) {
      this.set("");
      return;
    }
    const request = { code: "", silent: true, store_history: false, user_expressions: { here: ASK } };
    try {
      const reply = await kernel.requestExecute(request).done;
      this.set(read(reply));
    } catch {
      this.set(""); // the kernel has ended
    }
  }

  private set(endpoint: string): void {
    if (endpoint !== this.endpoint && !this.panel.isDisposed) {
      this.endpoint = endpoint;
      this.changed.emit();
    }
  }
}

function read(reply: KernelMessage.IExecuteReplyMsg): string {
  const content = reply.content as { user_expressions?: { here?: { data?: Record<string, unknown> } } };
  const here = content.user_expressions?.here?.data?.["application/json"] as Partial<Here> | undefined;
  return typeof here?.endpoint === "string" ? here.endpoint : "";
}
