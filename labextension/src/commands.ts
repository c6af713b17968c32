// The palette's commands: everything that the panels do, for the keyboard and for Notebook 7.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { ICommandPalette, InputDialog, Notification } from "@jupyterlab/apputils";

import { Actions, nameOf, said } from "./actions";
import { Options } from "./options";
import { Panel } from "./sidebar";
import { Store } from "./store";

const CATEGORY = "Globus Compute";

export const COMMANDS = {
  showEndpoints: "gc-jupyter:show-endpoints",
  showTasks: "gc-jupyter:show-tasks",
  checkEndpoints: "gc-jupyter:check-endpoints",
  insert: "gc-jupyter:insert-gcrun",
  use: "gc-jupyter:use-endpoint",
  attach: "gc-jupyter:attach",
  notify: "gc-jupyter:toggle-notify",
  collect: "gc-jupyter:toggle-collect",
} as const;

interface Parts {
  store: Store;
  actions: Actions;
  options: Options;
  show: (panel: Panel) => void;
}

export function addCommands(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  { store, actions, options, show }: Parts,
): void {
  const { commands } = app;
  const inNotebook = { isEnabled: () => actions.ready };
  commands.addCommand(COMMANDS.showEndpoints, {
    label: "Show Endpoints",
    execute: () => show("endpoints"),
  });
  commands.addCommand(COMMANDS.showTasks, {
    label: "Show Tasks of All Kernels",
    execute: () => show("tasks"),
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
    execute: (args) => withEndpoint(store, args["endpoint"], (name) => actions.insert(name)),
  });
  commands.addCommand(COMMANDS.use, {
    label: "Use Endpoint in This Notebook…",
    ...inNotebook,
    execute: (args) => withEndpoint(store, args["endpoint"], (name) => actions.use(name)),
  });
  commands.addCommand(COMMANDS.attach, {
    label: "Attach to Earlier Tasks of This Notebook",
    ...inNotebook,
    execute: () => actions.attach(""),
  });
  commands.addCommand(COMMANDS.notify, {
    label: "Notify When Tasks End",
    isToggled: () => options.is("notify"),
    execute: () => options.flip("notify"),
  });
  commands.addCommand(COMMANDS.collect, {
    label: "Collect Results While No Kernel Runs",
    isToggled: () => options.is("collect"),
    execute: () => options.flip("collect"),
  });
  Object.values(COMMANDS).forEach((command) => palette?.addItem({ command, category: CATEGORY }));
}

// With the endpoint that was named, or the one that the user picks.
async function withEndpoint(
  store: Store,
  named: unknown,
  act: (name: string) => Promise<string>,
): Promise<void> {
  if (typeof named === "string" && named) {
    await act(named);
    return;
  }
  if (store.endpoints === null) {
    await store.loadEndpoints(false);
  }
  const names = store.endpoints?.endpoints.map(nameOf) ?? ["local"];
  const picked = await InputDialog.getItem({
    title: "Endpoint",
    label: "Name, alias or UUID",
    items: names,
    editable: true,
  });
  if (picked.button.accept && picked.value) {
    Notification.info(await said(act(picked.value)), { autoClose: 3000 });
  }
}
