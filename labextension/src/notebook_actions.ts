// The actions in the notebook that was used last. They insert cells, so that a reader of the
// notebook sees what was done.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { INotebookTracker, NotebookActions, NotebookPanel } from "@jupyterlab/notebook";

import { Actions, NO_NOTEBOOK, Place } from "./actions";
import { CellText, cellText } from "./cell_text";
import { Run } from "./messages";
import { isElsewhere } from "./paths";
import { isPlain } from "./plain";
import { stopRun } from "./stop_run";
import { whyNoMagics } from "./used_here";

export const LOAD = "%load_ext gc_jupyter";
const NO_NAME = "That is no name and no id: nothing was run.";
const USE = /^(%gc +use +)[^\s-]\S*[ \t]*$/m;
const SAYS_USE = /^(\s*%(re)?load_ext +gc_jupyter\s*\n)?\s*%gc +use +[^\s-]\S*\s*$/;
const LOADED = "'gc' in get_ipython().magics_manager.magics['line']";

export class InNotebooks implements Actions {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker | null,
    private readonly openPage: (run: string) => Promise<unknown>,
  ) {}

  get ready(): boolean {
    return this.panel !== null;
  }

  attach(id: string): Promise<string> {
    return this.run(`%gc attach ${id}`.trimEnd());
  }

  result(id: string): Promise<string> {
    return this.run(`%gc result ${id}`);
  }

  // If a cell of magics alone already has such a line, that cell is changed and run again.
  async use(endpoint: string): Promise<string> {
    const panel = this.panel;
    const said = panel?.content.widgets.find((cell) => SAYS_USE.test(cell.model.sharedModel.getSource()));
    if (!panel || !said || !isPlain(endpoint)) {
      return this.run(`%gc use ${endpoint}`);
    }
    const why = whyNoMagics(panel);
    if (why) {
      return why;
    }
    const { sharedModel } = said.model;
    sharedModel.setSource(sharedModel.getSource().replace(USE, `$1${endpoint}`));
    void NotebookActions.runCells(panel.content, [said], panel.sessionContext);
    return `Changed and run in ${panel.title.label}.`;
  }

  signIn(): Promise<string> {
    return this.run("%gc login");
  }

  // Insert a cell to write in. It is not run.
  async insert(endpoint: string): Promise<string> {
    const panel = this.panel;
    if (!panel) {
      return NO_NOTEBOOK;
    }
    if (!isPlain(endpoint)) {
      return NO_NAME;
    }
    if (!(await isLoaded(panel))) {
      insertCell(panel, LOAD);
      await NotebookActions.run(panel.content, panel.sessionContext);
    }
    insertCell(panel, `%%gcrun ${endpoint}\n`);
    this.app.shell.activateById(panel.id);
    panel.content.mode = "edit";
    const editor = panel.content.activeCell?.editor;
    editor?.setCursorPosition({ line: 1, column: 0 });
    editor?.focus();
    return `Inserted into ${panel.title.label}.`;
  }

  async jump(place: Place): Promise<string> {
    const found = await this.find(place);
    return typeof found === "string" ? found : `In ${found.title.label}.`;
  }

  async again(place: Place): Promise<string> {
    const panel = await this.find(place);
    if (typeof panel === "string") {
      return panel;
    }
    void NotebookActions.run(panel.content, panel.sessionContext);
    return `The cell runs again in ${panel.title.label}.`;
  }

  stop(run: Run): Promise<string> {
    return stopRun(this.app, this.opened(run.notebook)?.sessionContext.session?.kernel ?? null, run);
  }

  async page(run: string): Promise<string> {
    await this.openPage(run);
    return "";
  }

  async cell({ notebook, cell_id }: Place): Promise<CellText | null> {
    const open = this.opened(notebook)?.content.widgets.find((one) => one.model.id === cell_id);
    if (open) {
      return cellText(open.model.toJSON());
    }
    if (!notebook || isElsewhere(notebook)) {
      return null;
    }
    const file = await this.app.serviceManager.contents.get(notebook, { type: "notebook", content: true });
    const { cells } = file.content as { cells: { id?: string; source?: unknown; outputs?: unknown }[] };
    const cell = cells.find((one) => one.id === cell_id);
    return cell ? cellText(cell) : null;
  }

  // The notebook with the cell active, or the reason why there is none.
  private async find(place: Place): Promise<NotebookPanel | string> {
    const path = place.notebook;
    const cell = place.execution_count ? `cell [${place.execution_count}]` : "the cell";
    if (isElsewhere(path)) {
      return `${path} is outside of what this server shows.`;
    }
    const panel =
      this.opened(path) ??
      ((await this.app.commands.execute("docmanager:open", { path })) as NotebookPanel | undefined);
    if (!panel?.context) {
      return `${path} opens in another tab: look for ${cell}.`;
    }
    await panel.context.ready;
    await panel.revealed;
    this.app.shell.activateById(panel.id);
    const index = panel.content.widgets.findIndex((one) => one.model.id === place.cell_id);
    if (index < 0) {
      return `${panel.title.label} doesn't have ${cell} any more.`;
    }
    panel.content.activeCellIndex = index;
    await panel.content.scrollToItem(index, "center");
    NotebookActions.focusActiveCell(panel.content);
    return panel;
  }

  async copy(text: string): Promise<string> {
    try {
      await navigator.clipboard.writeText(text);
      return "Copied.";
    } catch {
      return `This page may not use the clipboard: ${text}`;
    }
  }

  private opened(path: string): NotebookPanel | undefined {
    return path ? this.tracker?.find((panel) => panel.context.localPath === path) : undefined;
  }

  private get panel(): NotebookPanel | null {
    return this.tracker?.currentWidget ?? null;
  }

  private async run(magic: string): Promise<string> {
    const panel = this.panel;
    if (!panel) {
      return NO_NOTEBOOK;
    }
    if (!isPlain(magic)) {
      return NO_NAME;
    }
    const why = whyNoMagics(panel);
    if (why) {
      return why;
    }
    insertCell(panel, (await isLoaded(panel)) ? magic : `${LOAD}\n${magic}`);
    this.app.shell.activateById(panel.id);
    void NotebookActions.run(panel.content, panel.sessionContext);
    return `Runs in ${panel.title.label}.`;
  }
}

// Insert below the active cell, or into it if it is empty. The new cell becomes active.
function insertCell(panel: NotebookPanel, source: string): void {
  const { content } = panel;
  const active = content.activeCell?.model;
  if (active?.type !== "code" || active.sharedModel.getSource().trim() !== "") {
    NotebookActions.insertBelow(content);
  }
  content.activeCell?.model.sharedModel.setSource(source);
}

// Whether the kernel has the magics. If the kernel is busy, the notebook's text decides.
export async function isLoaded(panel: NotebookPanel): Promise<boolean> {
  const kernel = panel.sessionContext.session?.kernel;
  if (kernel?.status !== "idle") {
    const cells = panel.content.model?.cells ?? [];
    return Array.from(cells).some((cell) => cell.sharedModel.getSource().includes(LOAD));
  }
  const asked = kernel.requestExecute({
    code: "",
    silent: true,
    store_history: false,
    user_expressions: { loaded: LOADED },
  });
  const reply = (await asked.done).content as {
    user_expressions?: { loaded?: { data?: Record<string, string> } };
  };
  return reply.user_expressions?.loaded?.data?.["text/plain"] === "True";
}
