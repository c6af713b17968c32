// Sign in: open the link, paste the code.

import { make, setText } from "./dom";
import { LoginState } from "./messages";
import { Listeners, Model } from "./model";

export function renderLogin(model: Model, root: HTMLElement): () => void {
  const listeners = new Listeners();
  const link = make(
    "a",
    { class: "gc-button gc-link", target: "_blank", rel: "noopener noreferrer" },
    "Sign in to Globus (opens a new tab)",
  );
  const field = make("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const label = make("label", {}, "2. Paste the code that the page shows ", field);
  const submit = make("button", { type: "submit", class: "gc-button" }, "Sign in");
  const form = make("form", {}, label, submit);
  const note = make("p", { class: "gc-note", role: "status" });
  const element = make(
    "section",
    { class: "gc-login", "aria-label": "Sign in to Globus" },
    make("p", {}, "1. ", link),
    form,
    note,
  );

  const draw = (): void => {
    const state = (key: keyof LoginState): string => String(model.get(key) ?? "");
    const url = state("url");
    if (/^https?:/.test(url)) {
      link.href = url;
    }
    const status = state("status");
    const busy = status === "checking" || status === "signed in";
    submit.setAttribute("aria-disabled", String(busy));
    element.classList.toggle("gc-failed", status === "failed");
    form.hidden = status === "signed in";
    setText(note, status === "checking" ? "Checking the code…" : state("message"));
  };

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
  listeners.on(model, "change:url", draw);
  listeners.on(model, "change:status", draw);
  listeners.on(model, "change:message", draw);
  root.append(element);
  draw();
  return () => {
    listeners.remove();
    element.remove();
  };
}
