// The data of the panels: the server's last answers, kept current by its notices.

import { Signal } from "@lumino/signaling";

import { Endpoints, Status } from "./messages";
import { Pacer } from "./pacer";
import { Problem } from "./problem";
import type { Server } from "./server";

export type Topic = "tasks" | "endpoints";

export class Store {
  status: Status | null = null;
  endpoints: Endpoints | null = null;
  // why a topic is missing or old
  readonly problems: Record<Topic, Problem | null> = { tasks: null, endpoints: null };
  readonly changed = new Signal<this, Topic>(this);
  private collect: boolean | null = null;
  private readonly needs = new Map<string, () => Promise<void>>(); // name of a panel -> fetches its rows
  private readonly pacer = new Pacer(() => this.refresh());

  constructor(private readonly server: Pick<Server, "endpoints" | "status" | "collect">) {}

  // Tasks have changed, or probably have.
  poke(): void {
    this.pacer.poke();
  }

  // The user wants other rows.
  hurry(): void {
    this.pacer.hurry();
  }

  // Call `fetch` at each change from now on; null ends that. Without it, tasks are only counted.
  need(who: string, fetch: (() => Promise<void>) | null): void {
    if (fetch) {
      this.needs.set(who, fetch);
      this.hurry();
    } else {
      this.needs.delete(who);
    }
  }

  // With `fresh` the service itself is asked.
  loadEndpoints(fresh: boolean): Promise<void> {
    return this.load("endpoints", async () => {
      this.endpoints = await this.server.endpoints(fresh);
    });
  }

  // Collect results as the user's setting says; null means that the user has not decided.
  async follow(collect: boolean | null): Promise<void> {
    if (collect !== this.collect) {
      this.collect = collect;
      await this.load("tasks", async () => {
        this.status = await this.server.collect(collect ?? false);
      });
    }
  }

  private refresh(): Promise<void> {
    return this.load("tasks", async () => {
      const fetched = [...this.needs.values()].map((fetch) => fetch());
      [this.status] = await Promise.all([this.server.status(), ...fetched]);
    });
  }

  private async load(topic: Topic, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.problems[topic] = null;
    } catch (error) {
      this.problems[topic] = error instanceof Problem ? error : new Problem(String(error));
    }
    this.changed.emit(topic);
  }
}
