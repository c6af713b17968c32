// The one ES module behind every widget of gc_jupyter: anywidget calls initialize and render.

import { make } from "./dom";
import { renderLogin } from "./login";
import { Model } from "./model";
import style from "./style.css";
import { keepWhole } from "./task_rows";
import { renderTaskTable } from "./task_table";

interface Context {
  model: Model;
  el: HTMLElement;
}

function initialize({ model }: { model: Model }): (() => void) | void {
  if (model.get("kind") === "task_table") {
    return keepWhole(model);
  }
}

function render({ model, el }: Context): () => void {
  const root = make("div", { class: "gc-jupyter" }, make("style", {}, style));
  el.append(root);
  const draw = model.get("kind") === "login" ? renderLogin : renderTaskTable;
  return draw(model, root);
}

export default { initialize, render };
