"""The notebooks run from top to bottom, by the program that `make run` uses.

On `local` and, the same file, on a real endpoint whose environment has no gc_jupyter.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
LOCAL = 'ENDPOINT = "local"'

TIMEOUT = 110

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Starts run.py, each time with a journal, settings, a history and kept values of its own."""
    numbers = itertools.count()

    def run(path: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
        names = ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "GC_JUPYTER_STORE")
        folder = tmp_path / f"run-{next(numbers)}"
        home = {name: str(folder / name) for name in names}
        return subprocess.Popen(
            [sys.executable, str(ROOT / "notebooks/run.py"), str(path), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **home, **environment},
        )

    return run


SHOWN = {
    "quickstart": [
        "    %%gcrun $ENDPOINT",
        "[2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]",
        "[23]",  # the task that fails, and is mended
        "[image/png]",
        "(2, 997)",
        "It failed on the endpoint: division by zero",
    ],
    "tutorial": [
        "Nothing was sent. This would be:",
        "Trip(start='Lima', end='Oslo', km=11038)",
        "Sent: picture 12.0 MB",  # in parts where there is a network between
        "KeyError on ",
        "----> 2     return min(others, key=lambda other: distance(towns[name], towns[other]))",
        "There is no 'Atlantis'",
    ],
    "parameter_sweep": [
        "17 results; the last: r = 5.0, 48% ill on day 15",
        "[image/png]",
        "r = 2, masks stop  30%:   4.6% ill at most",
        "0 failed: division by zero",
        "[0.064, 0.154, 0.234]",
    ],
    "shell_and_mpi": [
        "three has 5 letters",
        "The script ended with exit status 2",
        "seq 1 7 100 | sort -n | tail -1 -> 99",
        "(3, '7 is too small')",
        "(124, 'started')",
        "rank of 1",
    ],
    "libraries": ["0.976 with ", "[(62, 0.7", "(1257, 0.99", "[image/png]"],
    "kept_values": [
        "Kept on ",
        "<trips: ndarray 200,000 x 6, 9.6 MB, kept on ",
        "[0.4, 0.4, 0.4, 0.39, 0.4]",
        "Bound: model (Model, ",
        "20 steps, 200000 trips",
        "Fetched: model (Model, ",
        "Nothing is kept.",
    ],
    "long_jobs": ["done already? False", "step 2 is done", "['slept 1 s', 'slept 2 s']"],
    "jupyterhub_and_binder": ["not on a JupyterHub", "'a Linux machine runs this'"],
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs_on_local_and_elsewhere(name: str, run: Run, loopback_session: Loopback) -> None:
    endpoint = loopback_session.new_endpoint("process")  # whose store has nothing of other tests
    far = loopback_session.environment
    processes = [
        run(NOTEBOOKS[name]),
        run(NOTEBOOKS[name], "--endpoint", endpoint, **far),
    ]
    for process in processes:
        shown, _ = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, shown
        for text in (*SHOWN[name], "every cell ran"):
            assert text in shown


def test_long_job_outlives_its_kernel(tmp_path: Path, loopback_session: Loopback) -> None:
    notebook = nbformat.read(NOTEBOOKS["long_jobs"], as_version=4)
    endpoint = loopback_session.endpoint("process")
    sources = [cell.source for cell in notebook.cells]
    (back,) = [i for i, source in enumerate(sources) if "## Come back" in source]
    code = [cell.cell_type == "code" for cell in notebook.cells]
    moved = [source.replace(LOCAL, f"ENDPOINT = {endpoint!r}") for source in sources]
    before = [source for source, is_code in zip(moved[:back], code[:back], strict=True) if is_code]
    after = [source for source, is_code in zip(moved[back:], code[back:], strict=True) if is_code]
    first = Kernel(tmp_path, loopback_session.environment)
    for source in before:
        first.ok(source)
    first.wait_for_ids("[job]")
    first.kill()
    kernel = Kernel(tmp_path, loopback_session.environment)
    try:
        assert "1 earlier task: " in kernel.ok(before[0]).stream("stdout")
        kernel.ok(before[1])
        shown = [kernel.ok(source) for source in after]
        assert shown[1].text == "3"  # job.result()
        assert "step 2 is done" in shown[2].stream("stdout")
        assert shown[2].text == "3"  # total
    finally:
        kernel.close()


def test_another_kernel_goes_on_with_what_is_kept(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS["kept_values"], as_version=4)
    sources = [cell.source for cell in notebook.cells]
    (back,) = [i for i, source in enumerate(sources) if "## Afternoon" in source]
    code = [cell.cell_type == "code" for cell in notebook.cells]
    before = [
        source for source, is_code in zip(sources[:back], code[:back], strict=True) if is_code
    ]
    after = [source for source, is_code in zip(sources[back:], code[back:], strict=True) if is_code]
    own = {"GC_JUPYTER_STORE": str(tmp_path / "store")}  # other tests keep values on `local`, too
    first = Kernel(tmp_path, own)
    for source in before:
        first.ok(source)
    first.kill()
    kernel = Kernel(tmp_path, own)
    try:
        shown = [kernel.ok(source) for source in [*before[:2], *after]]
        assert shown[4].stream("stdout") == "20 steps, 200000 trips\n"
        assert shown[-1].stream("stdout").startswith("Nothing is kept.")
    finally:
        kernel.close()


def test_a_failed_cell_fails_the_run(tmp_path: Path, run: Run) -> None:
    cells = ["%load_ext gc_jupyter", "%%gcrun local\n1 / 0", "print('not ' + 'reached')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    process = run(tmp_path / "broken.ipynb")
    shown, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "ZeroDivisionError: division by zero" in shown
    assert "not reached" not in shown


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_starts_on_local_without_stored_output(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert [cell.source for cell in code[:2]] == ["%load_ext gc_jupyter", LOCAL]
    last = notebook.cells[-1]
    assert last.cell_type == "markdown"
    assert "hange" in last.source
    assert "one word" in last.source
