// What VS Code's Jupyter extension does around its ipywidgets bundle, in the fewest steps: modules of
// widgets come through requirejs, a view is drawn where the kernel knows its model, and otherwise
// the next type of the output. The kernel is a real one.

import { KernelManager, ServerConnection } from "@jupyterlab/services";

const VIEW = "application/vnd.jupyter.widget-view+json";
const scripts = {
  widgetsRegisteredInRequireJs: new Set(),
  loadWidgetScript: async (module) => {
    window.requirejs.config({ paths: { [module]: `/nbextensions/${module}/index` } });
    scripts.widgetsRegisteredInRequireJs.add(module);
  },
  successHandler: () => undefined,
  errorHandler: (name, module, version, error) =>
    console.error(`${name} of ${module} ${version}: ${error}`),
};

async function start() {
  const { activate } = await import("/vscode/ipywidgets.js");
  activate();
  window.vscIPyWidgets8.load();
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: `${location.origin}/`,
    wsUrl: `${location.origin.replace("http", "ws")}/`,
  });
  const kernel = await new KernelManager({ serverSettings }).startNew({ name: "python3" });
  const widgets = new window.vscIPyWidgets.WidgetManager(kernel, null, scripts, () => undefined);
  const outputs = new Map(); // by display id
  const drawn = new Map(); // widgets, by element
  const saved = new Map(); // what a notebook's file would have of outputs, by element

  async function draw(element, data) {
    const before = saved.get(element)?.[VIEW]?.model_id;
    saved.set(element, data);
    if (before && before === data[VIEW]?.model_id) {
      return; // as VS Code's renderer does with a model that it shows there already
    }
    drawn.get(element)?.dispose();
    element.replaceChildren();
    element.className = "output";
    const view = data[VIEW];
    const model = view && (await widgets.get_model(view.model_id));
    if (model) {
      element.classList.add("cell-output-ipywidget-background");
      const made = await widgets.create_view(model, {});
      drawn.set(element, await widgets.display_view(view, made, { node: element }));
    } else if ("text/html" in data) {
      element.innerHTML = data["text/html"];
    } else {
      element.textContent = data["text/plain"];
    }
  }

  kernel.iopubMessage.connect((_, { header, content }) => {
    if (header.msg_type === "display_data") {
      const element = document.createElement("div");
      document.getElementById("container").append(element);
      outputs.set(content.transient?.display_id, element);
      void draw(element, content.data);
    } else if (header.msg_type === "update_display_data") {
      // as VS Code does, it passes over a display that it doesn't show
      const element = outputs.get(content.transient.display_id);
      void (element && draw(element, content.data));
    }
  });
  const known = "__vsc_ipynb_file__ = '/home/user/notebook.ipynb'"; // as VS Code tells each kernel
  await kernel.requestExecute({ code: known, silent: true }).done;
  window.run = async (code) => (await kernel.requestExecute({ code }).done).content.status;
  window.saved = () => [...saved.values()];
  window.shutdown = () => kernel.shutdown();
}

window.started = start();
