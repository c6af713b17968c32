import { expect, test, vi } from "vitest";

import { FIELD, Row } from "../src/messages";
import { FakeModel, row, stateOf } from "./fake_model";
import { action, button, ends, frames, labels, onPages, show } from "./shown_table";

const HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>";
onPages();

const tasks = (count: number): Row[] =>
  Array.from({ length: count }, (_, index) =>
    row(index % 10 === 3 ? "failed" : "running", `task ${index}`, {
      [FIELD.task_id]: `id-${index}`,
    }),
  );

test("a real table: caption, scopes, words beside icons", () => {
  const el = show(new FakeModel(stateOf([row("failed", "a"), row("running", "b")])));
  expect(el.querySelector("caption")!.textContent).toBe("Squares");
  expect(el.querySelectorAll("thead th[scope=col]")).toHaveLength(6);
  expect(el.querySelectorAll("tbody th[scope=row]")).toHaveLength(2);
  const states = [...el.querySelectorAll(".gc-state")];
  expect(states.map((cell) => cell.textContent)).toEqual(["failed", "running"]);
  expect(states.every((cell) => cell.querySelector("svg[aria-hidden=true]"))).toBe(true);
  expect(el.querySelector("progress")!.max).toBe(2);
  const hidden = [...el.querySelectorAll("[aria-hidden]")];
  expect(new Set(hidden.map((one) => one.getAttribute("aria-hidden")))).toEqual(new Set(["true"]));
});

test("text from a remote machine is text", () => {
  const model = new FakeModel({
    ...stateOf([
      row("failed", HOSTILE, { [FIELD.text]: HOSTILE, [FIELD.task_id]: HOSTILE }),
    ]),
    title: HOSTILE,
    endpoints: [HOSTILE],
  });
  const el = show(model);
  button(el, HOSTILE).click();
  action(el, "Traceback").click();
  const asked = model.sent[0] as { request: string };
  model.emit("msg:custom", { type: "shown", request: asked.request, row: 0, text: HOSTILE });
  expect(el.querySelector("pre")!.textContent).toBe(HOSTILE);
  expect(el.querySelectorAll("script, img")).toHaveLength(0);
  expect((window as any).hacked).toBeUndefined();
});

test("of 100,000 rows only those in view have elements", async () => {
  const el = show(new FakeModel(stateOf(tasks(100_000))));
  expect(labels(el).length).toBeLessThan(30);
  const scroller = el.querySelector(".gc-scroll")!;
  scroller.scrollTop = 50_000 * 20;
  scroller.dispatchEvent(new Event("scroll"));
  await frames();
  expect(labels(el).length).toBeLessThan(30);
  const rows = [...el.querySelectorAll("tbody tr[aria-rowindex]")];
  expect(Number(rows[0]!.getAttribute("aria-rowindex"))).toBeGreaterThan(49_000);
  expect(el.querySelector("table")!.getAttribute("aria-rowcount")).toBe("100001");
});

test("above twenty rows failures come first and a filter is there", () => {
  const el = show(new FakeModel(stateOf(tasks(50))));
  expect(labels(el).slice(0, 5)).toEqual(["task 3", "task 13", "task 23", "task 33", "task 43"]);
  expect(el.querySelector<HTMLElement>("input[type=search]")!.hidden).toBe(false);
});

test("up to twenty rows stay as they were submitted", () => {
  const el = show(new FakeModel(stateOf(tasks(20))));
  expect(labels(el)[0]).toBe("task 0");
  expect(el.querySelector<HTMLElement>("input[type=search]")!.hidden).toBe(true);
});

test("filters", () => {
  const el = show(new FakeModel(stateOf(tasks(50))));
  const search = el.querySelector<HTMLInputElement>("input[type=search]")!;
  search.value = "task 49";
  search.dispatchEvent(new Event("input"));
  expect(labels(el)).toEqual(["task 49"]);
  search.value = "no such task";
  search.dispatchEvent(new Event("input"));
  expect(el.querySelector<HTMLElement>(".gc-nothing")!.hidden).toBe(false);
  search.value = "";
  search.dispatchEvent(new Event("input"));
  const states = el.querySelector("select")!;
  states.value = "failed";
  states.dispatchEvent(new Event("change"));
  expect(labels(el)).toEqual(["task 3", "task 13", "task 23", "task 33", "task 43"]);
});

