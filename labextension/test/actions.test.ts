import { expect, test } from "vitest";

import { nameOf, RunAction, TaskAction, whyNot, whyNotRun } from "../src/actions";
import { Run, Task } from "../src/messages";
import { fileName, isElsewhere } from "../src/paths";
import { run, task } from "./fakes";

test.each<[TaskAction, Partial<Task>, boolean, string]>([
  ["jump", {}, false, ""],
  ["jump", { notebook: "" }, true, "which notebook"],
  ["copy", {}, false, ""],
  ["copy", { task_id: "" }, true, "no task id"],
  ["attach", {}, true, ""],
  ["attach", {}, false, "Open a notebook"],
  ["attach", { task_id: "" }, true, ""], // by its group
  ["attach", { task_id: "", group_id: "" }, true, "no task id"],
  ["attach", { endpoint: "local", kernel_alive: false }, true, "end with their kernel"],
  ["result", { state: "success" }, true, ""],
  ["result", { state: "failed" }, true, ""],
  ["result", { state: "running" }, true, "hasn't ended"],
  ["result", { state: "success" }, false, "Open a notebook"],
  ["result", { state: "success", endpoint: "local", kernel_alive: false }, true, "kernel"],
])("%s of %j with a notebook: %j", (action, changes, ready, why) => {
  const said = whyNot(action, task(changes), ready);
  expect(said === "").toBe(why === "");
  expect(said).toContain(why);
});

test.each<[RunAction, Partial<Run>, boolean, string]>([
  ["page", {}, false, ""],
  ["jump", {}, false, ""],
  ["again", { notebook: "" }, true, "which notebook"],
  ["stop", {}, false, ""],
  ["stop", { open: 0 }, true, "have ended"],
  ["stop", { kernel_alive: false }, true, "attach first"],
  ["attach", {}, true, ""],
  ["attach", {}, false, "Open a notebook"],
  ["attach", { endpoint: "local", kernel_alive: false }, true, "end with their kernel"],
])("%s of the run %j with a notebook: %j", (action, changes, ready, why) => {
  const said = whyNotRun(action, run(changes), ready);
  expect(said === "").toBe(why === "");
  expect(said).toContain(why);
});

test.each([
  ["local", "", "local"],
  ["Polaris at ALCF", "polaris", "polaris"],
  ["Polaris at ALCF", "", "the-id"],
  ["x --timeout 1", "", "the-id"], // no option of the magic
  ["a\nb", "", "the-id"],
  ["", "", "the-id"],
])("an endpoint named %j with alias %j goes by %j", (name, alias, expected) => {
  expect(nameOf({ endpoint_id: "the-id", name, alias })).toBe(expected);
});

test.each([
  ["a.ipynb", false],
  ["work/a.ipynb", false],
  ["/home/u/work/a.ipynb", true],
  ["C:\\u\\a.ipynb", true],
])("%j is elsewhere: %j", (notebook, elsewhere) => {
  expect(isElsewhere(notebook)).toBe(elsewhere);
  expect(fileName(notebook)).toBe("a.ipynb");
});
