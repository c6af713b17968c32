import { afterEach, expect, test, vi } from "vitest";

import widget from "../src/index";
import { Stop } from "../src/messages";
import { FakeModel, row, stateOf } from "./fake_model";

let ends: (() => void)[] = [];

afterEach(() => {
  ends.splice(0).forEach((end) => end());
  document.body.replaceChildren();
  vi.useRealTimers();
});

function show(model: FakeModel): HTMLElement {
  const el = document.createElement("div");
  document.body.append(el);
  ends.push(widget.render({ model, el }));
  return el;
}

const button = (el: Element, text: string): HTMLButtonElement =>
  [...el.querySelectorAll("button")].find((one) => one.textContent === text)!;
const last = (model: FakeModel): Stop => model.sent[model.sent.length - 1] as Stop;
const answer = (model: FakeModel, text: string, words: string): void =>
  model.emit("msg:custom", { type: "stopping", request: last(model).request, text, answer: words });
const shown = (el: Element): string =>
  [...el.querySelectorAll<HTMLElement>(".gc-stop:not([hidden]) > :not([hidden])")].map((one) => one.textContent).join("|");

test("all open tasks are stopped after a question, and nothing before it", () => {
  const model = new FakeModel(stateOf([row("running", "a"), row("unsent", "b"), row("success", "c")]));
  const el = show(model);
  const stop = button(el, "Stop all…");
  stop.focus();
  stop.click();
  expect(last(model)).toMatchObject({ type: "stop", row: null, sure: false });
  expect(shown(el)).toBe("Asking the kernel…");
  answer(model, "Stop 2 tasks?", "Stop 2 tasks");
  expect(shown(el)).toBe("Stop 2 tasks?|Stop 2 tasks|Don't stop");
  expect(document.activeElement).toBe(button(el, "Don't stop")); // one Enter too many keeps them
  button(el, "Stop 2 tasks").focus();
  button(el, "Stop 2 tasks").click();
  expect(last(model)).toMatchObject({ type: "stop", row: null, sure: true });
  answer(model, "a is stopped.", "");
  expect(shown(el)).toBe("a is stopped.|OK");
  expect(document.activeElement).toBe(button(el, "OK"));
  button(el, "OK").click();
  expect(shown(el)).toBe("");
  expect(document.activeElement).toBe(stop);
  expect(model.sent).toHaveLength(2);
});

test("keeping the tasks sends nothing, by Escape or by the button", () => {
  const model = new FakeModel(stateOf([row("running", "a"), row("running", "b")]));
  const el = show(model);
  button(el, "a").click();
  const details = el.querySelector<HTMLElement>(".gc-details")!;
  const stop = button(details, "Stop…");
  for (const keep of [
    (): unknown => button(details, "Don't stop").click(),
    (): unknown => button(details, "Don't stop").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true })),
  ]) {
    stop.focus();
    stop.click();
    expect(last(model)).toMatchObject({ row: 0, sure: false });
    answer(model, "Stop this task?", "Stop it");
    keep();
    expect(shown(el)).toBe("");
    expect(details.hidden).toBe(false);
    expect(document.activeElement).toBe(stop);
  }
  expect(model.sent.every((one) => !(one as Stop).sure)).toBe(true);
});

test("what was asked of another row, or isn't asked any more, is no answer", () => {
  const model = new FakeModel(stateOf([row("running", "a"), row("running", "b")]));
  const el = show(model);
  button(el, "a").click();
  const details = el.querySelector<HTMLElement>(".gc-details")!;
  button(details, "Stop…").click();
  button(el, "b").click();
  answer(model, "Stop this task?", "Stop it");
  expect(shown(el)).toBe("");
});

test("where nothing can be stopped there is no button that says so", () => {
  const model = new FakeModel(stateOf([row("running", "a"), row("running", "b")]));
  const el = show(model);
  button(el, "Stop all…").click();
  answer(model, "A Globus Compute task cannot be stopped.", "");
  expect(shown(el)).toBe("A Globus Compute task cannot be stopped.|OK");
});

test("a kernel that doesn't answer is busy, and the row of a task that has ended has no button", () => {
  vi.useFakeTimers();
  const model = new FakeModel(stateOf([row("running", "a"), row("success", "b")]));
  const el = show(model);
  button(el, "Stop all…").click();
  vi.advanceTimersByTime(3000);
  expect(shown(el)).toContain("The kernel is busy");
  button(el, "b").click();
  expect(button(el.querySelector(".gc-details")!, "Stop…").hidden).toBe(true);
  model.update(stateOf([row("success", "a"), row("success", "b")], 2));
  expect(button(el, "Stop all…").hidden).toBe(true);
});

test("a table of one task has the button too", () => {
  const model = new FakeModel(stateOf([row("running", "a")]));
  const el = show(model);
  const stop = button(el.querySelector(".gc-tools")!, "Stop…");
  expect(stop.hidden).toBe(false);
  stop.click();
  expect(last(model)).toMatchObject({ type: "stop", row: null, sure: false });
  model.update(stateOf([row("cancelled", "a")], 2));
  expect(stop.hidden).toBe(true);
});
