import { expect, test } from "vitest";

import { Completions } from "../src/completions";
import { Task } from "../src/messages";
import { TaskList } from "../src/task_list";
import { reply, task } from "./fakes";

const list = (...tasks: Partial<Task>[]): TaskList => new TaskList(reply(tasks.map(task)));

test("the first look tells nothing; what ends later is told once", () => {
  const completions = new Completions();
  expect(completions.look(list({ task_id: "a" }, { task_id: "b", state: "success" }))).toBeNull();
  const ended = list({ task_id: "a", state: "success" });
  expect(completions.look(ended)).toEqual({ text: "fit on polaris: success", failed: false });
  expect(completions.look(ended)).toBeNull();
});

test("many that end together are one sentence", () => {
  const completions = new Completions();
  completions.look(list({ task_id: "a" }, { task_id: "b" }, { task_id: "c" }));
  const told = completions.look(
    list({ task_id: "a", state: "failed" }, { task_id: "b", state: "success" }, { task_id: "c" }),
  );
  expect(told).toEqual({ text: "2 tasks have ended, 1 failed", failed: true });
});

test("a task that left the journal has not ended", () => {
  const completions = new Completions();
  completions.look(list({ task_id: "a" }));
  expect(completions.look(list())).toBeNull();
});
