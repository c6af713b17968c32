// The panel of endpoints: their states, favourites first, and the actions for each.

import { make, setText } from "../widgets/src/dom";
import { Listeners } from "../widgets/src/model";
import { Actions, nameOf, NO_NOTEBOOK, said } from "./actions";
import { button, reason, setReason } from "./buttons";
import { Endpoint, Endpoints } from "./messages";
import { Notice } from "./notice";
import { Store, Topic } from "./store";
import { when } from "./times";

// The store of the user's favourites.
export interface Favourites {
  has(endpointId: string): boolean;
  toggle(endpointId: string): void;
}

export class EndpointsPanel {
  private readonly listeners = new Listeners();
  private readonly notice = new Notice();
  private readonly check = button("Check status");
  private readonly who = make("span", { class: "gc-who" });
  private readonly list = make("ul", { class: "gc-list", "aria-label": "Endpoints" });
  private readonly note = make("p", { class: "gc-note", role: "status" });
  private readonly site = make("p", { class: "gc-site", hidden: true });
  private readonly items = new Map<string, EndpointItem>();
  readonly element = make(
    "div",
    { class: "gc-jupyter gc-panel gc-endpoints" },
    this.notice.element,
    this.site,
    make("div", { class: "gc-tools" }, this.check, this.who),
    this.list,
    this.note,
  );

  constructor(
    private readonly store: Store,
    private readonly actions: Actions,
    private readonly favourites: Favourites,
  ) {
    this.listeners.listen(this.check, "click", () => void this.ask());
    store.changed.connect(this.onChange, this);
  }

  draw(): void {
    const { endpoints } = this.store;
    const problem = this.store.problems.endpoints;
    this.element.classList.toggle("gc-missing", endpoints === null && problem !== null);
    this.notice.show(
      (endpoints ? endpoints.problem : problem?.message) ?? "",
      endpoints ? endpoints.next_step : problem?.nextStep,
    );
    setText(this.who, endpoints?.signed_in ? `Signed in: ${endpoints.who || "you"}` : "");
    if (endpoints) {
      this.drawSite(endpoints);
      this.drawItems(endpoints);
    }
  }

  // The administrator's message for everybody.
  private drawSite({ notice, notice_link: link }: Endpoints): void {
    this.site.hidden = notice === "" && link === "";
    const shown = make("a", { href: link, target: "_blank", rel: "noopener" }, notice || link);
    this.site.replaceChildren(link === "" ? notice : shown);
  }

  focus(): void {
    this.check.focus();
  }

  private onChange(_: Store, what: Topic): void {
    if (what === "endpoints") {
      this.draw();
    }
  }

  private async ask(): Promise<void> {
    if (reason(this.check)) {
      return;
    }
    setReason(this.check, "The service is asked.");
    setText(this.note, "Asking the service…");
    await this.store.loadEndpoints(true);
    setReason(this.check, "");
    setText(this.note, this.store.problems.endpoints?.message ?? "");
  }

  // An endpoint keeps its item, so the item keeps the focus.
  private drawItems({ endpoints, default: used }: Endpoints): void {
    const known = new Set(endpoints.map((one) => one.endpoint_id));
    for (const [id, item] of this.items) {
      if (!known.has(id)) {
        item.element.remove();
        this.items.delete(id);
      }
    }
    const order = [...endpoints].sort(
      (a, b) => Number(this.favourites.has(b.endpoint_id)) - Number(this.favourites.has(a.endpoint_id)),
    );
    const focused = document.activeElement;
    order.forEach((endpoint, place) => {
      const item = this.items.get(endpoint.endpoint_id) ?? this.add(endpoint.endpoint_id);
      item.show(endpoint, this.favourites.has(endpoint.endpoint_id), used);
      if (this.list.children[place] !== item.element) {
        this.list.insertBefore(item.element, this.list.children[place] ?? null);
      }
    });
    if (focused instanceof HTMLElement && this.element.contains(focused)) {
      focused.focus();
    }
  }

  private add(id: string): EndpointItem {
    const item = new EndpointItem(id);
    this.listeners.listen(item.star, "click", () => this.favourites.toggle(id));
    this.listeners.listen(item.use, "click", () => void this.act("use", item));
    this.listeners.listen(item.insert, "click", () => void this.act("insert", item));
    this.items.set(id, item);
    return item;
  }

  private async act(action: "use" | "insert", item: EndpointItem): Promise<void> {
    setText(this.note, this.actions.ready ? await said(this.actions[action](item.name)) : NO_NOTEBOOK);
  }
}

class EndpointItem {
  name = ""; // as the magics accept it
  readonly star = make("button", { type: "button", class: "gc-star" });
  readonly use = button("Use in notebook");
  readonly insert = button("Insert %%gcrun");
  private readonly title = make("strong");
  private readonly mark = make("span", { class: "gc-mark" });
  private readonly facts = make("div", { class: "gc-second" });
  private readonly dot = make("span", { class: "gc-dot", "aria-hidden": true });
  readonly element = make(
    "li",
    {},
    make("div", { class: "gc-title" }, this.star, this.dot, this.title, this.mark),
    this.facts,
    make("div", { class: "gc-buttons" }, this.use, this.insert),
  );

  constructor(id: string) {
    this.element.dataset["gcEndpoint"] = id;
  }

  show(endpoint: Endpoint, favourite: boolean, used: string): void {
    const { endpoint_id: id, name, alias, status, python, at } = endpoint;
    const shown = name || alias || id;
    this.name = nameOf(endpoint);
    setText(this.title, shown);
    setText(this.mark, used && [id, name, alias].includes(used) ? "default" : "");
    this.title.title = id;
    const facts = [
      status || "status unknown",
      endpoint.owner,
      alias && alias !== shown ? `alias ${alias}` : "",
      python ? `Python ${python}` : "",
      at && status ? `at ${when(at)}` : "",
    ];
    setText(this.facts, facts.filter(Boolean).join(" · "));
    this.dot.className = `gc-dot gc-${/^[a-z]+$/.test(status) ? status : "unknown"}`;
    setText(this.star, favourite ? "★" : "☆");
    this.star.setAttribute("aria-pressed", String(favourite));
    this.star.setAttribute("aria-label", `Favourite: ${shown}`);
    this.use.setAttribute("aria-label", `Use in notebook: ${shown}`);
    this.use.title = `Runs %gc use ${this.name} in the current notebook`;
    this.insert.setAttribute("aria-label", `Insert %%gcrun: ${shown}`);
  }
}
