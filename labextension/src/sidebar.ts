// The panels in the left sidebar, one below the other.

import { SidePanel } from "@jupyterlab/ui-components";
import { AccordionPanel } from "@lumino/widgets";

import { EndpointsPanel } from "./endpoints_panel";
import { computeIcon } from "./icon";
import { RunsPanel } from "./runs_panel";
import { ShownWidget } from "./shown_widget";

const PANELS = ["endpoints", "runs"] as const;

export type Panel = (typeof PANELS)[number];

export class Sidebar extends SidePanel {
  constructor(endpoints: EndpointsPanel, runs: RunsPanel) {
    super();
    this.id = "gc-jupyter-sidebar";
    this.title.icon = computeIcon;
    this.title.caption = "Globus Compute: endpoints and runs";
    this.addClass("gc-sidebar");
    this.addWidget(new Section("Endpoints", endpoints.element, () => undefined));
    this.addWidget(new Section("Runs", runs.element, (visible) => runs.setVisible(visible)));
    (this.content as AccordionPanel).setRelativeSizes([1, 2]);
  }

  // Unfold a panel if the user has folded it.
  open(panel: Panel): void {
    (this.content as AccordionPanel).expand(PANELS.indexOf(panel));
  }
}

class Section extends ShownWidget {
  constructor(title: string, content: HTMLElement, shown: (visible: boolean) => void) {
    super(content, shown);
    this.title.label = title;
  }
}
