// The plugin: Globus Compute's endpoints and tasks beside the notebook, in JupyterLab and Notebook 7.

import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, IToolbarWidgetRegistry, Notification } from "@jupyterlab/apputils";
import { ILauncher } from "@jupyterlab/launcher";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { Widget } from "@lumino/widgets";

import { addCommands, COMMANDS } from "./commands";
import { Completions } from "./completions";
import { EndpointsPanel } from "./endpoints_panel";
import { KnownEndpoints } from "./known_endpoints";
import { TASKS_CHANGED } from "./messages";
import { InNotebooks } from "./notebook_actions";
import { NotebookOutputs } from "./notebook_outputs";
import { Options } from "./options";
import { savedWidgets } from "./saved_widgets";
import { Server } from "./server";
import { Panel, Sidebar } from "./sidebar";
import { StatusItem } from "./status_item";
import { Store } from "./store";
import { TasksPanel } from "./tasks_panel";
import { addWhere } from "./where_commands";

const PLUGIN = "gc-jupyter:plugin";

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker | null,
  palette: ICommandPalette | null,
  registry: ISettingRegistry | null,
  statusBar: IStatusBar | null,
  restorer: ILayoutRestorer | null,
  toolbars: IToolbarWidgetRegistry | null,
  launcher: ILauncher | null,
): void {
  const store = new Store(new Server(app.serviceManager.serverSettings));
  const actions = new InNotebooks(app, tracker);
  const options = new Options();
  const known = new KnownEndpoints(store, options);
  const endpoints = new EndpointsPanel(store, actions, options);
  const tasks = new TasksPanel(store, actions);
  const sidebar = new Sidebar(endpoints, tasks);
  const show = (which: Panel): void => {
    app.shell.activateById(sidebar.id);
    sidebar.open(which);
    (which === "tasks" ? tasks : endpoints).focus();
  };
  app.shell.add(sidebar, "left", { rank: 550, type: "Globus Compute" });
  restorer?.add(sidebar, sidebar.id);
  addCommands(app, palette, { store, known, actions, options, show });
  addWhere(app, { tracker, toolbars, launcher }, { store, known, actions });
  addStatusItem(app, statusBar, store);
  keepCurrent(app, store);
  notify(app, store, options);
  if (tracker) {
    tracker.forEach((panel) => new NotebookOutputs(panel));
    tracker.widgetAdded.connect((_, panel) => void new NotebookOutputs(panel));
  }
  if (registry) {
    void options.load(registry, PLUGIN, () => followOptions(store, options, endpoints));
  }
  void store.loadEndpoints(false);
}

function addStatusItem(app: JupyterFrontEnd, statusBar: IStatusBar | null, store: Store): void {
  const item = new StatusItem(store, () => void app.commands.execute(COMMANDS.showTasks));
  statusBar?.registerStatusItem("gc-jupyter:tasks", {
    item: new Widget({ node: item.element }),
    align: "left",
    rank: 20,
    isActive: () => item.active,
    activeStateChanged: item.activeChanged,
  });
}

// The server tells what changes. What was missed while the page slept is asked for once.
function keepCurrent(app: JupyterFrontEnd, store: Store): void {
  app.serviceManager.events?.stream.connect((_, event) => {
    if (event.schema_id === TASKS_CHANGED) {
      store.poke();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      store.poke();
    }
  });
  store.poke();
}

function notify(app: JupyterFrontEnd, store: Store, options: Options): void {
  const completions = new Completions();
  const actions = [
    { label: "Show tasks", callback: () => void app.commands.execute(COMMANDS.showTasks) },
  ];
  store.changed.connect((_, what) => {
    if (!options.is("notify")) {
      completions.forget();
    } else if (what === "tasks" && store.tasks) {
      const told = completions.look(store.tasks);
      if (told) {
        const type = told.failed ? "error" : "success";
        Notification.emit(told.text, type, { autoClose: 10_000, actions });
      }
    }
  });
}

function followOptions(store: Store, options: Options, endpoints: EndpointsPanel): void {
  store.need("notifications", options.is("notify"));
  endpoints.draw();
  void store.follow(options.decided("collect"));
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: "Endpoints and tasks of Globus Compute beside the notebook.",
  autoStart: true,
  optional: [INotebookTracker, ICommandPalette, ISettingRegistry, IStatusBar, ILayoutRestorer, IToolbarWidgetRegistry, ILauncher],
  activate,
};

export default [savedWidgets, plugin];
