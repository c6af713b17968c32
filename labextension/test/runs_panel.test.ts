import { afterEach, beforeEach, expect, test } from "vitest";

import { Run, Task } from "../src/messages";
import { NOT_INSTALLED } from "../src/problem";
import { RunsPanel } from "../src/runs_panel";
import { Store } from "../src/store";
import { FakeNotebook, FakeServer, news, reply, run, task } from "./fakes";

let server: FakeServer;
let notebook: FakeNotebook;
let store: Store;
let panel: RunsPanel;

beforeEach(() => {
  server = new FakeServer();
  notebook = new FakeNotebook();
  store = new Store(server);
  panel = new RunsPanel("panel", store, server, notebook);
  document.body.append(panel.element);
});

afterEach(() => {
  panel.dispose();
  panel.element.remove();
});

const all = (selector: string): HTMLElement[] => [...panel.element.querySelectorAll<HTMLElement>(selector)];
const one = (selector: string): HTMLElement => all(selector)[0]!;
const press = (text: string): void => all("button").find((b) => b.textContent === text)!.click();
const settled = (): Promise<void> => new Promise((done) => setTimeout(done));

async function show(...runs: Partial<Run>[]): Promise<void> {
  server.answers.runs = reply(runs.map(run));
  panel.setVisible(true);
  await news(store, "tasks");
}

async function open(...tasks: Partial<Task>[]): Promise<void> {
  server.answers.tasks = reply(tasks.map(task));
  one(".gc-runs .gc-open").click();
  await news(store, "tasks");
}

test("a run is one row: label, counts, duration, where, and a bar", async () => {
  await show({ open: 0, failed: 3, state: "failed", ended_at: 1_700_000_245 });
  const row = one(".gc-runs tbody:not(.gc-space) tr");
  expect(one(".gc-runs .gc-open").textContent).toBe("throw darts");
  expect(all(".gc-runs .gc-second").map((line) => line.textContent)).toContain("3 failed · polaris");
  expect(row.textContent).toContain("a.ipynb [3]");
  expect(row.textContent).toContain("30/30");
  expect(row.textContent).toContain("4 min 05 s");
  expect(all(".gc-runs .gc-fill").map((fill) => fill.style.width)).toEqual(["90%", "10%", "0%"]);
  expect(one(".gc-runs .gc-open").title).toBe("throw darts\n3 failed · polaris\nwork/a.ipynb");
});

test.each<[Partial<Run>, string]>([
  [{ open: 0, failed: 2, cancelled: 3, state: "failed" }, "2 failed, 3 cancelled"],
  [{ open: 0, cancelled: 3, state: "cancelled" }, "3 cancelled"],
  [{ open: 0, cancelled: 30, state: "cancelled" }, "cancelled"],
  [{ open: 4, cancelled: 3, state: "running" }, "running, 3 cancelled"],
  [{ open: 0, tasks: 1, cancelled: 1, state: "cancelled" }, "cancelled"],
  [{ open: 0, tasks: 1, failed: 1, state: "failed" }, "failed"],
])("a run's words are true of its tasks: %j", async (changes, words) => {
  await show(changes);
  expect(all(".gc-runs .gc-second").map((line) => line.textContent)).toContain(`${words} · polaris`);
});

test("a task is named by what tells it from the others, and says how far it is", async () => {
  await show({});
  await open({ task_id: "a", label: "throw darts seed=2", progress: 0.507 });
  expect(one(".gc-place .gc-open").textContent).toBe("seed=2");
  expect(one(".gc-place .gc-open").title).toBe("throw darts seed=2");
  expect(one(".gc-place .gc-tasks .gc-second").textContent).toBe("running 50 % · polaris");
});

test("what running tasks say of themselves moves the bar", async () => {
  await show({ tasks: 4, open: 2, progress: 0.6 });
  expect(all(".gc-runs .gc-fill").map((fill) => fill.style.width)).toEqual(["50%", "0%", "15%"]);
});

