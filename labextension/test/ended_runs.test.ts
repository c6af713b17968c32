import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { EndedRuns, Notices, QUIET_MS, sentence } from "../src/ended_runs";
import { Run } from "../src/messages";
import { Store } from "../src/store";
import { FakeServer, news, reply, run } from "./fakes";

const ENDED = { open: 0, state: "success", ended_at: 1_700_000_245 };
let told: string[];
let ended: EndedRuns;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  ended = new EndedRuns((one: Run) => void told.push(one.run));
});

afterEach(() => void vi.useRealTimers());

test("the first look tells nothing; a run that ends later is told once, however many tasks it had", () => {
  ended.look([run({ run: "a" }), run({ run: "b", ...ENDED })], 60);
  ended.look([run({ run: "a", open: 1 }), run({ run: "b", ...ENDED })], 60);
  ended.look([run({ run: "a", ...ENDED }), run({ run: "b", ...ENDED })], 60);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(QUIET_MS);
  ended.look([run({ run: "a", ...ENDED })], 60);
  vi.advanceTimersByTime(QUIET_MS);
  expect(told).toEqual(["a"]);
});

test("a short run is not told of", () => {
  ended.look([run()], 300);
  ended.look([run(ENDED)], 300);
  vi.advanceTimersByTime(QUIET_MS);
  expect(told).toEqual([]);
});

test("a cell that sends its tasks one after another is told of at its end", () => {
  ended.look([run()], 60);
  ended.look([run(ENDED)], 60);
  ended.look([run()], 60);
  vi.advanceTimersByTime(QUIET_MS);
  expect(told).toEqual([]);
  ended.look([run(ENDED)], 60);
  vi.advanceTimersByTime(QUIET_MS);
  expect(told).toEqual(["a:throw darts"]);
});

test("what a user doesn't want to hear any more isn't said", () => {
  ended.look([run()], 60);
  ended.look([run(ENDED)], 60);
  ended.forget();
  vi.advanceTimersByTime(QUIET_MS);
  expect(told).toEqual([]);
});

test("notices follow the server as long as they are wanted", async () => {
  vi.useRealTimers();
  const server = new FakeServer();
  const store = new Store(server);
  const notices = new Notices(store, server, { notifyAfter: 60 }, () => undefined);
  server.answers.runs = reply([run()]);
  notices.follow(true);
  await news(store, "tasks");
  expect(server.calls).toContain("runs");
  notices.follow(false);
  server.calls = [];
  store.poke();
  await news(store, "tasks");
  expect(server.calls).toEqual(["status"]);
});

test.each<[Partial<Run>, string]>([
  [{}, "throw darts: 30 tasks done, after 4 min 05 s, in a.ipynb"],
  [{ failed: 2 }, "throw darts: 2 of 30 tasks failed, after 4 min 05 s, in a.ipynb"],
  [{ tasks: 1 }, "throw darts: done, after 4 min 05 s, in a.ipynb"],
  [{ tasks: 1, failed: 1 }, "throw darts: failed, after 4 min 05 s, in a.ipynb"],
  [{ failed: 2, cancelled: 3 }, "throw darts: 2 of 30 tasks failed, 3 cancelled, after 4 min 05 s, in a.ipynb"],
  [{ failed: 30 }, "throw darts: 30 tasks failed, after 4 min 05 s, in a.ipynb"],
  [{ cancelled: 3 }, "throw darts: 3 of 30 tasks cancelled, after 4 min 05 s, in a.ipynb"],
  [{ tasks: 1, cancelled: 1 }, "throw darts: cancelled, after 4 min 05 s, in a.ipynb"],
  [{ cancelled: 30, notebook: "", ended_at: null }, "throw darts: 30 tasks cancelled"],
])("%j is %j", (changes, words) => {
  expect(sentence(run({ ...ENDED, ...changes }))).toBe(words);
});
