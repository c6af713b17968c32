// The page of runs in the main area: it can be dragged beside a notebook.

import { JupyterFrontEnd } from "@jupyterlab/application";

import { Actions } from "./actions";
import { computeIcon } from "./icon";
import { RunsPanel } from "./runs_panel";
import type { Server } from "./server";
import { ShownWidget } from "./shown_widget";
import { Store } from "./store";

export const PAGE_ID = "gc-jupyter-runs";

class RunsPage extends ShownWidget {
  constructor(readonly panel: RunsPanel) {
    super(panel.element, (visible) => panel.setVisible(visible));
    this.id = PAGE_ID;
    this.title.label = "Globus Compute: Runs";
    this.title.caption = "The runs of all kernels";
    this.title.icon = computeIcon;
    this.title.closable = true;
  }

  override dispose(): void {
    this.panel.dispose();
    super.dispose();
  }
}

// There is only one page.
export class RunsPages {
  private page: RunsPage | null = null;

  // `area`: Notebook 7 has one document in its main area, and room below it.
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly store: Store,
    private readonly server: Server,
    private readonly actions: Actions,
    private readonly area: "main" | "down",
  ) {}

  // Open the page, at a run if one is given.
  async open(run = ""): Promise<RunsPage> {
    if (!this.page || this.page.isDisposed) {
      this.page = new RunsPage(new RunsPanel("page", this.store, this.server, this.actions, true));
      this.app.shell.add(this.page, this.area, { mode: "tab-after" });
    }
    this.app.shell.activateById(PAGE_ID);
    if (run) {
      await this.page.panel.openNamed(run);
    } else {
      this.page.panel.focus();
    }
    return this.page;
  }
}