test("ten thousand runs have elements for those in view, and a page of rows is asked for", async () => {
  await show(...Array.from({ length: 10_000 }, (_, n) => ({ run: `r${n}`, label: `fit #${n}` })));
  expect(one(".gc-runs table").getAttribute("aria-rowcount")).toBe("10001");
  expect(all(".gc-open").length).toBeLessThan(60);
  expect(one(".gc-open").textContent).toBe("fit #0");
  expect(one(".gc-words").textContent).toBe("1 open task · 10,000 runs");
  expect(server.calls.filter((call) => call.startsWith("runs"))).toEqual(["runs"]);
});

test("text from elsewhere is text", async () => {
  const markup = "<img src=x onerror=alert(1)>";
  server.answers.failures = [{ error: markup, tasks: 2, traceback: `at ${markup}` }];
  notebook.text = { source: markup, output: markup };
  await show({ label: markup, endpoint: markup, error: markup, notebook: markup, failed: 2 });
  await open({ label: markup, error: markup, state: "failed", endpoint: markup });
  one(".gc-place .gc-tasks .gc-open").click();
  one(".gc-cell").setAttribute("open", "");
  one(".gc-cell").dispatchEvent(new Event("toggle"));
  await settled();
  expect(all("img")).toEqual([]);
  expect(one("h3").textContent).toBe(markup);
  expect(one(".gc-errors summary").textContent).toBe(`${markup} × 2`);
  expect(all("pre").map((text) => text.textContent)).toEqual([
    ...[`at ${markup}`, markup, markup], // of the run's errors, source and output
    `at ${markup}`, // of the task
  ]);
  expect(one("dl").textContent).toContain(markup);
});

test("what is searched for, the server finds", async () => {
  await show({});
  server.answers.runs = reply([]);
  const search = one("input") as HTMLInputElement;
  search.value = " plot ";
  search.dispatchEvent(new Event("input"));
  await news(store, "tasks");
  expect(server.calls).toContain("runs text=plot");
  expect(one(".gc-words").textContent).toBe("1 open task · 0 runs found");
  const states = one("select") as HTMLSelectElement;
  states.value = "failed";
  states.dispatchEvent(new Event("change"));
  await news(store, "tasks");
  expect(server.calls).toContain("runs text=plot state=failed");
});

test("a run's tasks are one click below, and Escape leads back to its row", async () => {
  await show({});
  await open({ task_id: "a", label: "x=0" }, { task_id: "b", label: "x=1", state: "failed", error: "no" });
  expect(all(".gc-place .gc-open").map((open) => open.textContent)).toEqual(["x=0", "x=1"]);
  expect(server.calls).toContain("tasks run=a:throw darts");
  expect(document.activeElement?.tagName).toBe("H3");
  expect(panel.element.classList.contains("gc-open-run")).toBe(true);
  one("h3").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect(panel.element.classList.contains("gc-open-run")).toBe(false);
  expect(document.activeElement?.className).toBe("gc-open");
});

test("what can be done with a run is done in its notebook, and said", async () => {
  await show({});
  await open({ task_id: "a" });
  for (const text of ["Open cell", "Attach", "Run again", "Stop", "Open as page"]) {
    press(text);
    await settled();
  }
  expect(notebook.done).toEqual([
    ...["jump c1", "attach abcdef", "again c1", "stop a:throw darts", "page a:throw darts"],
  ]);
  expect(one(".gc-note").textContent).toContain("Did page");
});

test("a cell that has sent several is attached to by their ids", async () => {
  await show({ ids: "" });
  await open({ task_id: "a" }, { task_id: "b" }, { task_id: "" });
  press("Attach");
  await settled();
  expect(notebook.done).toEqual(["attach a b"]);
});

test("each action on a task is done in the notebook, and said", async () => {
  await show({});
  await open({ task_id: "a", state: "success" });
  one(".gc-place .gc-open").click();
  for (const text of ["Result", "Jump to cell", "Copy id"]) {
    press(text);
  }
  expect(notebook.done).toEqual(["result a", "jump c1", "copy a"]);
  await settled();
  expect(one(".gc-details .gc-note").textContent).toContain("Did");
});

