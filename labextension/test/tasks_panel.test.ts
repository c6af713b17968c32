import { afterEach, beforeEach, expect, test } from "vitest";

import { Task } from "../src/messages";
import { NOT_INSTALLED } from "../src/problem";
import { Store } from "../src/store";
import { TasksPanel } from "../src/tasks_panel";
import { FakeNotebook, FakeServer, news, reply, task } from "./fakes";

let server: FakeServer;
let notebook: FakeNotebook;
let store: Store;
let panel: TasksPanel;

beforeEach(() => {
  server = new FakeServer();
  notebook = new FakeNotebook();
  store = new Store(server);
  panel = new TasksPanel(store, notebook);
  document.body.append(panel.element);
});

afterEach(() => panel.element.remove());

const all = (selector: string): HTMLElement[] => [...panel.element.querySelectorAll<HTMLElement>(selector)];
const one = (selector: string): HTMLElement => all(selector)[0]!;
const press = (text: string): void => all("button").find((b) => b.textContent === text)!.click();

async function show(...tasks: Partial<Task>[]): Promise<void> {
  server.answers.tasks = reply(tasks.map(task));
  panel.setVisible(true);
  await news(store, "tasks");
}

test("ten thousand tasks have elements for those in view", async () => {
  await show(...Array.from({ length: 10_000 }, (_, n) => ({ task_id: `t${n}`, label: `fit #${n}` })));
  expect(one("table").getAttribute("aria-rowcount")).toBe("10001");
  expect(all(".gc-open").length).toBeLessThan(60);
  expect(one(".gc-open").textContent).toBe("fit #0");
  expect(one(".gc-words").textContent).toBe("1 open · 10,000 in all");
});

test("text from elsewhere is text", async () => {
  const markup = "<img src=x onerror=alert(1)>";
  await show({ label: markup, endpoint: markup, error: markup, notebook: markup, state: "failed" });
  one(".gc-open").click();
  expect(all("img")).toEqual([]);
  expect(one(".gc-open").textContent).toBe(markup);
  expect(one("dl").textContent).toContain(markup);
});

test("a filter by text and state", async () => {
  await show({ task_id: "a", label: "fit" }, { task_id: "b", label: "plot", state: "failed" });
  const search = one("input") as HTMLInputElement;
  search.value = "plot";
  search.dispatchEvent(new Event("input"));
  expect(all(".gc-open").map((open) => open.textContent)).toEqual(["plot"]);
  const states = one("select") as HTMLSelectElement;
  states.value = "open";
  states.dispatchEvent(new Event("change"));
  expect(all(".gc-open")).toEqual([]);
  expect(one(".gc-words").textContent).toBe("1 open · 0 of 2 shown");
});

test("each action is done in the notebook, and said", async () => {
  await show({ task_id: "a", state: "success" });
  one(".gc-open").click();
  for (const text of ["Result", "Attach", "Jump to cell", "Copy id"]) {
    press(text);
  }
  expect(notebook.done).toEqual(["result a", "attach a", "jump c1", "copy a"]);
  await new Promise((done) => setTimeout(done));
  expect(one(".gc-note").textContent).toContain("Did");
});

test("what can't be done says why, and keeps the focus", async () => {
  notebook.ready = false;
  await show({ task_id: "a", state: "success" });
  one(".gc-open").click();
  press("Result");
  expect(notebook.done).toEqual([]);
  expect(one(".gc-note").textContent).toBe("Open a notebook first.");
  expect(document.activeElement?.textContent).toBe("Result");
});

test("an action that fails says so", async () => {
  notebook.attach = () => Promise.reject(new Error("the kernel died"));
  await show({ task_id: "a" });
  one(".gc-open").click();
  press("Attach");
  await new Promise((done) => setTimeout(done));
  expect(one(".gc-note").textContent).toContain("the kernel died");
});

test("details follow their task, and Escape leads back to its row", async () => {
  await show({ task_id: "a", state: "running" });
  one(".gc-open").click();
  expect(one("h4").textContent).toBe("fit: running");
  server.answers.tasks = reply([task({ task_id: "new" }), task({ task_id: "a", state: "failed" })]);
  store.poke();
  await news(store, "tasks");
  expect(one("h4").textContent).toBe("fit: failed");
  one(".gc-details").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  expect(one(".gc-details").hidden).toBe(true);
  expect(document.activeElement?.className).toBe("gc-open");
});

test("without the server half, it says what to install where", async () => {
  server.failure = NOT_INSTALLED;
  panel.setVisible(true);
  await news(store, "tasks");
  expect(one(".gc-notice").hidden).toBe(false);
  expect(one(".gc-notice").textContent).toContain("pip install gc-jupyter");
  expect(one(".gc-words").textContent).toBe("");
});

test("an empty journal says where it is, and who writes into it", async () => {
  await show();
  expect(one(".gc-words").textContent).toContain("No tasks in journal.sqlite yet.");
  expect(one(".gc-words").textContent).toContain("JUPYTER_DATA_DIR");
});

test("a journal that can't be read is no empty journal", async () => {
  server.answers.tasks = reply([], {
    journal: { path: "x", problem: "The journal is locked.", next_step: "Close the other program." },
  });
  panel.setVisible(true);
  await news(store, "tasks");
  expect(one(".gc-notice").textContent).toContain("locked");
  expect(one(".gc-words").textContent).toBe("");
});

test("a panel that nobody sees fetches and draws nothing", async () => {
  await show({ task_id: "a" });
  panel.setVisible(false);
  server.calls = [];
  store.poke();
  await news(store, "tasks");
  expect(server.calls).toEqual(["status"]);
});
