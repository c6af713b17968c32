// Widgets that were saved in a notebook. Those of an untrusted notebook wait until it is trusted. Where
// the kernel of the others is gone, ipywidgets says "model not found", whatever else the output holds;
// where it holds static HTML, as this package's do, that is shown instead. And widgets that are there
// already: an output that changes beside its widget isn't drawn anew, and a lasting one is drawn by it
// for as long as the kernel has it, though what is saved has no view.

import { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookModel, INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { Panel } from "@lumino/widgets";

import { LASTING_VIEW } from "../widgets/src/messages";
import { VIEW } from "./output_texts";
import { Manager, SavedState, WAITING } from "./saved_state";

const HTML = "text/html";
const BEFORE_VIEWS = -20; // the rank of ipywidgets' own is -10
const NOT_FOUND = "Error displaying widget: model not found";

// A plugin of its own: it holds whatever becomes of the panels, and can be switched off alone.
export const savedWidgets: JupyterFrontEndPlugin<void> = {
  id: "gc-jupyter:saved-widgets",
  description: "Keeps back the saved widgets of untrusted notebooks, and shows static ones.",
  autoStart: true,
  optional: [INotebookTracker],
  activate,
};

async function activate(app: JupyterFrontEnd, tracker: INotebookTracker | null): Promise<void> {
  if (tracker === null) {
    return; // Voilà's page has outputs, and no notebook
  }
  const states = new WeakMap<INotebookModel, SavedState>();
  let canWait = false;
  const add = (panel: NotebookPanel): void => {
    const notebook = panel.context.model;
    let state = states.get(notebook);
    if (!state) {
      state = new SavedState(notebook, () => canWait);
      states.set(notebook, state);
    }
    coverRenderers(panel.content.rendermime, state);
  };
  tracker.forEach(add);
  tracker.widgetAdded.connect((_, panel) => add(panel));
  canWait = await registerWaiting(app, (id, manager) => {
    tracker.forEach(({ context }) => {
      const state = states.get(context.model);
      if (state?.id === id) {
        state.found(manager);
      }
    });
  });
}

// Tell ipywidgets of the class of the models that stand in; false where there is no ipywidgets.
async function registerWaiting(
  app: JupyterFrontEnd,
  found: (id: string, manager: Manager) => void,
): Promise<boolean> {
  try {
    // loaded here, so that all else works without it
    const { IJupyterWidgetRegistry, WidgetModel } = await import("@jupyter-widgets/base");
    class Waiting extends WidgetModel {
      override initialize(...given: Parameters<InstanceType<typeof WidgetModel>["initialize"]>): void {
        super.initialize(...given);
        found(this.model_id, this.widget_manager as unknown as Manager);
      }
    }
    const registry = await app.resolveOptionalService(IJupyterWidgetRegistry);
    registry?.registerWidget({
      name: WAITING.model_module,
      version: WAITING.model_module_version,
      exports: { [WAITING.model_name]: Waiting },
    });
    return registry !== null;
  } catch {
    return false;
  }
}

// ipywidgets adds its factory anew for each kernel: what is added from here on is covered too.
function coverRenderers(rendermime: IRenderMimeRegistry, state: SavedState): void {
  const add = rendermime.addFactory.bind(rendermime);
  rendermime.addFactory = (factory, rank) =>
    add(factory.mimeTypes.includes(VIEW) ? covered(factory, rendermime, state) : factory, rank);
  const waiting = rendermime.getFactory(VIEW);
  if (waiting) {
    const rank = rendermime.getRank(VIEW);
    rendermime.removeMimeType(VIEW);
    rendermime.addFactory(waiting, rank);
  }
  rendermime.addFactory(lasting(rendermime), BEFORE_VIEWS);
}

// Draws what lasts by ipywidgets' own renderer. Not in an untrusted notebook: its HTML is drawn.
function lasting(rendermime: IRenderMimeRegistry): IRenderMime.IRendererFactory {
  const createRenderer = (options: IRenderMime.IRendererOptions): IRenderMime.IRenderer => {
    const factory = rendermime.getFactory(VIEW);
    if (!factory) {
      return rendermime.createRenderer(HTML);
    }
    const renderer = factory.createRenderer({ ...options, mimeType: VIEW });
    const render = renderer.renderModel.bind(renderer);
    renderer.renderModel = (model) => {
      const { data, metadata, trusted } = model;
      const view = data[VIEW] ?? data[LASTING_VIEW];
      const shown = { ...data, [VIEW]: { ...(view as object) } } as typeof data;
      return render(rendermime.createModel({ data: shown, metadata, trusted }));
    };
    return renderer;
  };
  return { mimeTypes: [LASTING_VIEW], safe: false, createRenderer };
}

function covered(
  factory: IRenderMime.IRendererFactory,
  rendermime: IRenderMimeRegistry,
  state: SavedState,
): IRenderMime.IRendererFactory {
  const createRenderer: typeof factory.createRenderer = (options) => {
    const renderer = factory.createRenderer(options);
    const render = renderer.renderModel.bind(renderer);
    let shown: unknown;
    renderer.renderModel = async (model) => {
      await state.restored();
      const id = idOf(model.data[VIEW]);
      if (id !== undefined && id === shown && HTML in model.data && hasView(renderer)) {
        return;
      }
      shown = id;
      await render(model);
      if (HTML in model.data && renderer.node.textContent === NOT_FOUND) {
        await showStatic(renderer as unknown as Panel, model.data[HTML], rendermime);
      }
    };
    return renderer;
  };
  return { ...factory, createRenderer };
}

function idOf(view: unknown): unknown {
  return (view as { model_id?: unknown } | undefined)?.model_id;
}

function hasView(renderer: unknown): boolean {
  return (renderer as Panel).widgets.length > 0;
}

async function showStatic(
  into: Panel,
  html: unknown,
  rendermime: IRenderMimeRegistry,
): Promise<void> {
  const renderer = rendermime.createRenderer(HTML);
  // never trusted: what was saved is sanitized
  await renderer.renderModel(rendermime.createModel({ data: { [HTML]: String(html) }, trusted: false }));
  into.node.textContent = "";
  into.addWidget(renderer);
}
