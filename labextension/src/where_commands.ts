// Commands and menus that choose where cells run: in the notebook's toolbar, cells, launcher and panels' rows.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { IToolbarWidgetRegistry } from "@jupyterlab/apputils";
import { Cell } from "@jupyterlab/cells";
import { ILauncher } from "@jupyterlab/launcher";
import { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { MenuSvg } from "@jupyterlab/ui-components";
import { Widget } from "@lumino/widgets";

import { make } from "../widgets/src/dom";
import { said, TaskAction, whyNot } from "./actions";
import { COMMANDS, listed, tell, withEndpoint } from "./commands";
import { computeIcon } from "./icon";
import { KnownEndpoints, shownName } from "./known_endpoints";
import { Endpoint, Task } from "./messages";
import { Cards, openNotebookFor } from "./new_notebook";
import { InNotebooks } from "./notebook_actions";
import { runCellOn } from "./run_on";
import { Store } from "./store";
import { taskOf } from "./task_item";
import { UsedHere } from "./used_here";
import { fillRunOn, openAt, runOnMenu, WherePicker } from "./where_picker";

const TASK_ACTIONS: [TaskAction, string][] = [
  ["result", "Result"],
  ["attach", "Attach"],
  ["jump", "Jump to Cell"],
  ["copy", "Copy Id"],
];

export interface Places {
  tracker: INotebookTracker | null;
  toolbars: IToolbarWidgetRegistry | null;
  launcher: Promise<ILauncher | null>;
}

interface Parts {
  store: Store;
  known: KnownEndpoints;
  actions: InNotebooks;
}

export function addWhere(app: JupyterFrontEnd, places: Places, { store, known, actions }: Parts): void {
  const { commands } = app;
  const { tracker, toolbars, launcher } = places;
  addCommands(app, tracker, { store, known, actions });
  addRowMenus(app, { known, actions });
  toolbars?.addFactory<NotebookPanel>(
    "Notebook",
    "gc-where",
    (panel) => new WherePicker(commands, known, new UsedHere(panel), store),
  );
  toolbars?.addFactory<Cell>("Cell", "gc-run-on", (cell) => runOnButton(app, cell, known));
  const runOn = runOnMenu(commands, known);
  runOn.title.label = "Run on";
  runOn.title.icon = computeIcon;
  app.contextMenu.addItem({ type: "submenu", submenu: runOn, selector: ".jp-NotebookPanel:not(.gc-other-language) .jp-CodeCell", rank: 5.5 });
  store.changed.connect((_, what) => {
    if (what === "endpoints") {
      fillRunOn(runOn, known);
    }
  });
  void launcher.then((one) => one && new Cards(one, known, store));
}

function addCommands(app: JupyterFrontEnd, tracker: INotebookTracker | null, { store, known, actions }: Parts): void {
  const { commands } = app;
  const inNotebook = { isEnabled: () => actions.ready };
  const runOn = (name: string | null): Promise<string> => runCellOn(tracker, name);
  commands.addCommand(COMMANDS.runOn, {
    ...inNotebook,
    ...listed(known, "Run Cell on Endpoint…"),
    execute: (args) => withEndpoint({ store, known }, args["endpoint"], runOn),
  });
  commands.addCommand(COMMANDS.runHere, {
    label: "In the Kernel, without Globus Compute",
    ...inNotebook,
    execute: async () => tell(await said(runOn(null))),
  });
  commands.addCommand(COMMANDS.newNotebook, {
    label: (args) => {
      const endpoint = args["card"] ? known.find(String(args["endpoint"] ?? "")) : undefined;
      return endpoint ? shownName(endpoint) : "New Notebook on Endpoint…";
    },
    caption: "A notebook whose cells run on an endpoint",
    icon: computeIcon,
    execute: (args) =>
      withEndpoint({ store, known }, args["endpoint"], async (name) => {
        await openNotebookFor(app, name, String(args["cwd"] ?? ""));
        return "";
      }),
  });
  commands.addCommand(COMMANDS.signIn, {
    label: () => known.who || "Sign In to Globus…",
    isEnabled: () => actions.ready && !known.who,
    execute: async () => tell(await said(actions.signIn())),
  });
  commands.addCommand(COMMANDS.title, {
    label: (args) => String(args["title"] ?? ""),
    isEnabled: () => false,
    execute: () => undefined,
  });
  commands.addCommand(COMMANDS.favourite, {
    label: (args) => {
      const endpoint = endpointOf(app, known, args["endpoint"]);
      return args["endpoint"] && endpoint ? shownName(endpoint) : "Favourite";
    },
    isToggleable: true,
    isToggled: (args) => {
      const endpoint = endpointOf(app, known, args["endpoint"]);
      return endpoint !== undefined && known.isFavourite(endpoint);
    },
    execute: (args) => {
      const endpoint = endpointOf(app, known, args["endpoint"]);
      return endpoint && known.toggle(endpoint);
    },
  });
}

// The context menu of a panel's row.
function addRowMenus(app: JupyterFrontEnd, { known, actions }: Omit<Parts, "store">): void {
  const { commands, contextMenu } = app;
  const here = (act: (name: string) => Promise<string>) => async () => {
    const endpoint = endpointOf(app, known, "");
    tell(endpoint ? await said(act(known.nameOf(endpoint))) : "");
  };
  const items: [string, string, (name: string) => Promise<string>][] = [
    ["gc-jupyter:row-use", "Use in This Notebook", (name) => actions.use(name)],
    ["gc-jupyter:row-insert", "Insert %%gcrun Cell", (name) => actions.insert(name)],
    ["gc-jupyter:row-run-on", "Run Chosen Cells There", async (name) => commands.execute(COMMANDS.runOn, { endpoint: name }).then(() => "")],
    ["gc-jupyter:row-notebook", "New Notebook There", async (name) => openNotebookFor(app, name, "").then(() => "")],
  ];
  const selector = ".gc-jupyter [data-gc-endpoint]";
  items.forEach(([command, label, act], rank) => {
    commands.addCommand(command, { label, execute: here(act), isEnabled: () => actions.ready || rank === 3 });
    contextMenu.addItem({ command, selector, rank });
  });
  contextMenu.addItem({ command: COMMANDS.favourite, selector, rank: 10 });
  commands.addCommand(COMMANDS.copyEndpoint, {
    label: "Copy Id",
    execute: async () => tell(await actions.copy(endpointOf(app, known, "")?.endpoint_id ?? "")),
  });
  contextMenu.addItem({ command: COMMANDS.copyEndpoint, selector, rank: 11 });

  const taskHere = (): Task | undefined => {
    const row = app.contextMenuHitTest((node) => node.dataset["gcTask"] !== undefined);
    return row && taskOf(row);
  };
  commands.addCommand(COMMANDS.taskAction, {
    label: (args) => TASK_ACTIONS.find(([action]) => action === args["action"])?.[1] ?? "Task",
    caption: (args) => why(args["action"]),
    isEnabled: (args) => taskHere() !== undefined && why(args["action"]) === "",
    execute: async (args) => {
      const task = taskHere();
      const action = args["action"] as TaskAction;
      if (task) {
        tell(await said(action === "jump" ? actions.jump(task) : actions[action](task.task_id)));
      }
    },
  });
  const why = (action: unknown): string => {
    const task = taskHere();
    return task ? whyNot(action as TaskAction, task, actions.ready) : "";
  };
  TASK_ACTIONS.forEach(([action], rank) =>
    contextMenu.addItem({ command: COMMANDS.taskAction, args: { action }, selector: ".gc-jupyter [data-gc-task]", rank }),
  );
}

// The endpoint for which a menu was opened: the named one, or the row that was clicked.
function endpointOf(app: JupyterFrontEnd, known: KnownEndpoints, named: unknown): Endpoint | undefined {
  if (typeof named === "string" && named) {
    return known.find(named);
  }
  const row = app.contextMenuHitTest((node) => node.dataset["gcEndpoint"] !== undefined);
  return known.find(row?.dataset["gcEndpoint"] ?? "");
}

function runOnButton(app: JupyterFrontEnd, cell: Cell, known: KnownEndpoints): Widget {
  const widget = new Widget();
  if (cell.model.type !== "code") {
    widget.hide();
    return widget;
  }
  const label = "Run on: choose where this cell runs";
  const button = make("button", { type: "button", class: "gc-run-on", "aria-haspopup": "menu", "aria-label": label, title: label });
  computeIcon.element({ container: button, tag: "span" });
  button.addEventListener("click", () => {
    const menu = new MenuSvg({ commands: app.commands });
    menu.node.setAttribute("aria-label", "Run on");
    fillRunOn(menu, known);
    openAt(menu, button);
  });
  widget.node.append(button);
  return widget;
}
