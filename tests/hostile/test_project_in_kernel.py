"""A foreign pyproject.toml beside a kernel: what its cells do then."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.test_project import BAD, A, B
from tests.magics.conftest import Kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    work = tmp_path / "work"
    work.mkdir()
    made = Kernel(tmp_path / "home", cwd=work)
    with contextlib.closing(made):
        made.ok("%load_ext gc_jupyter")
        yield made


def test_a_project_in_a_kernel(kernel: Kernel, tmp_path: Path) -> None:
    """The ways of the issue, one after the other."""
    file, made = tmp_path / "work/pyproject.toml", tmp_path / "made"
    code = f"{{__import__('os').mkdir({str(made)!r})}}"
    file.write_text(f"[tool.gc_jupyter]\nendpoint = {json.dumps(code)}\n")
    for cell in ("%%gcrun\n1", "%%gcrun --dry-run\n1", "%gc status", "%gc doctor", "%gc use"):
        kernel.run(cell)
        assert not made.exists()
    kernel.ok("%gc trust")
    for cell in ("%%gcrun\n1", "%%gcrun --dry-run\n1", "%gc status", "%gc doctor", "%gc use"):
        kernel.run(cell)
        assert not made.exists()
    configured = "get_ipython().magics_manager.registry['GCMagics'].endpoint"
    kernel.ok(f"{configured} = {code!r}")
    assert "no endpoint's name" in kernel.run("%%gcrun\n1").stream("stderr")
    assert not made.exists()
    kernel.ok(f"{configured} = None")
    file.write_text(f'[tool.gc_jupyter.aliases]\n"{A}" = "{B}"\n')
    assert A in kernel.ok(f"%%gcrun {A} --dry-run\n1").stream("stdout")
    kernel.ok(f"%gc use {A} --alias x")
    assert B not in (tmp_path / "home/config/gc_jupyter.toml").read_text()
    shown = kernel.run(f"%gc use {A} --alias {B}")
    assert "means itself" in shown.stream("stderr")
    kernel.ok("%gc config endpoint none")
    file.write_text('[tool.gc_jupyter.endpoint_config]\nworker_init = "evil"\n')
    assert "evil" not in kernel.ok(f"%%gcrun {A} --dry-run\n1").stream("stdout")


def test_trust_in_a_kernel(kernel: Kernel, tmp_path: Path) -> None:
    file = tmp_path / "work/pyproject.toml"
    assert "There is no pyproject.toml" in kernel.run("%gc trust").stream("stderr")
    file.write_text('[tool.gc_jupyter]\nendpoint = "local"\n')
    shown = kernel.run("%%gcrun\n1")
    first, second = shown.stream("stderr").splitlines()
    assert first == f'{file} would set endpoint = "local"; %gc trust has it used.'
    assert "No endpoint is named" in second
    assert 'sets endpoint = "local" from now on' in kernel.ok("%gc trust").stream("stdout")
    assert kernel.ok("%%gcrun\n1").text == "1"
    assert f'{file}  sets endpoint = "local"' in kernel.ok("%gc trust --list").stream("stdout")
    file.write_text('[tool.gc_jupyter]\nendpoint = "local"\nquiet = true\n')
    shown = kernel.ok("%gc trust --list")
    assert "changed since: not used" in shown.stream("stdout")
    assert "has changed since you trusted it" in shown.stream("stderr")
    assert kernel.run("%%gcrun\n1").status == "error"
    kernel.ok("%gc trust")
    kernel.ok("%%gcrun\n1")
    assert "isn't used any more" in kernel.ok("%gc trust --forget").stream("stdout")
    assert kernel.run("%%gcrun\n1").status == "error"
    assert kernel.ok("%gc trust --list").stream("stdout") == "No project is trusted.\n"
    assert "isn't trusted" in kernel.run("%gc trust --forget /nowhere").stream("stderr")


@pytest.mark.parametrize("name", BAD)
def test_cells_run_with_the_other_settings(kernel: Kernel, tmp_path: Path, name: str) -> None:
    (tmp_path / "work/pyproject.toml").write_bytes(BAD[name])
    (tmp_path / "home/config").mkdir(parents=True, exist_ok=True)
    (tmp_path / "home/config/gc_jupyter.toml").write_text('endpoint = "local"\n')
    shown = kernel.ok("%%gcrun\n1")
    assert shown.text == "1"
    assert shown.stream("stderr").count("\n") == 1
    assert kernel.ok("%%gcrun\n1").stream("stderr") == ""
    if name not in ("no table", "no such kind"):
        (tmp_path / "home/config/gc_jupyter.toml").write_bytes(BAD[name])
        shown = kernel.ok("%%gcrun local\n2")
        assert shown.text == "2"
        assert shown.stream("stderr").count("\n") == 1
