"""The notebooks run from top to bottom, by the program that `make run` uses."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@functools.cache
def run(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "notebooks/run.py"), str(path)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_executes(path: Path) -> None:
    done = run(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every cell ran" in done.stdout


def test_quickstart_prints_cells_and_outputs() -> None:
    out = run(ROOT / "notebooks/quickstart.ipynb").stdout
    assert "    %%gcrun local" in out
    assert "[2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]" in out
    assert "[image/png]" in out
    assert "(2, 997)" in out


def test_a_failed_cell_fails_the_run(tmp_path: Path) -> None:
    cells = ["%load_ext gc_jupyter", "%%gcrun local\n1 / 0", "print('not ' + 'reached')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    done = run(tmp_path / "broken.ipynb")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert "not reached" not in done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_starts_on_local_without_stored_output(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs for cell in code)
    assert any("local" in cell.source.splitlines()[0] for cell in code if cell.source)
