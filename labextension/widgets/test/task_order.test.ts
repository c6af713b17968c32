import { expect, test } from "vitest";

import { arrange, Order } from "../src/task_order";
import { FIELD } from "../src/messages";
import { TaskRows } from "../src/task_rows";
import { FakeModel, row, stateOf } from "./fake_model";

const rows = new TaskRows(
  new FakeModel(
    stateOf([
      row("success", "task 10", { [FIELD.started]: 0, [FIELD.ended]: 300, [FIELD.text]: "'ten'" }),
      row("failed", "task 9", { [FIELD.started]: 0, [FIELD.ended]: 100, [FIELD.task_id]: "abc-9" }),
      row("waiting for nodes", "task 1", { [FIELD.endpoint]: 1 }),
      row("success", "task 2", { [FIELD.started]: 0, [FIELD.ended]: 200 }),
      row("failed", "Task 30", { [FIELD.started]: 0, [FIELD.ended]: 100 }),
    ]),
  ),
);

const plain: Order = { key: "row", descending: false, text: "", state: "" };
const order = (more: Partial<Order>): number[] => [...arrange(rows, { ...plain, ...more })];

test("in the order of submission", () => {
  expect(order({})).toEqual([0, 1, 2, 3, 4]);
  expect(order({ descending: true })).toEqual([4, 3, 2, 1, 0]);
});

test("failures first, else as submitted", () => {
  expect(order({ key: "urgency" })).toEqual([1, 4, 2, 0, 3]);
  expect(order({ key: "state", descending: true })).toEqual([0, 3, 2, 1, 4]);
});

test("labels by their numbers", () => {
  expect(order({ key: "label" })).toEqual([2, 3, 1, 0, 4]);
});

test("times, with unknown ones last either way", () => {
  expect(order({ key: "running" })).toEqual([1, 4, 3, 0, 2]);
  expect(order({ key: "running", descending: true })).toEqual([0, 3, 1, 4, 2]);
});

test.each([
  ["TASK 1", [0, 2]],
  ["ten", [0]],
  ["abc-9", [1]],
  ["polaris", [2]],
  ["nothing has this", []],
  ["  ", [0, 1, 2, 3, 4]],
])("filter by text %j", (text, expected) => {
  expect(order({ text })).toEqual(expected);
});

test("filter by state and text", () => {
  expect(order({ state: "failed" })).toEqual([1, 4]);
  expect(order({ state: "failed", text: "30" })).toEqual([4]);
});

test("rows on their way come last, and match no filter", () => {
  const model = new FakeModel(
    stateOf(Array.from({ length: 150 }, () => row("failed", "x"))),
  );
  delete model.state["page_0"];
  const partly = new TaskRows(model);
  const urgent = arrange(partly, { ...plain, key: "urgency" });
  expect(urgent[0]).toBe(100);
  expect(urgent).toHaveLength(150);
  expect(arrange(partly, { ...plain, text: "x" })).toHaveLength(50);
});
