// Widgets of notebooks whose kernels are gone. ipywidgets then says "model not found", whatever
// else the output holds; where it holds static HTML, as this package's do, that is shown instead.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { Panel } from "@lumino/widgets";

const VIEW = "application/vnd.jupyter.widget-view+json";
const HTML = "text/html";
const NOT_FOUND = "Error displaying widget: model not found";

export function showSavedWidgets(app: JupyterFrontEnd, tracker: INotebookTracker): void {
  // after ipywidgets, whose renderer a notebook gets when it is added
  void app.started.then(() => {
    tracker.forEach(addTo);
    tracker.widgetAdded.connect((_, panel) => addTo(panel));
  });
}

function addTo({ content: { rendermime } }: NotebookPanel): void {
  const widgets = rendermime.getFactory(VIEW);
  const rank = rendermime.getRank(VIEW);
  if (widgets === undefined || rank === undefined) {
    return; // no ipywidgets here
  }
  const createRenderer: typeof widgets.createRenderer = (options) => {
    const renderer = widgets.createRenderer(options);
    const render = renderer.renderModel.bind(renderer);
    renderer.renderModel = async (model) => {
      await render(model);
      if (HTML in model.data && renderer.node.textContent === NOT_FOUND) {
        await showStatic(renderer as unknown as Panel, model.data[HTML], rendermime);
      }
    };
    return renderer;
  };
  rendermime.removeMimeType(VIEW);
  rendermime.addFactory({ ...widgets, createRenderer }, rank);
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
