import { expect, test, vi } from "vitest";

import widget from "../src/index";
import { FakeModel } from "./fake_model";

function login(more: Record<string, unknown> = {}): { model: FakeModel; el: HTMLElement } {
  const model = new FakeModel({
    kind: "login",
    url: "https://auth.example/authorize?x=1",
    why: "This cell is for <b>polaris</b>.",
    after: "Run the cell again.",
    status: "waiting",
    message: "",
    ...more,
  });
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  widget.render({ model, el });
  return { model, el };
}

const submit = (el: HTMLElement, code: string): void => {
  el.querySelector<HTMLInputElement>("form input")!.value = code;
  el.querySelector("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
};

test("the link opens by itself and gives nothing away", () => {
  const link = login().el.querySelector("a")!;
  expect(link.href).toBe("https://auth.example/authorize?x=1");
  expect(link.rel).toBe("noopener noreferrer");
  expect(link.target).toBe("_blank");
});

test("why, where the link leads, and what happens then", () => {
  const { el } = login();
  expect(el.querySelector("p")!.textContent).toBe("This cell is for <b>polaris</b>.");
  expect(el.querySelector("li")!.textContent).toContain("opens auth.example in a new tab");
  expect(el.querySelector("li:last-child")!.textContent).toBe("Run the cell again.");
  expect(login({ after: "" }).el.querySelector<HTMLElement>("li:last-child")!.hidden).toBe(true);
});

test("who comes back from the link's tab is in the field", () => {
  const { el } = login();
  const link = el.querySelector("a")!;
  link.addEventListener("click", (event) => event.preventDefault());
  link.click();
  expect(document.activeElement).toBe(el.querySelector("form input"));
});

test("the link for another device is copied, or shown where that is refused", async () => {
  const writeText = vi.fn().mockResolvedValueOnce(undefined).mockRejectedValueOnce(new Error("no"));
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  const { el } = login();
  const [copy, text, note] = ["li button", ".gc-url", "[role=status]"].map((one) => el.querySelector<HTMLInputElement>(one)!);
  copy!.click();
  await vi.waitFor(() => expect(note!.textContent).toContain("Copied."));
  expect(writeText).toHaveBeenCalledWith("https://auth.example/authorize?x=1");
  expect(text!.hidden).toBe(true);
  copy!.click();
  await vi.waitFor(() => expect(note!.textContent).toContain("may not use the clipboard"));
  expect([text!.hidden, text!.value]).toEqual([false, "https://auth.example/authorize?x=1"]);
  vi.unstubAllGlobals();
});

test("only a web address becomes a link", () => {
  const { el } = login({ url: "javascript:alert(1)" });
  expect(el.querySelector("a")!.hasAttribute("href")).toBe(false);
});

test("a code is sent once, trimmed, and not kept", () => {
  const { model, el } = login();
  submit(el, "  c0de \n");
  expect(model.sent).toEqual([{ type: "code", code: "c0de" }]);
  expect(el.querySelector<HTMLInputElement>("form input")!.value).toBe("");
  model.update({ status: "checking" });
  submit(el, "again");
  expect(model.sent).toHaveLength(1);
});

test("without a code it says what to do", () => {
  const { model, el } = login();
  submit(el, "  ");
  expect(model.sent).toEqual([]);
  expect(el.querySelector("[role=status]")!.textContent).toContain("paste the code");
});

test("signed in, and failed", () => {
  const { model, el } = login();
  model.update({ status: "failed", message: "Wrong <b>code</b>", url: "https://auth.example/2" });
  expect(el.querySelector("[role=status]")!.textContent).toBe("Wrong <b>code</b>");
  expect(el.querySelector("a")!.href).toBe("https://auth.example/2");
  model.update({ status: "signed in", message: "Signed in as a@b." });
  expect(el.querySelector("ol")!.hidden).toBe(true);
  expect(el.querySelector("[role=status]")!.textContent).toBe("Signed in as a@b.");
});
