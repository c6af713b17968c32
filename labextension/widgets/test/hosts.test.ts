// What the built module may and may not do in the hosts that no test here can start: VS Code's
// webviews and Colab's frames have no network of ours, no eval, and colours under their own names.

import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";

import { FakeModel, row, stateOf } from "./fake_model";

let bundle = "";

beforeAll(async () => {
  const made = await build({
    entryPoints: ["src/index.ts"],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2020",
    loader: { ".css": "text" },
    write: false,
  });
  bundle = made.outputFiles[0]!.text;
});

test.each([
  ["a request", /\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|Worker\(/],
  ["another module", /\bimport\s*[("'{*]|\brequire\(/],
  ["an address but SVG's name", /https?:\/\/(?!www\.w3\.org\/2000\/svg)/],
  ["a resource of the style sheet", /@import|@font-face|url\(/],
  ["code from text", /\beval\(|new Function\b|set(?:Timeout|Interval)\(["'`]/],
  ["markup from text", /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc/],
  ["storage", /localStorage|sessionStorage|indexedDB|document\.cookie/],
])("it has nothing for %s", (_what, pattern) => {
  expect(bundle.match(pattern)?.[0]).toBeUndefined();
});

test("every colour and font has VS Code's name first, and one for a page without any theme", () => {
  const themed = [...bundle.matchAll(/(--gc-[\w-]+|font-[\w-]+):\s*(var\([^;]+);/g)];
  expect(themed.length).toBeGreaterThan(10);
  const order = /^var\(--vscode-[\w-]+,\s*var\(--jp-[\w-]+,\s*[^)\s]/;
  const lacking = themed.filter(([, , value]) => !value!.startsWith("var(--gc-") && !order.test(value!));
  expect(lacking.map(([text]) => text)).toEqual([]);
});

test("one module, which is a widget by itself", async () => {
  const address = `data:text/javascript,${encodeURIComponent(bundle)}`;
  const widget = (await import(/* @vite-ignore */ address)).default;
  expect(Object.keys(widget)).toEqual(["initialize", "render"]);
  const el = document.createElement("div");
  const end = widget.render({ model: new FakeModel(stateOf([row("running", "a")])), el });
  expect(el.querySelector("tbody th")!.textContent).toBe("a");
  end();
});
