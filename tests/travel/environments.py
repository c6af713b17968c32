"""Environments of the Pythons of this machine: kernels of each, and workers of each.

`python -m tests.travel.environments` (`make matrix-workers`) makes them with pip, in a cache folder
outside of the tree; a test uses those that are there. GC_JUPYTER_TEST_ENVIRONMENTS names another
folder.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
#: The oldest that docs/travel.md promises for an endpoint's machine.
OLDEST_SDK = "3.3.0"  # with dill 0.3.5.1 before Python 3.11


@dataclass(frozen=True)
class Environment:
    """A folder with one Python and what a kernel, or a worker, needs.

    Parameters
    ----------
    name:
        The folder's name.
    version:
        Minor version of its Python.
    requirements:
        What pip installs.
    """

    name: str
    version: str
    requirements: tuple[str, ...]

    @property
    def folder(self) -> Path:
        default = Path.home() / ".cache" / "gc_jupyter-tests"
        return Path(os.environ.get("GC_JUPYTER_TEST_ENVIRONMENTS", default)) / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def made(self) -> bool:
        """Whether everything was installed, and nothing else is wanted since."""
        stamp = self.folder / "installed"
        return stamp.is_file() and stamp.read_text() == "\n".join(self.requirements)

    def make(self) -> None:
        """Install it where it isn't. Raises `CalledProcessError` with pip's words on stderr."""
        if self.made:
            return
        python = find_python(self.version)
        assert python is not None
        shutil.rmtree(self.folder, ignore_errors=True)
        # Debian's Python comes without ensurepip: the pip of this environment fills the folder.
        subprocess.run([python, "-m", "venv", "--without-pip", self.folder], check=True)
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "-q"]
        subprocess.run([*pip, "--disable-pip-version-check", *self.requirements], check=True)
        (self.folder / "installed").write_text("\n".join(self.requirements))


@functools.cache
def find_python(version: str) -> str | None:
    """An interpreter of this minor version: one of the version manager's, or on PATH."""
    manager = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    managed = manager.glob(f"{version}.*/bin/python")
    in_path = shutil.which(f"python{version}")
    ask = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    for candidate in [*sorted(map(str, managed), reverse=True), *filter(None, [in_path])]:
        said = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False)
        if said.stdout.strip() == version:  # a shim may be there for a version that isn't
            return candidate
    return None


def kernels() -> list[Environment]:
    """One for each Python that this package supports."""
    needed = _own_requirements()
    return [
        Environment(f"kernel-{version}", version, needed)
        for version in VERSIONS
        if version != "3.9"
    ]


def workers() -> list[Environment]:
    """Each Python with the newest endpoint that it takes, and two with the oldest SDK and dill."""
    newest = [
        Environment(f"worker-{version}", version, ("globus-compute-endpoint",))
        for version in VERSIONS
    ]
    oldest = [
        Environment(
            f"worker-oldest-{version}", version, (f"globus-compute-endpoint=={OLDEST_SDK}",)
        )
        for version in ("3.9", "3.10")
    ]
    return [*newest, *oldest]


def _own_requirements() -> tuple[str, ...]:
    """What pyproject.toml says that a kernel needs."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return tuple(project["dependencies"])


def main() -> None:
    """Make every environment whose Python is there."""
    for environment in [*kernels(), *workers()]:
        if find_python(environment.version) is None:
            print(f"{environment.name}: there is no Python {environment.version} here")
            continue
        environment.make()
        print(f"{environment.name}: {environment.folder}", flush=True)


if __name__ == "__main__":
    main()
