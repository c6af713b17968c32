// What is used of anywidget's model, and what keeps a model whole.

import { FromFrontEnd } from "./messages";

export interface Model {
  get(key: string): unknown;
  on(event: string, handler: (...args: any[]) => void): void;
  off(event: string, handler: (...args: any[]) => void): void;
  send(message: FromFrontEnd): void;
}

// Calls `remove` of everything that was listened to, when a view goes.
export class Listeners {
  private removals: (() => void)[] = [];

  on(model: Model, event: string, handler: (...args: any[]) => void): void {
    model.on(event, handler);
    this.removals.push(() => model.off(event, handler));
  }

  listen(target: EventTarget, event: string, handler: (event: any) => void): void {
    target.addEventListener(event, handler);
    this.removals.push(() => target.removeEventListener(event, handler));
  }

  every(milliseconds: number, handler: () => void): void {
    const timer = setInterval(handler, milliseconds);
    this.removals.push(() => clearInterval(timer));
  }

  add(removal: () => void): void {
    this.removals.push(removal);
  }

  remove(): void {
    this.removals.splice(0).forEach((removal) => removal());
  }
}
