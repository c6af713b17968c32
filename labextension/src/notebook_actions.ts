// The actions, in the notebook that was last used: cells are inserted, so that a reader of the
// notebook sees what was done.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { INotebookTracker, NotebookActions, NotebookPanel } from "@jupyterlab/notebook";

import { Actions, NO_NOTEBOOK } from "./actions";
import { Task } from "./messages";
import { isElsewhere } from "./paths";
import { isPlain } from "./plain";

export const LOAD = "%load_ext gc_jupyter";
const NO_NAME = "That is no name and no id: nothing was run.";
const USE = /^(%gc +use +)[^\s-]\S*[ \t]*$/m;
const SAYS_USE = /^(\s*%(re)?load_ext +gc_jupyter\s*\n)?\s*%gc +use +[^\s-]\S*\s*$/;
const LOADED = "'gc' in get_ipython().magics_manager.magics['line']";

export class InNotebooks implements Actions {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker | null,
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

  // Where a cell of nothing but magics says it already, that cell is changed and run again.
  async use(endpoint: string): Promise<string> {
    const panel = this.panel;
    const said = panel?.content.widgets.find((cell) => SAYS_USE.test(cell.model.sharedModel.getSource()));
    if (!panel || !said || !isPlain(endpoint)) {
      return this.run(`%gc use ${endpoint}`);
    }
    const { sharedModel } = said.model;
    sharedModel.setSource(sharedModel.getSource().replace(USE, `$1${endpoint}`));
    void NotebookActions.runCells(panel.content, [said], panel.sessionContext);
    return `Changed and run in ${panel.title.label}.`;
  }

  signIn(): Promise<string> {
    return this.run("%gc login");
  }

  // A cell to write in; it is not run.
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

  async jump(task: Task): Promise<string> {
    const path = task.notebook;
    const cell = task.execution_count ? `cell [${task.execution_count}]` : "the cell";
    if (isElsewhere(path)) {
      return `${path} is outside of what this server shows.`;
    }
    const open = this.tracker?.find((panel) => panel.context.localPath === path);
    const panel =
      open ??
      ((await this.app.commands.execute("docmanager:open", { path })) as NotebookPanel | undefined);
    if (!panel?.context) {
      return `${path} opens in another tab: look for ${cell}.`;
    }
    await panel.context.ready;
    await panel.revealed;
    this.app.shell.activateById(panel.id);
    const index = panel.content.widgets.findIndex((one) => one.model.id === task.cell_id);
    if (index < 0) {
      return `${panel.title.label} doesn't have ${cell} any more.`;
    }
    panel.content.activeCellIndex = index;
    await panel.content.scrollToItem(index, "center");
    NotebookActions.focusActiveCell(panel.content);
    return `In ${panel.title.label}.`;
  }

  async copy(text: string): Promise<string> {
    try {
      await navigator.clipboard.writeText(text);
      return "Copied.";
    } catch {
      return `This page may not use the clipboard: ${text}`;
    }
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
    insertCell(panel, (await isLoaded(panel)) ? magic : `${LOAD}\n${magic}`);
    this.app.shell.activateById(panel.id);
    void NotebookActions.run(panel.content, panel.sessionContext);
    return `Runs in ${panel.title.label}.`;
  }
}

// Below the active cell, or into it where it is empty; the new cell is the active one.
function insertCell(panel: NotebookPanel, source: string): void {
  const { content } = panel;
  const active = content.activeCell?.model;
  if (active?.type !== "code" || active.sharedModel.getSource().trim() !== "") {
    NotebookActions.insertBelow(content);
  }
  content.activeCell?.model.sharedModel.setSource(source);
}

// Whether the kernel has the magics. A busy kernel can't be asked; then the notebook's text tells.
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
