// Sign in: why, the link, the code that it leads to, and what happens then.

import { make, setText } from "./dom";
import { LoginState } from "./messages";
import { Listeners, Model } from "./model";

export function renderLogin(model: Model, root: HTMLElement): () => void {
  const listeners = new Listeners();
  const state = (key: keyof LoginState): string => String(model.get(key) ?? "");
  const link = make(
    "a",
    { class: "gc-button gc-primary", target: "_blank", rel: "noopener noreferrer" },
    "Sign in to Globus",
  );
  const host = make("span", { class: "gc-second" });
  const copy = make("button", { type: "button", class: "gc-button" }, "Copy the link");
  // shown where the page may not use the clipboard
  const text = make("input", { type: "text", class: "gc-url", readonly: true, hidden: true, "aria-label": "The link" });
  const field = make("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const label = make("label", {}, "Paste the code that the page shows: ", field);
  const submit = make("button", { type: "submit", class: "gc-button" }, "Continue");
  const form = make("form", {}, label, submit);
  const after = make("li");
  const why = make("p");
  const steps = make(
    "ol",
    {},
    make("li", {}, make("div", { class: "gc-buttons" }, link, host), make("div", { class: "gc-buttons gc-other" }, "On another device:", copy, text)),
    make("li", {}, form),
    after,
  );
  const note = make("p", { class: "gc-note", role: "status" });
  const element = make("section", { class: "gc-login", "aria-label": "Sign in to Globus" }, why, steps, note);

  const draw = (): void => {
    const url = webAddress(state("url"));
    if (url) {
      link.href = text.value = url.href;
      setText(host, `opens ${url.host} in a new tab`);
    }
    const status = state("status");
    const busy = status === "checking" || status === "signed in";
    submit.setAttribute("aria-disabled", String(busy));
    element.classList.toggle("gc-failed", status === "failed");
    why.hidden = steps.hidden = status === "signed in";
    setText(why, state("why"));
    setText(after, state("after"));
    after.hidden = state("after") === "";
    setText(note, status === "checking" ? "Checking the code…" : state("message"));
  };

  // Who comes back from the other tab goes on here.
  listeners.listen(link, "click", () => field.focus());
  listeners.listen(copy, "click", () => {
    const copied = (): void => setText(note, "Copied. Open it where you are signed in, and bring the code here.");
    const refused = (): void => {
      text.hidden = false;
      text.select();
      setText(note, "This page may not use the clipboard: the link is in the field.");
    };
    void Promise.resolve(navigator.clipboard?.writeText(link.href) ?? Promise.reject(new Error())).then(copied, refused);
  });
  listeners.listen(form, "submit", (event: Event) => {
    event.preventDefault();
    const code = field.value.trim();
    if (code === "") {
      setText(note, "Open the link first, sign in there, and paste the code here.");
      field.focus();
    } else if (submit.getAttribute("aria-disabled") !== "true") {
      model.send({ type: "code", code });
      field.value = "";
    }
  });
  listeners.listen(element, "keydown", (event: Event) => event.stopPropagation());
  for (const key of ["url", "why", "after", "status", "message"]) {
    listeners.on(model, `change:${key}`, draw);
  }
  root.append(element);
  draw();
  return () => {
    listeners.remove();
    element.remove();
  };
}

function webAddress(text: string): URL | null {
  try {
    return /^https?:/.test(text) ? new URL(text) : null;
  } catch {
    return null;
  }
}
