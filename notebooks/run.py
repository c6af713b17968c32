"""Runs a notebook without a browser and prints each cell and its output.

    python notebooks/run.py notebooks/quickstart.ipynb
    python notebooks/run.py notebooks/quickstart.ipynb --endpoint UUID

Ends with status 1 at the first cell that fails. The kernel is this interpreter. `--endpoint`
changes the one word in ``ENDPOINT = "local"``, as a reader would; the file stays as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a notebook and print it.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--endpoint", help="where its cells run, in place of 'local'")
    arguments = parser.parse_args()
    path: Path = arguments.path
    notebook = nbformat.read(path, as_version=4)
    if arguments.endpoint:
        move(notebook, arguments.endpoint)
    # This environment's kernel, whatever other kernels of that name the user has.
    os.environ.pop("JUPYTER_PATH", None)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    client = Printer(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],  # no warning about the kernel's transport
    )
    try:
        client.execute()
    except CellExecutionError:
        print(f"\n{path}: a cell failed.", file=sys.stderr)
        return 1
    print(f"\n{path}: every cell ran.")
    return 0


def move(notebook: Any, endpoint: str) -> None:
    """Change the one word that says where the cells run."""
    (cell,) = [cell for cell in notebook.cells if cell.source == 'ENDPOINT = "local"']
    cell.source = f"ENDPOINT = {endpoint!r}"


class Printer(NotebookClient):
    """Prints each cell as it is run, and its outputs as they were once it ended."""

    async def async_execute_cell(self, cell: Any, *args: Any, **kwargs: Any) -> Any:
        if cell.cell_type == "markdown":
            print(f"\n{cell.source}", flush=True)
        elif cell.cell_type == "code":
            print("\n    " + cell.source.replace("\n", "\n    "), flush=True)
        try:
            return await super().async_execute_cell(cell, *args, **kwargs)
        finally:
            for output in cell.get("outputs", []):
                print(text_of(output).rstrip("\n"), flush=True)


def text_of(output: Any) -> str:
    """An output as a terminal can show it."""
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        text = "\n".join(output.traceback)
        return text if sys.stdout.isatty() else re.sub(r"\x1b\[[\d;]*m", "", text)
    pictures = [f"[{mime}]" for mime in output.data if mime.startswith("image/")]
    text = " ".join([output.data.get("text/plain", ""), *pictures])
    number = output.get("execution_count")
    return f"Out[{number}]: {text}" if number else text


if __name__ == "__main__":
    sys.exit(main())
