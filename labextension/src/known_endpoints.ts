// The endpoints that menus, cards and completion offer: favourites first, by the names that the magics accept.

import { nameOf } from "./actions";
import { Favourites } from "./endpoints_panel";
import { Endpoint } from "./messages";
import { Store } from "./store";

const LOCAL: Endpoint = { endpoint_id: "", name: "local", alias: "", status: "online", python: "", owner: "", at: 0 };
const IN_MENU = 12; // the user finds the others by typing

export class KnownEndpoints {
  constructor(
    private readonly store: Store,
    private readonly favourites: Favourites,
  ) {}

  all(): Endpoint[] {
    const known = this.store.endpoints?.endpoints ?? [LOCAL];
    const first = (one: Endpoint): number => Number(this.favourites.has(one.endpoint_id));
    return [...known].sort((a, b) => first(b) - first(a));
  }

  // The endpoints for a menu: favourites, local, then online ones, as many as fit.
  get first(): Endpoint[] {
    const all = this.all();
    if (all.length <= IN_MENU) {
      return all;
    }
    const rank = (one: Endpoint): number =>
      this.isFavourite(one) ? 0 : nameOf(one) === "local" ? 1 : one.status === "online" ? 2 : 3;
    return all.sort((a, b) => rank(a) - rank(b)).slice(0, IN_MENU);
  }

  // Find an endpoint by a magic's argument or by its id.
  find(name: string): Endpoint | undefined {
    if (name === "") {
      return undefined;
    }
    const all = this.all();
    return all.find((one) => one.endpoint_id === name) ?? all.find((one) => [one.alias, one.name].includes(name));
  }

  isFavourite(endpoint: Endpoint): boolean {
    return this.favourites.has(endpoint.endpoint_id);
  }

  // Name, state and owner for a line of a menu.
  describe(endpoint: Endpoint): string {
    return `${this.isFavourite(endpoint) ? "★ " : ""}${shownName(endpoint)} · ${facts(endpoint)}`;
  }

  // The text that the magics accept: the id if several endpoints have the name.
  nameOf(endpoint: Endpoint): string {
    const name = nameOf(endpoint);
    return this.all().filter((one) => nameOf(one) === name).length > 1 ? endpoint.endpoint_id : name;
  }

  toggle(endpoint: Endpoint): void {
    this.favourites.toggle(endpoint.endpoint_id);
  }

  // A sentence that says why the list may be incomplete or old; empty if it is complete.
  get problem(): string {
    const { endpoints, problems } = this.store;
    return problems.endpoints?.message ?? (endpoints?.signed_in ? endpoints.problem : "");
  }

  // The default endpoint of the user's settings.
  get usual(): string {
    return this.store.endpoints?.default ?? "";
  }

  // A sentence that says who is signed in; empty if nobody is.
  get who(): string {
    const { endpoints } = this.store;
    return endpoints?.signed_in ? `Signed in: ${endpoints.who || "you"}` : "";
  }
}

// State and owner.
export function facts(endpoint: Endpoint): string {
  const whose = nameOf(endpoint) === "local" ? "this machine" : endpoint.owner;
  return [endpoint.status || "status unknown", whose].filter(Boolean).join(" · ");
}

export function shownName(endpoint: Endpoint): string {
  return endpoint.alias || endpoint.name || endpoint.endpoint_id;
}
