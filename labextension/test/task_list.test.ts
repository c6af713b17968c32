import { expect, test } from "vitest";

import { TaskList } from "../src/task_list";
import { reply, task } from "./fakes";

const LIST = new TaskList(
  reply([
    task({ task_id: "a", label: "Fit #1", state: "running" }),
    task({ task_id: "b", label: "plot", state: "failed", error: "ValueError: fit" }),
    task({ task_id: "c", label: "load", state: "success", notebook: "deep/other.ipynb" }),
    task({ task_id: "", label: "load", state: "unsent" }),
  ]),
);

test.each([
  ["", "", [0, 1, 2, 3]],
  ["fit", "", [0, 1]],
  ["  FIT ", "", [0, 1]],
  ["other.ipynb", "", [2]],
  ["", "open", [0, 3]],
  ["", "failed", [1]],
  ["fit", "open", [0]],
  ["nothing", "", []],
] as const)("text %j and state %j let %j through", (text, state, found) => {
  expect([...LIST.matching({ text, state })]).toEqual(found);
});

test("columns are found by name, wherever they are", () => {
  const { columns, rows, ...rest } = reply([task({ label: "x", error: "y" })]);
  const list = new TaskList({
    columns: [...columns].reverse().concat("new"),
    rows: rows.map((row) => [...row].reverse().concat("z")),
    ...rest,
  });
  expect(list.task(0)).toEqual(task({ label: "x", error: "y" }));
});

test("a task is found by its id, and open ones are known", () => {
  expect(LIST.find("b")?.label).toBe("plot");
  expect(LIST.find("z")).toBeUndefined();
  expect(LIST.open()).toEqual(new Set(["a", ""]));
});
