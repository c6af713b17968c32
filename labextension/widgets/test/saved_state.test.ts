// A saved notebook's widget state may be written by anybody: nothing of it runs, nothing hangs.

import { afterEach, expect, test } from "vitest";

import widget from "../src/index";
import { FakeModel, row, stateOf } from "./fake_model";

const MARKUP = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>";
const ends: (() => void)[] = [];

afterEach(() => {
  ends.splice(0).forEach((end) => end());
  document.body.replaceChildren();
});

function open(state: Record<string, unknown>): HTMLElement {
  const model = new FakeModel(state);
  const el = document.createElement("div");
  document.body.append(el);
  try {
    const end = widget.initialize({ model });
    ends.push(widget.render({ model, el }));
    ends.push(end ?? (() => {}));
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError); // the front end says so in the widget's place
  }
  return el;
}

const whole = stateOf([row("failed", MARKUP), row("running", "b")]);

test.each([
  ["texts", { title: MARKUP, endpoints: [MARKUP], _esm: MARKUP, _css: MARKUP }],
  ["an endless table", { size: 1e15 }],
  ["as many rows as an array has", { size: 100 * (2 ** 32 - 1) }],
  ["a negative table", { size: -5 }],
  ["no numbers", { size: "many", counts: "x", seq: null, origin: {} }],
  ["no lists", { endpoints: null, counts: null, page_0: MARKUP }],
  ["no rows", { page_0: [null, 7, MARKUP, {}] }],
  ["odd fields", { page_0: [[99, { a: 1 }, -1, "x", "y", "z", MARKUP, MARKUP]] }],
  ["another kind", { kind: "constructor" }],
  ["no kind", { kind: null }],
  ["a login", { kind: "login", url: "javascript:window.hacked=1", message: MARKUP }],
  ["a login's data link", { kind: "login", url: "data:text/html,<script>1</script>" }],
  ["a login's odd link", { kind: "login", url: " javascript:window.hacked=1//http://a" }],
])("%s", (_name, changes) => {
  const started = performance.now();
  const el = open({ ...whole, ...changes });
  expect(performance.now() - started).toBeLessThan(5000);
  expect(el.querySelector("script, img, iframe")).toBeNull();
  expect([...el.querySelectorAll("a[href]")].map((a) => a.getAttribute("href"))).toEqual([]);
  expect((window as unknown as { hacked?: number }).hacked).toBeUndefined();
});
