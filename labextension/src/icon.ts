// The icons: a cloud that runs something, and a dot for each state, told apart without colour.

import { LabIcon } from "@jupyterlab/ui-components";

const CLOUD = "M4.500 13.500a3.750 3.750 0 0 1-.6-7.450 4.750 4.750 0 0 1 9.020 1.100A3.250 3.250 0 0 1 12.500 13.500zM6.500 6v5.500L11 8.750z";

export const computeIcon = new LabIcon({
  name: "gc-jupyter:compute",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path class="jp-icon3" fill="#616161" fill-rule="evenodd" d="${CLOUD}"/></svg>`,
});

const DOTS = {
  online: '<circle cx="8" cy="8" r="5" style="fill: var(--jp-success-color1, #388e3c)"/>',
  offline: '<path d="M4 4h8v8H4z" style="fill: none; stroke: var(--jp-error-color1, #d32f2f); stroke-width: 2"/>',
  unknown: '<circle cx="8" cy="8" r="4" style="fill: none; stroke: var(--jp-ui-font-color2, #757575); stroke-width: 2"/>',
};

const dots = Object.fromEntries(
  Object.entries(DOTS).map(([state, shape]) => [
    state,
    new LabIcon({
      name: `gc-jupyter:${state}`,
      svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${shape}</svg>`,
    }),
  ]),
);

export function dotOf(status: string): LabIcon {
  return dots[status] ?? dots["unknown"]!;
}
