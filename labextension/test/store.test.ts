import { afterEach, expect, test, vi } from "vitest";

import { Problem } from "../src/problem";
import { Store } from "../src/store";
import { FakeServer, news } from "./fakes";

afterEach(() => void vi.useRealTimers());

test("while nobody looks at tasks, they are only counted", async () => {
  const server = new FakeServer();
  const store = new Store(server);
  store.poke();
  await news(store, "tasks");
  expect(server.calls).toEqual(["status"]);
  expect(store.status?.open).toBe(1);
});

test("whoever needs rows fetches them at once, and again when they change", async () => {
  const store = new Store(new FakeServer());
  let fetched = 0;
  store.need("panel", async () => void fetched++);
  await news(store, "tasks");
  store.poke();
  await news(store, "tasks");
  expect(fetched).toBe(2);
  store.need("panel", null);
  store.poke();
  await news(store, "tasks");
  expect(fetched).toBe(2);
});

test("a hundred notices are few requests, and the last one counts", async () => {
  vi.useFakeTimers();
  const server = new FakeServer();
  const store = new Store(server);
  for (let notice = 0; notice < 100; notice++) {
    store.poke();
  }
  await vi.runAllTimersAsync();
  expect(server.calls).toEqual(["status", "status"]);
});

test("a problem is said, and goes when an answer comes", async () => {
  const server = new FakeServer();
  const store = new Store(server);
  server.failure = new Problem("gone", "come back");
  await store.loadEndpoints(false);
  expect(store.problems.endpoints?.nextStep).toBe("come back");
  expect(store.problems.tasks).toBeNull();
  server.failure = null;
  await store.loadEndpoints(true);
  expect(store.problems.endpoints).toBeNull();
  expect(server.calls).toEqual(["endpoints", "endpoints?ask=1"]);
});

test("collecting follows the user's decision, and no default", async () => {
  const server = new FakeServer();
  const store = new Store(server);
  await store.follow(null);
  expect(server.calls).toEqual([]);
  await store.follow(true);
  await store.follow(true);
  expect(store.status?.collecting).toBe(true);
  await store.follow(null); // back to the default
  expect(server.calls).toEqual(["collecting true", "collecting false"]);
});
