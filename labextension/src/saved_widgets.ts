// Widgets of notebooks whose kernels are gone. ipywidgets then says "model not found", whatever
// else the output holds; where it holds static HTML, as this package's do, that is shown instead.
// And widgets that are there already: an output that changes beside its widget isn't drawn anew.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { Panel } from "@lumino/widgets";

import { VIEW } from "./output_texts";

const HTML = "text/html";
const NOT_FOUND = "Error displaying widget: model not found";

export function showSavedWidgets(app: JupyterFrontEnd, tracker: INotebookTracker): void {
  // after ipywidgets, whose renderer a notebook gets when it is added
  void app.started.then(() => {
    tracker.forEach(addTo);
    tracker.widgetAdded.connect((_, panel) => addTo(panel));
  });
}

// ipywidgets adds its factory anew for each kernel: what is added from here on is covered too.
function addTo({ content: { rendermime } }: NotebookPanel): void {
  const widgets = rendermime.getFactory(VIEW);
  const rank = rendermime.getRank(VIEW);
  const add = rendermime.addFactory.bind(rendermime);
  rendermime.addFactory = (factory, place) =>
    add(factory.mimeTypes.includes(VIEW) ? covered(factory, rendermime) : factory, place);
  if (widgets !== undefined && rank !== undefined) {
    rendermime.removeMimeType(VIEW);
    rendermime.addFactory(widgets, rank);
  }
}

function covered(
  widgets: IRenderMime.IRendererFactory,
  rendermime: IRenderMimeRegistry,
): IRenderMime.IRendererFactory {
  const createRenderer: typeof widgets.createRenderer = (options) => {
    const renderer = widgets.createRenderer(options);
    const render = renderer.renderModel.bind(renderer);
    let shown: unknown;
    renderer.renderModel = async (model) => {
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
  return { ...widgets, createRenderer };
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
