// The widget state that a notebook brings with it. ipywidgets restores it as soon as there is a kernel,
// and restoring runs what it holds: anywidget's `_esm`, or a handler in the HTML of a label. Outputs of
// an untrusted notebook run nothing; so its state is kept from ipywidgets until the notebook is trusted.

import { ICodeCellModel } from "@jupyterlab/cells";
import { INotebookModel } from "@jupyterlab/notebook";
import { UUID } from "@lumino/coreutils";

import { VIEW } from "./output_texts";

export const STATE = "application/vnd.jupyter.widget-state+json";

// What stands in for the state meanwhile: one model of a class of ours, which is handed the manager.
export const WAITING = {
  model_module: "gc-jupyter-saved-state",
  model_module_version: "1.0.0",
  model_name: "Waiting",
};

interface State {
  state: Record<string, unknown>;
}

type Metadata = Record<string, State | undefined>;

// What is used of ipywidgets' manager.
export interface Manager {
  has_model(id: string): boolean;
  set_state(state: State): Promise<unknown>;
}

export class SavedState {
  // of the model that stands in
  readonly id = UUID.uuid4();
  private readonly read: (key: string) => unknown;
  private manager: Manager | null = null;
  private restoring: Promise<void> | null = null;

  // `canWait`: whether ipywidgets knows the class of the model that stands in
  constructor(
    private readonly notebook: INotebookModel,
    private readonly canWait: () => boolean,
  ) {
    this.read = notebook.getMetadata.bind(notebook);
    // What is saved comes from the shared model, which isn't touched: nothing is lost.
    notebook.getMetadata = (key) => (key === "widgets" ? this.answer() : this.read(key));
  }

  // ipywidgets has met the model that stands in
  found(manager: Manager): void {
    this.manager = manager;
  }

  // Have what was kept back restored, where the notebook is trusted by now; at most once.
  async restored(): Promise<void> {
    await null; // cells come to be trusted one after the other
    const { manager } = this;
    const saved = this.saved();
    if (manager && saved && this.trusted(saved)) {
      this.restoring ??= restore(manager, saved);
    }
    await this.restoring;
  }

  private saved(): State | null {
    const state = (this.read("widgets") as Metadata | undefined)?.[STATE];
    return state?.state ? state : null;
  }

  private answer(): unknown {
    const saved = this.saved();
    if (!saved || this.trusted(saved)) {
      return this.read("widgets");
    }
    if (!this.canWait()) {
      return undefined;
    }
    const state = { [this.id]: { ...WAITING, state: {} } };
    return { [STATE]: { version_major: 2, version_minor: 0, state } };
  }

  // Only code cells have a trust of their own, and one that the user has added, emptied or run is
  // trusted too. What counts is an output that shows something of this state, in a trusted cell: the
  // user has trusted what was saved, here or when it was signed.
  private trusted({ state }: State): boolean {
    let shown = false;
    for (const cell of this.notebook.cells) {
      if (cell.type === "code") {
        if (!cell.trusted) {
          return false;
        }
        shown ||= shows(cell as ICodeCellModel, new Set(Object.keys(state)));
      }
    }
    return shown;
  }
}

function shows(cell: ICodeCellModel, ids: Set<string>): boolean {
  for (let index = 0; index < cell.outputs.length; index++) {
    const view = cell.outputs.get(index).data[VIEW] as { model_id?: string } | undefined;
    if (view?.model_id !== undefined && ids.has(view.model_id)) {
      return true;
    }
  }
  return false;
}

async function restore(manager: Manager, saved: State): Promise<void> {
  const gone = Object.entries(saved.state).filter(([id]) => !manager.has_model(id));
  try {
    await manager.set_state({ ...saved, state: Object.fromEntries(gone) });
  } catch (error) {
    console.error(error); // the outputs say that there is no model
  }
}
