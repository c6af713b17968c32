// A paragraph above a panel that says what is wrong and the next step. It is read aloud once.

import { make, setText } from "../widgets/src/dom";

export class Notice {
  private readonly message = make("strong");
  private readonly step = make("span");
  readonly element = make(
    "p",
    { class: "gc-notice", role: "status", hidden: true },
    this.message,
    " ",
    this.step,
  );

  show(message: string, nextStep = ""): void {
    this.element.hidden = message === "";
    setText(this.message, message);
    setText(this.step, nextStep);
  }
}
