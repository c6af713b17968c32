// "Run on": adds, changes or removes the line of the selected cells that says where they run. Runs no cell.

import { Cell } from "@jupyterlab/cells";
import { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";

import { NO_NOTEBOOK } from "./actions";
import { runOn } from "./cell_line";
import { isLoaded, LOAD } from "./notebook_actions";
import { isPlain } from "./plain";
import { whyNoMagics } from "./used_here";

// `name` is as the magics accept it; null means the kernel. Returns a message, which is mostly empty.
export async function runCellOn(tracker: INotebookTracker | null, name: string | null): Promise<string> {
  const panel = tracker?.currentWidget;
  if (!panel) {
    return NO_NOTEBOOK;
  }
  if (name !== null && !isPlain(name)) {
    return "That is no name and no id: nothing was changed.";
  }
  if (panel.sessionContext.session?.kernel && whyNoMagics(panel)) {
    return whyNoMagics(panel);
  }
  const { content } = panel;
  const chosen = content.widgets.filter((cell) => content.isSelectedOrActive(cell));
  const why = chosen.map((cell) => changed(cell, name)).filter(Boolean);
  if (why.length === chosen.length) {
    return why[0] ?? NO_NOTEBOOK;
  }
  const others = why.length === 0 ? "" : `${count(why.length)} as before: ${why[0]!}`;
  const next = name === null || (await isLoaded(panel)) ? "" : loadFirst(panel, chosen[0]!);
  return [others, next].filter(Boolean).join(" ");
}

const count = (cells: number): string => (cells === 1 ? "One of the cells stays" : `${cells} of the cells stay`);

// Why a cell stays unchanged; empty if it was changed.
function changed(cell: Cell, name: string | null): string {
  if (cell.model.type !== "code") {
    return "Only code runs: this cell is text.";
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
  return "";
}

// The cell needs the magics: insert a cell that loads them above it, if the notebook has none.
function loadFirst(panel: NotebookPanel, first: Cell): string {
  const { content } = panel;
  const cells = Array.from(content.model?.cells ?? []);
  if (cells.some((cell) => cell.sharedModel.getSource().includes(LOAD))) {
    return `Run the cell with ${LOAD} first.`;
  }
  const active = content.activeCell;
  content.model?.sharedModel.insertCell(content.widgets.indexOf(first), { cell_type: "code", source: LOAD });
  content.activeCellIndex = content.widgets.indexOf(active!);
  return `Run the cell above first: it loads %%gcrun.`;
}