test("what can't be done says why, and keeps the focus", async () => {
  await show({ open: 0, state: "success" });
  await open({ task_id: "a", state: "success" });
  const stop = all("button").find((b) => b.textContent === "Stop")!;
  stop.focus();
  stop.click();
  await settled();
  expect(notebook.done).toEqual([]);
  expect(one(".gc-run > .gc-note").textContent).toBe("All its tasks have ended.");
  expect(document.activeElement).toBe(stop);
});

test("an action that fails says so", async () => {
  notebook.attach = () => Promise.reject(new Error("the kernel died"));
  await show({});
  await open({ task_id: "a" });
  press("Attach");
  await settled();
  expect(one(".gc-run > .gc-note").textContent).toContain("the kernel died");
});

test("a run and a task's details follow what becomes of them", async () => {
  await show({});
  await open({ task_id: "a", state: "running" });
  one(".gc-place .gc-open").click();
  expect(one(".gc-details h4").textContent).toBe("fit: running");
  server.answers.runs = reply([run({ run: "new" }), run({ open: 0, failed: 1, state: "failed" })]);
  server.answers.tasks = reply([task({ task_id: "a", state: "failed" })]);
  server.answers.failures = [{ error: "ValueError", tasks: 1, traceback: "" }];
  store.poke();
  await news(store, "tasks");
  expect(one(".gc-details h4").textContent).toBe("fit: failed");
  expect(one(".gc-run > .gc-words").textContent).toContain("30/30 tasks · 1 failed");
  expect(one(".gc-errors").textContent).toBe("ValueError");
});

test("a traceback that was unfolded stays so while tasks fail, and has the focus", async () => {
  server.answers.failures = [{ error: "ValueError", tasks: 1, traceback: "Traceback: …" }];
  await show({ failed: 1 });
  await open({ task_id: "a", state: "failed", error: "ValueError" });
  const details = one(".gc-errors details") as HTMLDetailsElement;
  expect([details.open, one(".gc-errors pre").textContent]).toEqual([false, "Traceback: …"]);
  details.open = true;
  one(".gc-errors summary").focus();
  server.answers.runs = reply([run({ failed: 3 })]);
  server.answers.failures = [{ error: "ValueError", tasks: 3, traceback: "Traceback: …" }];
  store.poke();
  await news(store, "tasks");
  expect(one(".gc-errors summary").textContent).toBe("ValueError × 3");
  expect(details.isConnected && details.open).toBe(true);
  expect(document.activeElement).toBe(one(".gc-errors summary"));
});

test("without the server half, it says what to install where", async () => {
  server.failure = NOT_INSTALLED;
  panel.setVisible(true);
  await news(store, "tasks");
  expect(one(".gc-notice").hidden).toBe(false);
  expect(one(".gc-notice").textContent).toContain("pip install gc-jupyter");
  expect(one(".gc-words").textContent).toBe("");
});

test("an empty journal says what to do, where it is, and who writes into it", async () => {
  await show();
  expect(one(".gc-words").textContent).toContain("Run one that begins with %%gcrun local");
  expect(one(".gc-words").textContent).toContain("It is journal.sqlite.");
  expect(one(".gc-words").textContent).toContain("JUPYTER_DATA_DIR");
});

test("a journal that can't be read is no empty journal", async () => {
  server.answers.runs = reply([], {
    journal: { path: "x", problem: "The journal is locked.", next_step: "Close the other program." },
  });
  panel.setVisible(true);
  await news(store, "tasks");
  expect(one(".gc-notice").textContent).toContain("locked");
  expect(one(".gc-words").textContent).toBe("");
});

test("a panel that nobody sees fetches and draws nothing", async () => {
  await show({});
  panel.setVisible(false);
  server.calls = [];
  store.poke();
  await news(store, "tasks");
  expect(server.calls).toEqual(["status"]);
});
