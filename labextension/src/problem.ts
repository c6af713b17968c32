// Why the panels can't show something, and the next step.

export class Problem extends Error {
  constructor(
    message: string,
    readonly nextStep = "",
  ) {
    super(message);
  }
}

export const NOT_INSTALLED = new Problem(
  "The Jupyter server has no gc_jupyter: its own environment lacks the package, or it started before the package came.",
  "Run “pip install gc-jupyter” in the environment that the Jupyter server runs in (the kernel's may be another), then restart the server. Magics in notebooks work without it.",
);
