// Makes a notebook for an endpoint, from the launcher and by a command.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { ILauncher } from "@jupyterlab/launcher";
import { IDisposable } from "@lumino/disposable";

import { COMMANDS } from "./commands";
import { KnownEndpoints, shownName } from "./known_endpoints";
import { LOAD } from "./notebook_actions";
import { Store } from "./store";

const CARDS = 6; // the last card leads to the rest

// None of its cells is run.
export async function openNotebookFor(app: JupyterFrontEnd, name: string, cwd: string): Promise<unknown> {
  const { contents, kernelspecs } = app.serviceManager;
  await kernelspecs.ready;
  const { default: usual = "python3", kernelspecs: specs = {} } = kernelspecs.specs ?? {};
  const isPython = (key: string): boolean => specs[key]?.language === "python";
  const kernel = isPython(usual) ? usual : (Object.keys(specs).find(isPython) ?? usual);
  const { path } = await contents.newUntitled({ path: cwd, type: "notebook" });
  const cell = (source: string): object => ({ cell_type: "code", source, metadata: {}, outputs: [], execution_count: null });
  const content = {
    cells: [cell(`${LOAD}\n%gc use ${name}`), cell("%%gcrun\n")],
    metadata: { kernelspec: { name: kernel, display_name: specs[kernel]?.display_name ?? kernel, language: "python" } },
    nbformat: 4,
    nbformat_minor: 4, // later ones want ids, which JupyterLab gives
  };
  await contents.save(path, { type: "notebook", format: "json", content });
  return app.commands.execute("docmanager:open", { path });
}

// A card for each of the first endpoints, favourites before others.
export class Cards {
  private shown = "";
  private cards: IDisposable[] = [];

  constructor(
    private readonly launcher: ILauncher,
    private readonly known: KnownEndpoints,
    store: Store,
  ) {
    store.changed.connect((_, what) => {
      if (what === "endpoints") {
        this.draw();
      }
    });
    this.draw();
  }

  draw(): void {
    const endpoints = this.known.first.slice(0, CARDS);
    const shown = endpoints.map((one) => `${one.endpoint_id} ${shownName(one)}`).join("\n");
    if (shown === this.shown) {
      return;
    }
    this.shown = shown;
    this.cards.forEach((card) => card.dispose());
    this.cards = [...endpoints.map((one) => this.known.nameOf(one)), ""].map((endpoint, rank) =>
      this.launcher.add({ command: COMMANDS.newNotebook, args: { endpoint, card: true }, category: "Globus Compute", rank }),
    );
  }
}
