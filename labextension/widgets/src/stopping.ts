// Stops tasks after a question, which stands beside the button: what the kernel says can be stopped.

import { make, setText } from "./dom";
import { Stopping } from "./messages";
import { Listeners } from "./model";

const SLOW_MS = 3000; // after which the kernel is surely busy
const BUSY = "The kernel is busy and answers when its cell has ended. The notebook's own stop button stops that cell.";

export class StopTasks {
  private request = ""; // that is waited for
  private asked = 0;
  private waiting = 0;
  private readonly text = make("span", { role: "status" });
  private readonly yes = make("button", { type: "button", class: "gc-button gc-sure", hidden: true });
  private readonly no = make("button", { type: "button", class: "gc-button", hidden: true });
  readonly button = make("button", { type: "button", class: "gc-button" });
  readonly element = make("div", { class: "gc-stop", hidden: true }, this.text, this.yes, this.no);

  // `send` brings a request to the kernel, whose answer is for `heard`. `elsewhere` takes the focus
  // where there is nothing to stop any more.
  constructor(
    name: string,
    private readonly send: (request: string, sure: boolean) => void,
    private readonly elsewhere: HTMLElement,
    listeners: Listeners,
  ) {
    setText(this.button, name);
    listeners.listen(this.button, "click", () => this.ask(false));
    listeners.listen(this.yes, "click", () => this.ask(true));
    listeners.listen(this.no, "click", () => this.end());
    listeners.listen(this.element, "keydown", (event: KeyboardEvent) => {
      if (event.key === "Escape") {
        event.stopPropagation(); // the details stay open
        this.end();
      }
    });
    listeners.add(() => clearTimeout(this.waiting));
  }

  heard(message: Stopping): void {
    if (message.request === this.request && this.request !== "") {
      this.request = "";
      this.say(message.text, message.answer);
    }
  }

  // Nothing is asked any more. The focus goes back to where it came from.
  end(): void {
    const focused = this.element.contains(document.activeElement);
    this.clear();
    if (focused) {
      this.home.focus({ preventScroll: true });
    }
  }

  clear(): void {
    clearTimeout(this.waiting);
    this.request = "";
    this.element.hidden = true;
    setText(this.text, "");
  }

  private get home(): HTMLElement {
    return this.button.hidden ? this.elsewhere : this.button;
  }

  private ask(sure: boolean): void {
    this.request = `${Date.now()}-${++this.asked}-${Math.random()}`;
    this.say("Asking the kernel…", "");
    this.waiting = window.setTimeout(() => setText(this.text, BUSY), SLOW_MS);
    this.send(this.request, sure);
  }

  // A key that is pressed once too often keeps the tasks: the focus is on the button that does.
  private say(text: string, answer: string): void {
    const here = [this.home, this.yes, this.no].includes(document.activeElement as HTMLElement);
    clearTimeout(this.waiting);
    this.element.hidden = false;
    setText(this.text, text);
    setText(this.yes, answer);
    setText(this.no, answer ? "Don't stop" : "OK");
    this.yes.hidden = answer === "";
    this.no.hidden = this.request !== "";
    if (here) {
      (this.request === "" ? this.no : this.home).focus({ preventScroll: true });
    }
  }
}
