// The button in a notebook's toolbar that says where its cells run, and the menu that changes it.

import { MenuSvg } from "@jupyterlab/ui-components";
import { CommandRegistry } from "@lumino/commands";
import { Menu, Widget } from "@lumino/widgets";

import { make, setText } from "../widgets/src/dom";
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
    const used = this.known.find(this.here.endpoint || this.known.usual)?.endpoint_id;
    const { problem } = this.known;
    menu.addItem({ command: COMMANDS.title, args: { title: "Make default for this notebook" } });
    addEndpoints(menu, this.known, COMMANDS.use, used);
    if (problem) {
      menu.addItem({ command: COMMANDS.title, args: { title: problem } });
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
    for (const endpoint of this.known.first) {
      menu.addItem({ command: COMMANDS.favourite, args: { endpoint: this.known.nameOf(endpoint) } });
    }
    menu.addItem({ command: COMMANDS.showEndpoints });
    return menu;
  }
}

// A menu of endpoints for the active cell.
export function runOnMenu(commands: CommandRegistry, known: KnownEndpoints): Menu {
  const menu = new MenuSvg({ commands });
  menu.title.label = "Run Chosen Cells On";
  fillRunOn(menu, known);
  return menu;
}

export function fillRunOn(menu: Menu, known: KnownEndpoints): void {
  menu.clearItems();
  addEndpoints(menu, known, COMMANDS.runOn);
  menu.addItem({ type: "separator" });
  menu.addItem({ command: COMMANDS.runHere });
}

// One line for each endpoint, and one for those without a line.
function addEndpoints(menu: Menu, known: KnownEndpoints, command: string, used?: string): void {
  const listed = known.first;
  for (const endpoint of listed) {
    menu.addItem({ command, args: { endpoint: known.nameOf(endpoint), listed: true, used: endpoint.endpoint_id === used } });
  }
  const all = known.all().length;
  const other = all > listed.length ? `Find Among All ${all}…` : "Another, by Name or UUID…";
  menu.addItem({ command, args: { other } });
}

// Open the menu below a button, which gets the focus back when the menu closes.
export function openAt(menu: Menu, button: HTMLElement): void {
  const { left, bottom } = button.getBoundingClientRect();
  menu.aboutToClose.connect(() => {
    button.focus();
    requestAnimationFrame(() => {
      menu.dispose(); // its command runs first
      if (document.activeElement === document.body) {
        button.focus(); // it was lost as the toolbar or the menu was drawn
      }
    });
  });
  menu.open(left, bottom);
}
