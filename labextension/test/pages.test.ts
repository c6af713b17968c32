import { expect, test } from "vitest";

import { cellText } from "../src/cell_text";
import { Task } from "../src/messages";
import { named, Pages } from "../src/pages";
import { FakeServer, reply, task } from "./fakes";

const many = (count: number, name = "x"): ReturnType<typeof reply> =>
  reply(Array.from({ length: count }, (_, n) => task({ task_id: `t${n}`, label: `${name}=${n}` })));

test("a page is fetched when it comes into view, and those in view again at a change", async () => {
  const server = new FakeServer();
  server.answers.tasks = many(1000);
  let changed = 0;
  const come: (() => void)[] = [];
  const pages = new Pages<Task>(server.tasks, () => {
    changed++;
    come.shift()?.();
  }, "r");
  await pages.refresh();
  expect([pages.total, pages.row(199)?.label, pages.row(200)]).toEqual([1000, "x=199", undefined]);
  const there = new Promise<void>((done) => come.push(done));
  pages.look(390, 410);
  await there;
  expect(pages.row(390)?.label).toBe("x=390");
  expect(server.calls).toEqual(["tasks run=r", "tasks run=r from 200", "tasks run=r from 400"]);
  server.calls = [];
  server.answers.tasks = many(1000, "new x");
  await pages.refresh();
  expect(server.calls).toEqual(["tasks run=r from 200", "tasks run=r from 400"]);
  expect(pages.row(200)?.label).toBe("new x=200");
  expect(pages.row(0)?.label).toBe("x=0"); // until it is looked at
  expect(pages.find((one) => one.label === "x=0")).toBeUndefined();
  const again = new Promise<void>((done) => come.push(done));
  pages.look(0, 10);
  await again;
  expect(pages.row(0)?.label).toBe("new x=0");
  expect(changed).toBe(4);
});

test("of the rows that a scroll passes, those where it stops are fetched", async () => {
  const server = new FakeServer();
  server.answers.tasks = many(10_000);
  let stopped = (): void => undefined;
  const there = new Promise<void>((done) => (stopped = done));
  const pages = new Pages<Task>(server.tasks, () => pages.row(9800) && stopped());
  await pages.refresh();
  for (let first = 200; first < 10_000; first += 200) {
    pages.look(first, first + 20);
  }
  await there;
  expect(server.calls).toEqual(["tasks", "tasks from 200", "tasks from 9800"]);
});

test("an answer to an earlier question is dropped", async () => {
  const server = new FakeServer();
  server.answers.tasks = many(3);
  const pages = new Pages<Task>(server.tasks, () => undefined);
  const early = pages.refresh();
  pages.ask({ text: "x" });
  await early;
  expect(pages.total).toBe(0);
  await pages.refresh();
  expect(pages.total).toBe(3);
  server.answers.tasks = reply([]);
  pages.ask({ text: "y" });
  await pages.refresh();
  expect(pages.row(0)).toBeUndefined(); // it was of another question
  server.calls.pop();
  expect(server.calls).toEqual(["tasks", "tasks text=x"]);
});

test("what is no longer asked is given up, and its failure is nobody's", async () => {
  const server = new FakeServer();
  server.answers.tasks = many(3);
  let first = true;
  const pages = new Pages<Task>(
    (question, offset, unless) => {
      if (first) {
        first = false;
        return new Promise((_, fail) => unless.addEventListener("abort", () => fail(new Error("aborted"))));
      }
      return server.tasks(question, offset);
    },
    () => undefined,
  );
  const early = pages.refresh();
  pages.ask({ text: "x" });
  await early;
  await pages.refresh();
  expect(pages.total).toBe(3);
});

test("columns are found by name, wherever they are", () => {
  const { columns, rows } = reply([task({ label: "x", error: "y" })]);
  const row = named<Task>([...columns].reverse().concat("new"), [...rows[0]!].reverse().concat("z"));
  expect(row).toMatchObject(task({ label: "x", error: "y" }));
});

test("a cell as text: source, what was printed, the last value, and a traceback without colours", () => {
  const outputs = [
    { output_type: "stream", text: ["a\n", "b\n"] },
    { output_type: "execute_result", data: { "text/plain": "42", "text/html": "<b>42</b>" } },
    { output_type: "error", traceback: ["\u001b[31mValueError\u001b[0m", "no"] },
  ];
  expect(cellText({ source: ["x\n", "y"], outputs })).toEqual({
    source: "x\ny",
    output: "a\nb\n42\nValueError\nno",
  });
  expect(cellText({ source: "x", outputs: "damaged" })).toEqual({ source: "x", output: "" });
});
