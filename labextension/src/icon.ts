// The sidebar's icon: a cell, and a cloud that it runs in.

import { LabIcon } from "@jupyterlab/ui-components";

const SHAPE =
  "M4 4h9v2H6v8H4zM10.5 11A4 4 0 0 1 18 12.1 3.5 3.5 0 0 1 17.500 19H10a4 4 0 0 1 .5-8zm-.5 2a2 2 0 0 0 0 4h7.500a1.500 1.500 0 0 0 0-3H16v-1a2 2 0 0 0-4 0z";

export const computeIcon = new LabIcon({
  name: "gc-jupyter:compute",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 22 22"><path class="jp-icon3" fill="#616161" fill-rule="evenodd" d="${SHAPE}"/></svg>`,
});
