// "Run on": puts, changes or takes away the line of a cell that says where it runs. Nothing is run.

import { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";

import { NO_NOTEBOOK } from "./actions";
import { runOn } from "./cell_line";
import { isLoaded, LOAD } from "./notebook_actions";
import { isPlain } from "./plain";

// `name`: as the magics take it; null for the kernel. Says what there is to say, mostly nothing.
export async function runCellOn(tracker: INotebookTracker | null, name: string | null): Promise<string> {
  const panel = tracker?.currentWidget;
  const cell = panel?.content.activeCell;
  if (!panel || !cell) {
    return NO_NOTEBOOK;
  }
  if (cell.model.type !== "code") {
    return "Only code runs: this cell is a text.";
  }
  if (name !== null && !isPlain(name)) {
    return "That is no name and no id: the cell stays as it is.";
  }
  if (cell.model.getMetadata("editable") === false || cell.readOnly) {
    return "This cell may not be changed.";
  }
  const { sharedModel } = cell.model;
  const edit = runOn(sharedModel.getSource(), name);
  if (typeof edit === "string") {
    return edit;
  }
  sharedModel.updateSource(edit.from, edit.to, edit.text);
  return name === null || (await isLoaded(panel)) ? "" : loadFirst(panel);
}

// The cell needs the magics: what loads them stands above it, where nothing in the notebook does.
function loadFirst(panel: NotebookPanel): string {
  const { content } = panel;
  const cells = Array.from(content.model?.cells ?? []);
  if (cells.some((cell) => cell.sharedModel.getSource().includes(LOAD))) {
    return `Run the cell with ${LOAD} first.`;
  }
  const at = content.activeCellIndex;
  content.model?.sharedModel.insertCell(at, { cell_type: "code", source: LOAD });
  content.activeCellIndex = at + 1;
  return `Run the cell above first: it loads %%gcrun.`;
}
