// What the panels show, as last heard from the server; kept current by its notices.

import { Signal } from "@lumino/signaling";

import { Endpoints, Status } from "./messages";
import { Pacer } from "./pacer";
import { Problem } from "./problem";
import type { Server } from "./server";
import { TaskList } from "./task_list";

export type Topic = "tasks" | "endpoints";

export class Store {
  tasks: TaskList | null = null;
  status: Status | null = null;
  endpoints: Endpoints | null = null;
  // why a topic is missing or old
  readonly problems: Record<Topic, Problem | null> = { tasks: null, endpoints: null };
  readonly changed = new Signal<this, Topic>(this);
  private collect: boolean | null = null;
  private readonly needs = new Set<string>(); // who wants to see the tasks themselves
  private readonly pacer = new Pacer(() => this.refresh());

  constructor(private readonly server: Pick<Server, "tasks" | "endpoints" | "status" | "collect">) {}

  // The server says that tasks have changed, or something else makes it likely.
  poke(): void {
    this.pacer.poke();
  }

  // While nobody needs the tasks themselves, only their count is asked for.
  need(who: string, needed: boolean): void {
    if (needed && !this.needs.has(who)) {
      this.needs.add(who);
      this.poke();
    } else if (!needed) {
      this.needs.delete(who);
    }
  }

  // `fresh`: the service itself is asked.
  loadEndpoints(fresh: boolean): Promise<void> {
    return this.load("endpoints", async () => {
      this.endpoints = await this.server.endpoints(fresh);
    });
  }

  // Results are collected as the user's setting says; null: the user has not decided.
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
      const tasks = this.needs.size > 0 ? this.server.tasks() : null;
      const [status, reply] = await Promise.all([this.server.status(), tasks]);
      this.status = status;
      this.tasks = reply ? new TaskList(reply) : this.tasks;
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
