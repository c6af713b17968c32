import { expect, test, vi } from "vitest";

import { FIELD, Row } from "../src/messages";
import { OPEN_RUNS } from "../src/open_page";
import { State } from "../src/task_rows";
import { tickStep } from "../src/timeline";
import { FakeModel, ORIGIN, row, stateOf } from "./fake_model";
import { action, button, labels, onPages, show } from "./shown_table";

onPages();

const ended = (state: State, index: number): Row =>
  row(state, `task ${index}`, {
    [FIELD.submitted]: 0,
    [FIELD.started]: 1000 + 10 * (29 - index),
    [FIELD.ended]: 4100,
  });
const all = (state: State): Row[] => Array.from({ length: 30 }, (_, index) => ended(state, index));
const headline = (el: HTMLElement): HTMLElement => el.querySelector<HTMLElement>(".gc-headline")!;
const folded = (el: HTMLElement): boolean => el.querySelector(".gc-scroll")!.closest("[hidden]") !== null;

test("what has ended is a line that unfolds", () => {
  const el = show(new FakeModel({ ...stateOf(all("success")), title: "Tasks" }));
  expect(headline(el).textContent).toBe("30 tasks · 4.1 s · 2 endpoints");
  expect(folded(el)).toBe(true);
  headline(el).click();
  expect(headline(el).getAttribute("aria-expanded")).toBe("true");
  expect(folded(el)).toBe(false);
  expect(labels(el).length).toBeGreaterThan(5);
  expect(el.querySelector("caption")!.textContent).toBe("Tasks: 30 success");
});

test("a button asks for the page of its run, which only the lab extension has", () => {
  const el = show(new FakeModel({ ...stateOf(all("success")), run: "a:<b>" }));
  const asked = vi.fn();
  document.addEventListener(OPEN_RUNS, (event) => asked((event as CustomEvent).detail), { once: true });
  button(el, "Open as page").click();
  expect(asked).toHaveBeenCalledWith({ run: "a:<b>" });
});

test("failures unfold by themselves, and what is run again is open again", () => {
  const rows = all("success");
  rows[3] = ended("failed", 3);
  const model = new FakeModel(stateOf(rows));
  const el = show(model);
  expect(headline(el).textContent).toBe("Squares: 1 of 30 tasks failed · 4.1 s · 2 endpoints");
  expect(folded(el)).toBe(false);
  rows[3] = row("running", "task 3");
  model.update({ ...stateOf(rows, 2) });
  expect(headline(el).hidden).toBe(true);
  expect(el.querySelector(".gc-words")!.textContent).toContain("29 of 30 ended");
  rows[3] = ended("success", 3);
  model.update({ ...stateOf(rows, 3) });
  expect(folded(el)).toBe(true);
});

test("a table that is used when it ends stays unfolded, with its details and the focus", () => {
  const rows = all("success");
  rows[3] = row("running", "task 3");
  const model = new FakeModel(stateOf(rows));
  const el = show(model);
  button(el, "task 3").dispatchEvent(new Event("pointerdown", { bubbles: true }));
  button(el, "task 3").click();
  const focused = document.activeElement;
  expect(el.querySelector(".gc-chosen th")!.textContent).toBe("task 3");
  rows[3] = ended("success", 3);
  model.update({ ...stateOf(rows, 2) });
  expect(folded(el)).toBe(false);
  expect(document.activeElement).toBe(focused);
  expect(el.querySelector<HTMLElement>(".gc-details")!.hidden).toBe(false);
  action(el, "Close").click();
  expect(el.querySelector(".gc-chosen")).toBeNull();
});

test("the timeline shows each task from submission to end", () => {
  const times = { [FIELD.submitted]: 0, [FIELD.started]: 2000, [FIELD.ended]: 4000 };
  const late = { [FIELD.submitted]: 0, [FIELD.started]: 6000, [FIELD.ended]: 8000 };
  const el = show(new FakeModel(stateOf([row("success", "a", times), row("failed", "b", late)])));
  button(el, "Timeline").click();
  const bars = [...el.querySelectorAll<HTMLElement>(".gc-bar-running")];
  expect(bars.map((bar) => bar.style.left)).toEqual(["25%", "75%"]);
  expect(bars[0]!.style.width).toContain("25%");
  expect(el.querySelector(".gc-bar")!.textContent).toBe("queued 2.0 s, running 2.0 s");
  expect(el.querySelectorAll("thead th")).toHaveLength(3);
  button(el, "Timeline").click();
  expect(el.querySelectorAll("thead th")).toHaveLength(6);
});

test("the timeline is in the order of the starts, with ticks", () => {
  const rows = all("success");
  rows[0] = row("running", "task 0", { [FIELD.submitted]: 0, [FIELD.started]: 2000 });
  rows[29] = row("waiting for a worker", "task 29", { [FIELD.submitted]: 0 }); // it hasn't
  const el = show(new FakeModel(stateOf(rows)));
  button(el, "Timeline").click();
  expect(labels(el).slice(0, 2)).toEqual(["task 28", "task 27"]);
  expect(el.querySelector(".gc-ticks")!.children.length).toBeGreaterThan(1);
  expect(el.querySelector(".gc-ticks")!.firstElementChild!.textContent).toBe("0");
});

test("a narrow axis has few ticks, so that none covers another", async () => {
  const sizes: ((entries: { contentRect: { width: number } }[]) => void)[] = [];
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(resized: (entries: { contentRect: { width: number } }[]) => void) {
        sizes.push(resized);
      }
      observe(): void {}
      disconnect(): void {}
    },
  );
  const rows = [row("success", "a", { [FIELD.submitted]: 0, [FIELD.started]: 0, [FIELD.ended]: 20_000 })];
  const el = show(new FakeModel(stateOf([...rows, row("failed", "b")])));
  button(el, "Timeline").click();
  const ticks = el.querySelector(".gc-ticks")!.children;
  expect(ticks).toHaveLength(5);
  sizes.forEach((resized) => resized([{ contentRect: { width: 150 } }]));
  expect([...ticks].map((tick) => tick.textContent)).toEqual(["0", "10 s", "20 s"]);
  vi.unstubAllGlobals();
});

test.each([
  [10, 2],
  [450, 100],
  [4_000, 1_000],
  [40_000, 10_000],
  [600_000, 120_000],
  [1_000_000_000, 172_800_000],
])("of %d ms, a tick every %d", (length, step) => {
  expect(tickStep(length)).toBe(step);
});

test("elapsed, rate, time left and total", () => {
  vi.useFakeTimers({ now: (ORIGIN + 10) * 1000 });
  const rows = all("success").map((one, index) => (index < 10 ? one : row("running", `task ${index}`)));
  const el = show(new FakeModel(stateOf(rows)));
  expect(el.querySelector(".gc-pace")!.textContent).toBe("10.0 s · 1.0 per s · about 20 s left of 30 s");
});
