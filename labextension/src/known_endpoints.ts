// The endpoints as menus, cards and completion offer them: favourites first, by the names that the magics take.

import { nameOf } from "./actions";
import { Favourites } from "./endpoints_panel";
import { Endpoint } from "./messages";
import { Store } from "./store";

const LOCAL: Endpoint = { endpoint_id: "", name: "local", alias: "", status: "online", python: "", owner: "", at: 0 };

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

  // By the name that a magic was given, or by its id.
  find(name: string): Endpoint | undefined {
    const fits = (one: Endpoint): boolean => [one.endpoint_id, one.alias, one.name].includes(name);
    return name === "" ? undefined : this.all().find(fits);
  }

  isFavourite(endpoint: Endpoint): boolean {
    return this.favourites.has(endpoint.endpoint_id);
  }

  toggle(endpoint: Endpoint): void {
    this.favourites.toggle(endpoint.endpoint_id);
  }

  // What cells without a name use, by the user's settings.
  get usual(): string {
    return this.store.endpoints?.default ?? "";
  }

  // Who is signed in, in a sentence; empty where nobody is.
  get who(): string {
    const { endpoints } = this.store;
    return endpoints?.signed_in ? `Signed in: ${endpoints.who || "you"}` : "";
  }
}

export function shownName(endpoint: Endpoint): string {
  return endpoint.alias || endpoint.name || endpoint.endpoint_id;
}

// Name, state and owner, for a line of a menu.
export function described(endpoint: Endpoint, favourite: boolean): string {
  const { status, owner } = endpoint;
  const whose = nameOf(endpoint) === "local" ? "this machine" : owner;
  const parts = [shownName(endpoint), status || "status unknown", whose];
  return (favourite ? "★ " : "") + parts.filter(Boolean).join(" · ");
}
