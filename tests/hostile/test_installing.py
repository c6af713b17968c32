"""A package of npm's that the build takes runs nothing while it is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ["labextension", "tests/hub", "tests/browser/vscode"]
COMMAND = re.compile(r"""npm\W+ci\b.*""")

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")


@pytest.fixture
def taken_over(tmp_path: Path) -> Path:
    """A project that depends on a package whose new version runs a command."""
    package = tmp_path / "package"
    package.mkdir()
    scripts = dict.fromkeys(("preinstall", "install", "postinstall"), "touch $MARK")
    described = {"name": "taken-over", "version": "1.0.0", "scripts": scripts}
    (package / "package.json").write_text(json.dumps(described))
    project = tmp_path / "project"
    project.mkdir()
    npm(package, "pack", "--pack-destination", str(project))
    needed = {"taken-over": "file:taken-over-1.0.0.tgz"}
    (project / "package.json").write_text(json.dumps({"name": "p", "dependencies": needed}))
    npm(project, "install", "--package-lock-only")
    return project


def npm(folder: Path, *arguments: str, **environ: str) -> None:
    subprocess.run(["npm", *arguments], cwd=folder, env=os.environ | environ, check=True)


def test_the_attack_works(taken_over: Path, tmp_path: Path) -> None:
    npm(taken_over, "ci", MARK=str(tmp_path / "ran"))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_runs_where_npm_is_called_by_hand(
    taken_over: Path, tmp_path: Path, folder: str
) -> None:
    shutil.copy(ROOT / folder / ".npmrc", taken_over)
    npm(taken_over, "ci", MARK=str(tmp_path / "ran"))
    assert (taken_over / "node_modules/taken-over").is_dir()
    assert not (tmp_path / "ran").exists()


def test_every_command_of_this_project_says_so() -> None:
    found = [
        line
        for name in ("Makefile", "hatch_build.py", "CONTRIBUTING.md")
        for line in COMMAND.findall((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert len(found) >= 3
    assert [line for line in found if "--ignore-scripts" not in line] == []


def test_every_folder_with_packages_is_known() -> None:
    locks = subprocess.run(
        ["git", "ls-files", "*package-lock.json"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    if not locks:
        pytest.skip("not a git checkout")
    assert sorted(str(Path(lock).parent) for lock in locks) == sorted(FOLDERS)
