// When ipywidgets is told of the widget state that a notebook brought with it.

import { INotebookModel } from "@jupyterlab/notebook";
import { describe, expect, it, vi } from "vitest";

import { VIEW } from "../src/output_texts";
import { Manager, SavedState, STATE, WAITING } from "../src/saved_state";

interface Cell {
  type: string;
  trusted?: boolean;
  ids?: string[];
}

const SAVED = { version_major: 2, version_minor: 0, state: { a: { n: 1 }, b: { n: 2 } } };

function notebook(cells: Cell[], saved: unknown = { [STATE]: SAVED }): INotebookModel {
  return {
    cells: cells.map(({ type, trusted = false, ids = [] }) => ({
      type,
      trusted,
      outputs: {
        length: ids.length,
        get: (index: number) => ({ data: { [VIEW]: { model_id: ids[index] } } }),
      },
    })),
    getMetadata: (key: string) => (key === "widgets" ? saved : `the ${key}`),
  } as unknown as INotebookModel;
}

function manager(...known: string[]): Manager & { set_state: ReturnType<typeof vi.fn> } {
  return { has_model: (id) => known.includes(id), set_state: vi.fn(async () => []) };
}

const trusted = { type: "code", trusted: true, ids: ["a"] };
const HELD: [string, Cell[]][] = [
  ["no cell at all", []],
  ["text alone", [{ type: "markdown", trusted: true }, { type: "raw" }]],
  ["the empty cell that JupyterLab adds", [{ type: "code", trusted: true }]],
  ["a cell that isn't trusted", [{ type: "code", ids: ["a"] }]],
  ["one cell of two", [trusted, { type: "code" }]],
  ["a widget of one's own", [{ type: "code", trusted: true, ids: ["mine"] }]],
  ["a widget named like what every object has", [{ type: "code", trusted: true, ids: ["constructor"] }]],
  ["trusted text that shows something", [{ type: "markdown", trusted: true, ids: ["a"] }]],
];

describe("a notebook's saved widget state", () => {
  it.each(HELD)("is kept back: %s", async (_, cells) => {
    const model = notebook(cells);
    const state = new SavedState(model, () => true);
    const answered = model.getMetadata("widgets")[STATE];
    expect(answered).toEqual({
      version_major: 2,
      version_minor: 0,
      state: { [state.id]: { ...WAITING, state: {} } },
    });
    const found = manager();
    state.found(found);
    await state.restored();
    expect(found.set_state).not.toHaveBeenCalled();
    expect(model.getMetadata("kernelspec")).toBe("the kernelspec");
  });

  it("is nothing where ipywidgets can't wait", () => {
    const model = notebook([]);
    new SavedState(model, () => false);
    expect(model.getMetadata("widgets")).toBeUndefined();
  });

  it("is handed over where the notebook is trusted", () => {
    const model = notebook([trusted, { type: "code", trusted: true }, { type: "markdown" }]);
    new SavedState(model, () => true);
    expect(model.getMetadata("widgets")).toEqual({ [STATE]: SAVED });
  });

  it.each([null, {}, { [STATE]: {} }, { other: 1 }])("may be none: %j", (saved) => {
    const model = notebook([], saved);
    new SavedState(model, () => true);
    expect(model.getMetadata("widgets")).toEqual(saved);
  });

  it("is restored once the last cell is trusted, once, and not over what lives", async () => {
    const model = notebook([{ type: "code", ids: ["a"] }, { type: "code" }]);
    const state = new SavedState(model, () => true);
    model.getMetadata("widgets");
    const found = manager("b");
    state.found(found);
    const [first, second] = Array.from(model.cells);
    first!.trusted = true;
    const early = state.restored(); // the first cell's outputs are drawn before the next is trusted
    second!.trusted = true;
    await Promise.all([early, state.restored()]);
    await state.restored();
    expect(found.set_state).toHaveBeenCalledTimes(1);
    expect(found.set_state).toHaveBeenCalledWith({ ...SAVED, state: { a: { n: 1 } } });
  });

  it("stops no output when it can't be restored", async () => {
    const model = notebook([trusted]);
    const state = new SavedState(model, () => true);
    state.found({
      has_model: () => false,
      set_state: () => {
        throw new Error("Unsupported widget state format");
      },
    });
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    await state.restored();
    expect(told).toHaveBeenCalledTimes(1);
    told.mockRestore();
  });
});
