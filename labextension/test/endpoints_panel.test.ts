import { afterEach, beforeEach, expect, test } from "vitest";

import { EndpointsPanel, Favourites } from "../src/endpoints_panel";
import { NOT_INSTALLED } from "../src/problem";
import { Store } from "../src/store";
import { ENDPOINTS, FakeNotebook, FakeServer } from "./fakes";

class Kept implements Favourites {
  ids = new Set<string>();
  has = (id: string): boolean => this.ids.has(id);
  toggle = (id: string): void => {
    this.ids[this.has(id) ? "delete" : "add"](id);
    panel.draw();
  };
}

let server: FakeServer;
let notebook: FakeNotebook;
let store: Store;
let panel: EndpointsPanel;

beforeEach(() => {
  server = new FakeServer();
  notebook = new FakeNotebook();
  store = new Store(server);
  panel = new EndpointsPanel(store, notebook, new Kept());
  document.body.append(panel.element);
});

afterEach(() => panel.element.remove());

const all = (selector: string): HTMLElement[] => [...panel.element.querySelectorAll<HTMLElement>(selector)];
const names = (): (string | null)[] => all("li strong").map((title) => title.textContent);
const labelled = (label: string): HTMLElement => all(`[aria-label="${label}"]`)[0]!;

test("endpoints with their state in words, and the default", async () => {
  await store.loadEndpoints(false);
  expect(names()).toEqual(["local", "polaris", "midway"]);
  expect(all("li")[2]!.textContent).toContain("offline · ops@example.org · Python 3.12");
  expect(all(".gc-mark").map((mark) => mark.textContent)).toEqual(["", "default", ""]);
  expect(all(".gc-who")[0]!.textContent).toBe("Signed in: ada@example.org");
});

test("favourites come first, and the star keeps the focus", async () => {
  await store.loadEndpoints(false);
  const star = labelled("Favourite: midway");
  star.focus();
  star.click();
  expect(names()).toEqual(["midway", "local", "polaris"]);
  expect(star.getAttribute("aria-pressed")).toBe("true");
  expect(document.activeElement).toBe(star);
});

test("use and insert go to the notebook", async () => {
  await store.loadEndpoints(false);
  labelled("Use in notebook: polaris").click();
  labelled("Insert %%gcrun: local").click();
  expect(notebook.done).toEqual(["use polaris", "insert local"]);
  notebook.ready = false;
  labelled("Insert %%gcrun: local").click();
  await Promise.resolve();
  expect(notebook.done).toHaveLength(2);
});

test("the service is asked when the user says so, once at a time", async () => {
  await store.loadEndpoints(false);
  const check = all("button")[0]!;
  check.click();
  check.click();
  await Promise.resolve();
  expect(server.calls).toEqual(["endpoints", "endpoints?ask=1"]);
});

test("a name from elsewhere is text, and no option of the magic", async () => {
  const [first] = ENDPOINTS.endpoints;
  const name = "<script>x</script> --async";
  server.answers.endpoints = { ...ENDPOINTS, endpoints: [{ ...first!, name }] };
  await store.loadEndpoints(false);
  expect(all("script")).toEqual([]);
  labelled(`Insert %%gcrun: ${name}`).click();
  expect(notebook.done).toEqual(["insert id-of-local"]);
});

test("the site's line is text, with a link where there is one", async () => {
  const site = all(".gc-site")[0]!;
  await store.loadEndpoints(false);
  expect(site.hidden).toBe(true);
  const notice = "Debug queue: <b>10 minutes</b>";
  server.answers.endpoints = { ...ENDPOINTS, notice };
  await store.loadEndpoints(false);
  expect([site.hidden, site.textContent, site.children.length]).toEqual([false, notice, 0]);
  server.answers.endpoints = { ...ENDPOINTS, notice, notice_link: "https://hpc.example.org/jupyter" };
  await store.loadEndpoints(false);
  const link = site.querySelector("a")!;
  expect([link.textContent, link.href]).toEqual([notice, "https://hpc.example.org/jupyter"]);
});

test("what is missing is said with the next step", async () => {
  server.failure = NOT_INSTALLED;
  await store.loadEndpoints(false);
  expect(all(".gc-notice")[0]!.textContent).toContain("pip install gc-jupyter");
});
