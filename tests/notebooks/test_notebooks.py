"""The notebooks run from top to bottom, by the program that `make run` uses.

On `local` and, the same file, on a real endpoint whose environment has no gc_jupyter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
LOCAL = 'ENDPOINT = "local"'

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment without the journal, settings and history of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("home")
    names = ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
    return {**os.environ, **{name: str(folder / name) for name in names}}


@pytest.fixture(scope="module")
def run(home: dict[str, str]) -> Callable[..., Done]:
    def run(path: Path, *options: str, **environment: str) -> Done:
        return subprocess.run(
            [sys.executable, str(ROOT / "notebooks/run.py"), str(path), *options],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
            env={**home, **environment},
        )

    return run


@pytest.fixture(scope="module")
def runs(
    run: Callable[..., Done], loopback_session: Loopback
) -> Iterator[dict[tuple[str, str], Future[Done]]]:
    """Every notebook in both places. They spend their time waiting, so some run at once."""
    endpoint = loopback_session.endpoint("process")
    far = loopback_session.environment
    with ThreadPoolExecutor(3) as pool:
        started = {}
        for name, path in NOTEBOOKS.items():
            started[name, "local"] = pool.submit(run, path)
            started[name, "real"] = pool.submit(run, path, "--endpoint", endpoint, **far)
        yield started


@pytest.mark.parametrize("where", ["local", "real"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_executes(name: str, where: str, runs: dict[tuple[str, str], Future[Done]]) -> None:
    done = runs[name, where].result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every cell ran" in done.stdout
    assert "Error" not in done.stderr


SHOWN = {
    "quickstart": [
        "    %%gcrun $ENDPOINT",
        "[2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]",
        "[image/png]",
        "(2, 997)",
        "It failed on the endpoint: division by zero",
    ],
    "tutorial": [
        "Nothing was sent. This would be:",
        "Trip(start='Lima', end='Oslo', km=11038)",
        "PayloadTooLarge: This cell's data have 12.0 MB (picture 12.0 MB)",
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
    "long_jobs": ["done already? False", "step 2 is done", "['slept 1 s', 'slept 2 s']"],
    "jupyterhub_and_binder": ["not on a JupyterHub", "'a Linux machine runs this'"],
}


@pytest.mark.parametrize("where", ["local", "real"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_shows(name: str, where: str, runs: dict[tuple[str, str], Future[Done]]) -> None:
    shown = runs[name, where].result().stdout
    for text in SHOWN[name]:
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


def test_a_failed_cell_fails_the_run(tmp_path: Path, run: Callable[..., Done]) -> None:
    cells = ["%load_ext gc_jupyter", "%%gcrun local\n1 / 0", "print('not ' + 'reached')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    done = run(tmp_path / "broken.ipynb")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert "not reached" not in done.stdout


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
