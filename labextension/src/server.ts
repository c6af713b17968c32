// Requests to the server half: at the server's own base URL, with its cookies and its XSRF token.

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";

import { Collecting, Endpoints, Failure, NAMESPACE, Page, Status } from "./messages";
import { Question } from "./pages";
import { NOT_INSTALLED, Problem } from "./problem";

export class Server {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  runs(question: Question, offset: number, unless?: AbortSignal): Promise<Page> {
    return this.ask(`runs?${query({ ...question, offset })}`, { signal: unless ?? null });
  }

  // The tasks of a run.
  tasks(question: Question, offset: number, unless?: AbortSignal): Promise<Page> {
    return this.ask(`tasks?${query({ ...question, offset })}`, { signal: unless ?? null });
  }

  // The errors of a run.
  failures(run: string): Promise<Failure[]> {
    return this.ask(`failures?${query({ run })}`);
  }

  // With `fresh` the service itself is asked; otherwise the server answers from what it knows.
  endpoints(fresh: boolean): Promise<Endpoints> {
    return this.ask(fresh ? "endpoints?ask=1" : "endpoints");
  }

  status(): Promise<Status> {
    return this.ask("status");
  }

  collect(on: boolean): Promise<Status> {
    const body: Collecting = { on };
    return this.ask("collecting", { method: "PUT", body: JSON.stringify(body) });
  }

  private async ask<T>(path: string, init: RequestInit = {}): Promise<T> {
    const url = `${URLExt.join(this.settings.baseUrl, NAMESPACE)}/${path}`;
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch {
      throw new Problem("The Jupyter server doesn't answer.", "Is it still running?");
    }
    if (response.status === 404) {
      throw NOT_INSTALLED;
    }
    if (!response.ok) {
      throw new Problem(await reason(response));
    }
    return (await response.json()) as T;
  }
}

function query(values: Record<string, string | number>): string {
  return new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)])).toString();
}

async function reason(response: Response): Promise<string> {
  const said = (await response.json().catch(() => ({}))) as { message?: string };
  return `The Jupyter server says: ${said.message || response.statusText} (${response.status}).`;
}
