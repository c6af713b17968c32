"""Notebooks that nobody watches, and what a wheel has in it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbclient
import nbconvert
import nbformat
import pytest

from gc_jupyter import TaskFuture
from gc_jupyter.widgets import TaskTable
from gc_jupyter.widgets.live_widget import VIEW
from tests.widgets.conftest import Shell

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


@pytest.mark.parametrize("template", ["lab", "classic", "basic", "reveal"])
def test_a_page_made_of_a_notebook_saved_while_its_table_lived(
    notebook: Shell, template: str
) -> None:
    """nbconvert, which nbviewer is made of, has no such widget: the static rows beside it count."""
    TaskTable([TaskFuture(serial=1, label="square")], title="Squares")._ipython_display_()
    [bundle] = notebook.display_pub.outputs.values()
    assert VIEW in bundle
    output = nbformat.v4.new_output("display_data", data=dict(sorted(bundle.items())))
    saved = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    page, _ = nbconvert.HTMLExporter(template_name=template).from_notebook_node(saved)
    assert re.search(r"<caption[^>]*>Squares: 1 unsent, as of [^<]* UTC</caption>", page)
    assert VIEW not in page


@pytest.mark.timeout(600)  # npm builds it
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
