"""Notebooks that nobody watches, and what a wheel has in it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parents[2]

CELL = """
import gc_jupyter
from gc_jupyter.widgets import TaskTable

def halve(number):
    return 1 / number

with gc_jupyter.Executor("local") as executor:
    futures = [executor.submit(halve, n) for n in range(4)]
TaskTable(futures, title="Halves")
"""


def test_under_nbclient_the_table_is_static() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    [output] = notebook.cells[0].outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert output.data["text/plain"].startswith("Halves: 1 failed, 3 success")
    assert "widgets" not in notebook.metadata


def test_a_wheel_has_the_front_end_built(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as contents:
        names = contents.namelist()
        module = contents.read("gc_jupyter/widgets/static/widgets.js").decode()
    assert not [name for name in names if "node_modules" in name or name.endswith((".ts", ".map"))]
    assert "export{" in module
    assert "import " not in module.replace("import(", "")  # one file
    assert "://" not in module.replace("http://www.w3.org/2000/svg", "")  # no network
