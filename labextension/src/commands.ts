// The palette's commands: all actions of the panels, for the keyboard and for Notebook 7.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { ICommandPalette, InputDialog, Notification } from "@jupyterlab/apputils";
import { CommandRegistry } from "@lumino/commands";
import { ReadonlyPartialJSONObject } from "@lumino/coreutils";

import { OPEN_RUNS } from "../widgets/src/open_page";
import { Actions, said } from "./actions";
import { computeIcon, dotOf } from "./icon";
import { facts, KnownEndpoints, shownName } from "./known_endpoints";
import { Endpoint } from "./messages";
import { Options } from "./options";
import { Panel } from "./sidebar";
import { Store } from "./store";

const CATEGORY = "Globus Compute";
const GAP = "\u2003"; // between a name and its description

export const COMMANDS = {
  showEndpoints: "gc-jupyter:show-endpoints",
  showTasks: "gc-jupyter:show-tasks",
  openRuns: OPEN_RUNS,
  checkEndpoints: "gc-jupyter:check-endpoints",
  insert: "gc-jupyter:insert-gcrun",
  use: "gc-jupyter:use-endpoint",
  attach: "gc-jupyter:attach",
  notify: "gc-jupyter:toggle-notify",
  collect: "gc-jupyter:toggle-collect",
  runOn: "gc-jupyter:run-cell-on",
  runHere: "gc-jupyter:run-cell-in-kernel",
  newNotebook: "gc-jupyter:new-notebook",
  signIn: "gc-jupyter:sign-in",
  // of menus alone
  title: "gc-jupyter:title",
  favourite: "gc-jupyter:toggle-favourite",
  copyEndpoint: "gc-jupyter:copy-endpoint-id",
  taskAction: "gc-jupyter:task-action",
} as const;

interface Parts {
  store: Store;
  known: KnownEndpoints;
  actions: Actions;
  options: Options;
  show: (panel: Panel) => void;
  open: (run: string) => Promise<unknown>; // the page
}

export function addCommands(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  { store, known, actions, options, show, open }: Parts,
): void {
  const { commands } = app;
  const inNotebook = { isEnabled: () => actions.ready };
  commands.addCommand(COMMANDS.showEndpoints, {
    label: "Show Endpoints",
    execute: () => show("endpoints"),
  });
  commands.addCommand(COMMANDS.showTasks, {
    label: "Show Runs in the Sidebar",
    execute: () => show("runs"),
  });
  commands.addCommand(COMMANDS.openRuns, {
    label: "Open Runs of All Kernels",
    icon: computeIcon,
    execute: (args) => open(typeof args["run"] === "string" ? args["run"] : ""),
  });
  commands.addCommand(COMMANDS.checkEndpoints, {
    label: "Check Status of Endpoints",
    execute: async () => {
      show("endpoints");
      await store.loadEndpoints(true);
    },
  });
  commands.addCommand(COMMANDS.insert, {
    label: "Insert %%gcrun Cell…",
    ...inNotebook,
    execute: (args) => withEndpoint({ store, known }, args["endpoint"], (name) => actions.insert(name)),
  });
  commands.addCommand(COMMANDS.use, {
    ...inNotebook,
    ...listed(known, "Use Endpoint in This Notebook…"),
    isToggleable: true,
    isToggled: (args) => args["used"] === true,
    execute: (args) => withEndpoint({ store, known }, args["endpoint"], (name) => actions.use(name)),
  });
  commands.addCommand(COMMANDS.attach, {
    label: "Attach to Earlier Tasks of This Notebook",
    ...inNotebook,
    execute: () => actions.attach(""),
  });
  commands.addCommand(COMMANDS.notify, {
    label: "Notify When a Cell's Tasks Have Ended",
    isToggled: () => options.is("notify"),
    execute: () => options.flip("notify"),
  });
  commands.addCommand(COMMANDS.collect, {
    label: "Collect Results While No Kernel Runs",
    isToggled: () => options.is("collect"),
    execute: () => options.flip("collect"),
  });
  const ofMenus: string[] = [COMMANDS.title, COMMANDS.favourite, COMMANDS.copyEndpoint, COMMANDS.taskAction];
  for (const command of Object.values(COMMANDS)) {
    if (!ofMenus.includes(command)) {
      palette?.addItem({ command, category: CATEGORY });
    }
  }
}

// In a menu the label is the endpoint's line, elsewhere the command's name.
export function listed(
  known: KnownEndpoints,
  otherwise: string,
): Pick<CommandRegistry.ICommandOptions, "label" | "icon"> {
  const of = (args: ReadonlyPartialJSONObject): Endpoint | undefined =>
    args["listed"] ? known.find(String(args["endpoint"] ?? "")) : undefined;
  return {
    label: (args) => {
      const endpoint = of(args);
      return endpoint ? known.describe(endpoint) : String(args["other"] ?? otherwise);
    },
    icon: (args) => (args["listed"] ? dotOf(of(args)?.status ?? "") : undefined),
  };
}

// Run with the endpoint in the arguments, or with the one that the user picks.
export async function withEndpoint(
  { store, known }: Pick<Parts, "store" | "known">,
  named: unknown,
  act: (name: string) => Promise<string>,
): Promise<void> {
  if (typeof named === "string" && named) {
    tell(await said(act(named)));
    return;
  }
  if (store.endpoints === null) {
    await store.loadEndpoints(false);
  }
  const picked = await InputDialog.getItem({
    title: "Endpoint",
    label: "Name, alias or UUID; type to search names, states and owners",
    items: known.all().map((one) => `${known.nameOf(one)}${GAP}${shownName(one)} · ${facts(one)}`),
    editable: true,
  });
  if (picked.button.accept && picked.value) {
    tell(await said(act(picked.value.split(GAP)[0]!)));
  }
}

// Show an action's message, if there is one.
export function tell(text: string): void {
  if (text) {
    Notification.info(text, { autoClose: 5000 });
  }
}
