"""Cells as notebooks have them: IPython and `%%gcrun local` show the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.capture.compare import read_corpus

NOTEBOOKS = read_corpus()


@pytest.fixture(scope="module")
def compare() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.capture.compare"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    with process:
        yield process
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_same_as_here(notebook: str, compare: subprocess.Popen[str]) -> None:
    assert compare.stdin is not None
    assert compare.stdout is not None
    print(notebook, file=compare.stdin, flush=True)
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = json.loads(compare.stdout.readline())
    different = []
    for cell, (there, here) in zip(NOTEBOOKS[notebook], pairs, strict=True):
        kind = here["error"].partition(":")[0]
        assert kind == cell.raises, f"{cell}: {here['error']}"
        if cell.refused:
            assert there["error"].startswith(f"CaptureError: The cell uses {cell.refused!r}")
        elif there != here:
            parts = [name for name in here if here[name] != there[name]]
            shown = [f"{name} there: {there[name]!r}\n  here: {here[name]!r}" for name in parts]
            different.append("\n".join([str(cell), cell.text, *shown]))
    assert not different, "\n\n".join(different)


def test_size_of_the_corpus() -> None:
    cells = [cell for notebook in NOTEBOOKS.values() for cell in notebook]
    assert len([cell for cell in cells if not cell.refused]) >= 300
    assert len({cell.text for cell in cells}) == len(cells)