test("a heading sorts, and turns around", () => {
  const el = show(new FakeModel(stateOf(tasks(12))));
  const head = el.querySelector("thead th")!;
  head.querySelector("button")!.click();
  expect(head.getAttribute("aria-sort")).toBe("ascending");
  expect(labels(el)[0]).toBe("task 0");
  head.querySelector("button")!.click();
  expect(head.getAttribute("aria-sort")).toBe("descending");
  expect(labels(el)[0]).toBe("task 11");
});

test("an update changes cells, and neither rows nor focus", async () => {
  const model = new FakeModel(stateOf([row("running", "a"), row("running", "b")]));
  const el = show(model);
  const focused = button(el, "b");
  focused.focus();
  model.update(stateOf([row("success", "a"), row("failed", "b")], 2));
  await frames();
  expect(document.activeElement).toBe(focused);
  expect([...el.querySelectorAll(".gc-state")].map((cell) => cell.textContent)).toEqual([
    "success",
    "failed",
  ]);
});

test("arrows move between rows, and stay in the table", () => {
  const el = show(new FakeModel(stateOf(tasks(100).map((_, index) => row("running", `t${index}`)))));
  const press = (key: string): void => {
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  };
  button(el, "t0").focus();
  press("ArrowDown");
  expect(document.activeElement!.textContent).toBe("t1");
  press("End");
  expect(document.activeElement!.textContent).toBe("t99");
  press("ArrowDown");
  expect(document.activeElement!.textContent).toBe("t99");
  press("Home");
  expect(document.activeElement!.textContent).toBe("t0");
  expect(el.querySelectorAll("tbody button[tabindex='0']")).toHaveLength(1);
});

test("keys never reach the notebook's own shortcuts", () => {
  const el = show(new FakeModel(stateOf(tasks(30))));
  const seen = vi.fn();
  document.body.addEventListener("keydown", seen);
  for (const target of [el.querySelector("input")!, el.querySelector(".gc-open")!]) {
    target.dispatchEvent(new KeyboardEvent("keydown", { key: "d", bubbles: true }));
  }
  document.body.removeEventListener("keydown", seen);
  expect(seen).not.toHaveBeenCalled();
});

test("a row's details: asked for once, shown, closed with the focus back", () => {
  const model = new FakeModel(stateOf([row("success", "a", { [FIELD.task_id]: "id-a" })]));
  const el = show(model);
  button(el, "a").click();
  expect(document.activeElement!.textContent).toBe("Result");
  action(el, "Result").click();
  expect(model.sent).toMatchObject([{ type: "show", row: 0 }]);
  model.emit("msg:custom", { type: "shown", request: "another view's", row: 0, text: "no" });
  expect(el.querySelector("pre")!.hidden).toBe(true);
  const { request } = model.sent[0] as { request: string };
  model.emit("msg:custom", { type: "shown", request, row: 0, text: "49" });
  expect(el.querySelector("pre")!.textContent).toBe("49");
  action(el, "Close").click();
  expect(el.querySelector<HTMLElement>(".gc-details")!.hidden).toBe(true);
  expect(document.activeElement!.textContent).toBe("a");
});

test("an open task offers no result yet, an ended one can run again", () => {
  const model = new FakeModel(stateOf([row("running", "a"), row("failed", "b")]));
  const el = show(model);
  button(el, "a").click();
  action(el, "Result").click();
  action(el, "Run again").click();
  expect(model.sent).toEqual([]);
  button(el, "b").click();
  action(el, "Run again").click();
  expect(model.sent).toEqual([{ type: "rerun", row: 1 }]);
});

test("a task that runs shows what it prints, and how far it is", async () => {
  const at = (text: string, progress: unknown): Record<string, unknown> =>
    stateOf([row("running", "a", { [FIELD.text]: text, [FIELD.progress]: progress })]);
  const model = new FakeModel(at("epoch 1", [3, 12]));
  const el = show(model);
  const bar = el.querySelector<HTMLProgressElement>(".gc-progress")!;
  expect([bar.hidden, bar.value, bar.max, bar.title]).toEqual([false, 3, 12, "3 of 12"]);
  button(el, "a").click();
  action(el, "Output").click();
  const { request } = model.sent[0] as { request: string };
  model.emit("msg:custom", { type: "shown", request, row: 0, text: "epoch 1" });
  model.update({ ...at("epoch 2", [4, null]), seq: 2 });
  await frames();
  expect(model.sent).toMatchObject([{ type: "show" }, { type: "show", row: 0 }]); // by itself
  expect(bar.hasAttribute("value")).toBe(false);
  for (const made of [null, "x", ["1", "2"], [{}], undefined]) {
    model.update({ ...at(`epoch ${String(made)}`, made), seq: 3 });
    await frames();
    expect(bar.hidden).toBe(true);
  }
});

