// A widget that is told whether it can be seen.

import { Message } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";

export class ShownWidget extends Widget {
  constructor(
    node: HTMLElement,
    private readonly shown: (visible: boolean) => void,
  ) {
    super({ node });
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.shown(true);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.shown(this.isVisible);
  }

  protected override onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this.shown(false);
  }

  protected override onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this.shown(false);
  }
}
