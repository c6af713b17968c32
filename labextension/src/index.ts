// The plugin: Globus Compute's endpoints and runs beside the notebook, in JupyterLab and Notebook 7.

import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, IToolbarWidgetRegistry, Notification } from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import type { IStatusBar } from "@jupyterlab/statusbar";
import { Widget } from "@lumino/widgets";

import { HAS_PAGE, OPEN_RUNS } from "../widgets/src/open_page";
import { addCommands, COMMANDS } from "./commands";
import { Notices, sentence } from "./ended_runs";
import { EndpointsPanel } from "./endpoints_panel";
import { KnownEndpoints } from "./known_endpoints";
import { Run, TASKS_CHANGED } from "./messages";
import { InNotebooks } from "./notebook_actions";
import { NotebookOutputs } from "./notebook_outputs";
import { Options } from "./options";
import { RunsPages } from "./runs_page";
import { RunsPanel } from "./runs_panel";
import { savedWidgets } from "./saved_widgets";
import { Server } from "./server";
import { Panel, Sidebar } from "./sidebar";
import { StatusItem } from "./status_item";
import { Store } from "./store";
import { addWhere } from "./where_commands";

const PLUGIN = "gc-jupyter:plugin";

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker | null,
  palette: ICommandPalette | null,
  registry: ISettingRegistry | null,
  restorer: ILayoutRestorer | null,
  labShell: ILabShell | null,
  toolbars: IToolbarWidgetRegistry | null,
): void {
  if (app.name === "Voila") {
    return; // a page of outputs
  }
  // An import at the top of a package that Voilà's page lacks would keep the whole extension from starting there.
  const statusBar = import("@jupyterlab/statusbar").then((one) => app.resolveOptionalService(one.IStatusBar));
  const launcher = import("@jupyterlab/launcher").then((one) => app.resolveOptionalService(one.ILauncher));
  const server = new Server(app.serviceManager.serverSettings);
  const store = new Store(server);
  const open = (run = ""): Promise<unknown> => pages.open(run);
  const actions = new InNotebooks(app, tracker, open);
  const pages = new RunsPages(app, store, server, actions, labShell ? "main" : "down");
  const options = new Options();
  const known = new KnownEndpoints(store, options);
  const endpoints = new EndpointsPanel(store, actions, options);
  const runs = new RunsPanel("sidebar", store, server, actions);
  const sidebar = new Sidebar(endpoints, runs);
  const show = (which: Panel): void => {
    app.shell.activateById(sidebar.id);
    sidebar.open(which);
    (which === "runs" ? runs : endpoints).focus();
  };
  app.shell.add(sidebar, "left", { rank: 550, type: "Globus Compute" });
  restorer?.add(sidebar, sidebar.id);
  addCommands(app, palette, { store, known, actions, options, show, open });
  addWhere(app, { tracker, toolbars, launcher }, { store, known, actions });
  void statusBar.then((bar) => addStatusItem(app, bar, store));
  keepCurrent(app, store);
  hearTables(app);
  if (tracker) {
    tracker.forEach((panel) => new NotebookOutputs(panel));
    tracker.widgetAdded.connect((_, panel) => void new NotebookOutputs(panel));
  }
  const notices = new Notices(store, server, options, (run) => tell(app, actions, run));
  if (registry) {
    void options.load(registry, PLUGIN, () => followOptions(store, options, endpoints, notices));
  }
  void store.loadEndpoints(false);
}

function addStatusItem(app: JupyterFrontEnd, statusBar: IStatusBar | null, store: Store): void {
  const item = new StatusItem(store, () => void app.commands.execute(COMMANDS.openRuns));
  statusBar?.registerStatusItem("gc-jupyter:tasks", {
    item: new Widget({ node: item.element }),
    align: "left",
    rank: 20,
    isActive: () => item.active,
    activeStateChanged: item.activeChanged,
  });
}

// The server announces changes. After sleep, the page asks once for what it has missed.
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

// A table in a notebook has a button that opens its run as a page.
function hearTables(app: JupyterFrontEnd): void {
  document.body.classList.add(HAS_PAGE);
  document.addEventListener(OPEN_RUNS, (event) => {
    const run: unknown = (event as CustomEvent<{ run?: unknown } | null>).detail?.run;
    void app.commands.execute(COMMANDS.openRuns, { run: typeof run === "string" ? run : "" });
  });
}

function tell(app: JupyterFrontEnd, actions: InNotebooks, run: Run): void {
  const buttons = [
    { label: "Go to the cell", callback: () => void actions.jump(run) },
    { label: "Show the run", callback: () => void app.commands.execute(COMMANDS.openRuns, { run: run.run }) },
  ];
  Notification.emit(sentence(run), run.failed > 0 ? "error" : run.cancelled > 0 ? "info" : "success", { autoClose: 10_000, actions: buttons });
}

function followOptions(store: Store, options: Options, endpoints: EndpointsPanel, notices: Notices): void {
  notices.follow(options.is("notify"));
  endpoints.draw();
  void store.follow(options.decided("collect"));
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: "Endpoints and runs of Globus Compute beside the notebook.",
  autoStart: true,
  optional: [INotebookTracker, ICommandPalette, ISettingRegistry, ILayoutRestorer, ILabShell, IToolbarWidgetRegistry],
  activate,
};

export default [savedWidgets, plugin];