test("what waits for an endpoint that is offline isn't lost", () => {
  const el = show(new FakeModel(stateOf([row("endpoint offline", "a"), row("running", "b")])));
  const kept = "The service keeps the task";
  button(el, "a").click();
  expect(el.querySelector(".gc-details dl")!.textContent).toContain(kept);
  button(el, "b").click();
  expect(el.querySelector(".gc-details dl")!.textContent).not.toContain(kept);
});

test("copying an id, also where the clipboard is closed", async () => {
  const model = new FakeModel(stateOf([row("success", "a", { [FIELD.task_id]: "id-a" })]));
  const el = show(model);
  const write = vi.fn().mockResolvedValue(undefined);
  Object.defineProperty(navigator, "clipboard", { value: { writeText: write }, configurable: true });
  button(el, "a").click();
  action(el, "Copy id").click();
  await frames();
  expect(write).toHaveBeenCalledWith("id-a");
  write.mockRejectedValue(new Error("denied"));
  action(el, "Copy id").click();
  await frames();
  expect(el.querySelector(".gc-details .gc-note")!.textContent).toContain("id-a");
});

test("several views of one model live and end on their own", async () => {
  const model = new FakeModel(stateOf([row("running", "a")]));
  const [first, second] = [show(model), show(model)];
  model.update(stateOf([row("success", "a")], 2));
  await frames();
  for (const el of [first, second]) {
    expect(el.querySelector(".gc-state")!.textContent).toBe("success");
  }
  ends.shift()!();
  expect(first.querySelector("table")).toBeNull();
  model.update(stateOf([row("success", "a"), row("failed", "b")], 3));
  await frames();
  expect(labels(second)).toEqual(["a", "b"]);
  ends.shift()!();
  expect(model.listening).toBe(0);
});

test("one polite announcement for a burst", () => {
  vi.useFakeTimers({ now: 1_000_000 });
  const rows = Array.from({ length: 30 }, (_, index) => row("running", `${index}`));
  const model = new FakeModel(stateOf(rows));
  const el = show(model);
  const live = el.querySelector(".gc-table > [role=status]")!;
  const said: string[] = [];
  let last = live.textContent;
  for (let seq = 2; seq < 22; seq++) {
    rows[seq] = row("failed", `${seq}`);
    vi.advanceTimersByTime(100);
    model.update(stateOf([...rows], seq));
    if (live.textContent !== last) {
      said.push((last = live.textContent)!);
    }
  }
  expect(said.length).toBeGreaterThan(0);
  expect(said.length).toBeLessThanOrEqual(3); // in two seconds
  expect(live.getAttribute("aria-live")).toBe("polite");
});

test("of a large table, what is in view is asked for first", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const model = new FakeModel(stateOf(tasks(3000)));
  const el = show(model);
  await vi.advanceTimersByTimeAsync(100);
  const views = (): unknown[] => model.sent.filter((message) => message.type === "view");
  expect(views()).toEqual([{ type: "view", pages: [0, 1] }]); // every tenth has failed, and is first
  const scroller = el.querySelector(".gc-scroll")!;
  for (const place of [500, 1500, 2900]) {
    scroller.scrollTop = 20 * place;
    scroller.dispatchEvent(new Event("scroll"));
    await frames();
  }
  await vi.advanceTimersByTimeAsync(100);
  expect(views()).toHaveLength(2); // where the scrolling has ended
  expect((views()[1] as { pages: number[] }).pages).toContain(28);
});

test("a small table says nothing of its view", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const model = new FakeModel(stateOf(tasks(2000)));
  show(model);
  await vi.advanceTimersByTimeAsync(200);
  expect(model.sent).toEqual([]);
});

test("a table that is out of the page while its tasks end has all its rows when it is back", () => {
  const model = new FakeModel(stateOf(tasks(40)));
  const el = show(model);
  const before = labels(el).length;
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(0);
  model.update({ ...stateOf(tasks(40)), seq: 1 });
  expect(labels(el)).toHaveLength(before);
});
