import { afterEach, expect, test, vi } from "vitest";

import { FIELD } from "../src/messages";
import { keepWhole, TaskRows } from "../src/task_rows";
import { FakeModel, ORIGIN, row, stateOf } from "./fake_model";

afterEach(() => void vi.useRealTimers());

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => row("running", `task ${index}`));

test("rows are found in their pages", () => {
  const rows = new TaskRows(new FakeModel(stateOf(many(250))));
  expect(rows.size).toBe(250);
  expect(rows.label(249)).toBe("task 249");
  expect(rows.row(250)).toBeUndefined();
});

test("a row whose page is on its way has a name all the same", () => {
  const model = new FakeModel(stateOf(many(250)));
  delete model.state["page_1"];
  const rows = new TaskRows(model);
  expect(rows.label(150)).toBe("task 151");
  expect(rows.missing()).toEqual([1]);
});

test("times are the workers' own, and grow while a task is open", () => {
  vi.useFakeTimers({ now: ORIGIN * 1000 + 9000 });
  const waiting = row("waiting for nodes", "a", { [FIELD.submitted]: 1000 });
  const running = row("running", "b", { [FIELD.submitted]: 1000, [FIELD.started]: 4000 });
  const done = row("success", "c", {
    [FIELD.submitted]: 1000,
    [FIELD.started]: 4000,
    [FIELD.ended]: 4500,
  });
  const rows = new TaskRows(new FakeModel(stateOf([waiting, running, done])));
  const now = rows.now();
  expect(rows.queued(waiting, now)).toBe(8);
  expect(rows.running(waiting, now)).toBeNull();
  expect(rows.queued(running, now)).toBe(3);
  expect(rows.running(running, now)).toBe(5);
  expect(rows.running(done, now)).toBe(0.5);
});

test("a clock that is behind gives no negative time", () => {
  const skewed = row("success", "a", {
    [FIELD.submitted]: 5000,
    [FIELD.started]: 4000,
    [FIELD.ended]: 4500,
  });
  const rows = new TaskRows(new FakeModel(stateOf([skewed])));
  expect(rows.queued(skewed, 0)).toBe(null);
});

test("updates in a row ask for nothing", () => {
  const model = new FakeModel(stateOf(many(3)));
  keepWhole(model);
  model.update({ seq: 2 });
  model.update({ seq: 3 });
  expect(model.sent).toEqual([]);
});

test("a gap is noticed, and the kernel told what was last known", () => {
  const model = new FakeModel(stateOf(many(3)));
  keepWhole(model);
  model.update({ seq: 2 });
  model.update({ seq: 5 });
  expect(model.sent).toEqual([{ type: "need", pages: [], seq: 2 }]);
  model.update({ seq: 6 });
  expect(model.sent).toHaveLength(1);
});

test("a front end that comes late asks for the pages it hasn't got", () => {
  const model = new FakeModel(stateOf(many(350), 7));
  delete model.state["page_2"];
  keepWhole(model);
  expect(model.sent).toEqual([{ type: "need", pages: [2], seq: 7 }]);
});

test("a page that wakes up asks whether it has missed something", () => {
  const model = new FakeModel(stateOf(many(3), 4));
  const stop = keepWhole(model);
  window.dispatchEvent(new Event("online"));
  expect(model.sent).toEqual([{ type: "need", pages: [], seq: 4 }]);
  stop();
  window.dispatchEvent(new Event("online"));
  expect(model.sent).toHaveLength(1);
  expect(model.listening).toBe(0);
});

test("nothing is asked for once all tasks have ended", () => {
  const model = new FakeModel(stateOf([row("success", "a")]));
  keepWhole(model);
  window.dispatchEvent(new Event("online"));
  expect(model.sent).toEqual([]);
});
