// The button in a notebook's toolbar that says where its cells run, and the menu that changes it.

import { MenuSvg } from "@jupyterlab/ui-components";
import { CommandRegistry } from "@lumino/commands";
import { Menu, Widget } from "@lumino/widgets";

import { make, setText } from "../widgets/src/dom";
import { nameOf } from "./actions";
import { COMMANDS } from "./commands";
import { dotOf } from "./icon";
import { KnownEndpoints, shownName } from "./known_endpoints";
import { Store } from "./store";
import { UsedHere } from "./used_here";

export class WherePicker extends Widget {
  private readonly button = make("button", { type: "button", class: "gc-where", "aria-haspopup": "menu" });
  private readonly dot = make("span", { class: "gc-where-dot", "aria-hidden": "true" });
  private readonly name = make("span", { class: "gc-where-name" });

  constructor(
    private readonly commands: CommandRegistry,
    private readonly known: KnownEndpoints,
    private readonly here: UsedHere,
    private readonly store: Store,
  ) {
    super();
    this.addClass("gc-where-item");
    this.button.append(this.dot, this.name, make("span", { "aria-hidden": "true" }, "▾"));
    this.node.append(this.button);
    this.button.addEventListener("click", () => this.open());
    here.changed.connect(this.draw, this);
    store.changed.connect(this.draw, this);
    this.draw();
  }

  dispose(): void {
    this.store.changed.disconnect(this.draw, this);
    super.dispose();
  }

  private draw(): void {
    const used = this.here.endpoint || this.known.usual;
    const endpoint = this.known.find(used);
    const name = endpoint ? shownName(endpoint) : used;
    const state = endpoint?.status || "status unknown";
    setText(this.name, name || "Runs on…");
    this.dot.replaceChildren(...(name ? [dotOf(endpoint?.status ?? "").element({ tag: "span" })] : []));
    const said = name
      ? `%%gcrun cells that name no endpoint run on ${name} (${state})`
      : "No endpoint is set for %%gcrun cells of this notebook that name none";
    this.button.setAttribute("aria-label", said);
    this.button.title = `${said}. Choose another.`;
  }

  private open(): void {
    const menu = new MenuSvg({ commands: this.commands });
    menu.addClass("gc-menu");
    menu.title.label = "Where cells run";
    menu.node.setAttribute("aria-label", "Where cells run");
    menu.addItem({ command: COMMANDS.title, args: { title: "%%gcrun cells that name no endpoint run on" } });
    const used = this.known.find(this.here.endpoint || this.known.usual)?.endpoint_id;
    for (const endpoint of this.known.all()) {
      const name = nameOf(endpoint);
      menu.addItem({ command: COMMANDS.use, args: { endpoint: name, listed: true, used: endpoint.endpoint_id === used } });
    }
    menu.addItem({ type: "separator" });
    menu.addItem({ type: "submenu", submenu: runOnMenu(this.commands, this.known) });
    menu.addItem({ type: "submenu", submenu: this.favourites() });
    menu.addItem({ type: "separator" });
    menu.addItem({ command: COMMANDS.checkEndpoints });
    menu.addItem({ command: COMMANDS.signIn });
    openAt(menu, this.button);
  }

  private favourites(): Menu {
    const menu = new MenuSvg({ commands: this.commands });
    menu.title.label = "Favourites";
    for (const endpoint of this.known.all()) {
      menu.addItem({ command: COMMANDS.favourite, args: { endpoint: nameOf(endpoint) } });
    }
    return menu;
  }
}

// The endpoints that the active cell may run on.
export function runOnMenu(commands: CommandRegistry, known: KnownEndpoints): Menu {
  const menu = new MenuSvg({ commands });
  menu.title.label = "Run This Cell On";
  fillRunOn(menu, known);
  return menu;
}

export function fillRunOn(menu: Menu, known: KnownEndpoints): void {
  menu.clearItems();
  for (const endpoint of known.all()) {
    menu.addItem({ command: COMMANDS.runOn, args: { endpoint: nameOf(endpoint), listed: true } });
  }
  menu.addItem({ type: "separator" });
  menu.addItem({ command: COMMANDS.runHere });
}

// Below a button, which has the focus again when the menu closes.
export function openAt(menu: Menu, button: HTMLElement): void {
  const { left, bottom } = button.getBoundingClientRect();
  menu.aboutToClose.connect(() => {
    button.focus();
    requestAnimationFrame(() => menu.dispose()); // its command runs first
  });
  menu.open(left, bottom);
}
