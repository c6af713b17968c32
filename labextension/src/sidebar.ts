// The panels in the left sidebar, one below the other.

import { SidePanel } from "@jupyterlab/ui-components";
import { Message } from "@lumino/messaging";
import { AccordionPanel, Widget } from "@lumino/widgets";

import { EndpointsPanel } from "./endpoints_panel";
import { computeIcon } from "./icon";
import { TasksPanel } from "./tasks_panel";

const PANELS = ["endpoints", "tasks"] as const;

export type Panel = (typeof PANELS)[number];

export class Sidebar extends SidePanel {
  constructor(endpoints: EndpointsPanel, tasks: TasksPanel) {
    super();
    this.id = "gc-jupyter-sidebar";
    this.title.icon = computeIcon;
    this.title.caption = "Globus Compute: endpoints and tasks";
    this.addClass("gc-sidebar");
    this.addWidget(new Section("Endpoints", endpoints.element, () => undefined));
    this.addWidget(new Section("Tasks", tasks.element, (visible) => tasks.setVisible(visible)));
    (this.content as AccordionPanel).setRelativeSizes([1, 2]);
  }

  // Unfolds a panel, where the user has folded it.
  open(panel: Panel): void {
    (this.content as AccordionPanel).expand(PANELS.indexOf(panel));
  }
}

class Section extends Widget {
  constructor(
    title: string,
    content: HTMLElement,
    private readonly shown: (visible: boolean) => void,
  ) {
    super({ node: content });
    this.title.label = title;
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.shown(true);
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.shown(this.isVisible);
  }

  protected onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this.shown(false);
  }

  protected onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this.shown(false);
  }
}
