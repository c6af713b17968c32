"""binder/'s steps as repo2docker runs them: a user who is not root, in an empty home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534
#: Whether all is done as on a machine that has nothing; else what this environment has is there.
EMPTY = bool(os.environ.get("GC_JUPYTER_EMPTY_IMAGE"))
#: The front end, built when this environment was made.
BUILT = ("src/gc_jupyter/widgets/static", "labextension/lab_static")

pytestmark = pytest.mark.timeout(400)


class Image:
    """A folder with what the image has: the repository, a Python of its own, an empty home."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "repository"
        self.python = folder / "environment"
        self.home = folder / "home"
        self.user = NOBODY if os.geteuid() == 0 else None
        self.home.mkdir()
        self._copy()
        if not EMPTY:
            for built in BUILT:
                shutil.copytree(ROOT / built, self.repository / built)
        if self.user is not None:
            folder.chmod(0o755)
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)

    def _copy(self) -> None:
        command = ("git", "ls-files", "-z")  # what a clone has
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        for name in filter(None, listed.stdout.decode().split("\0")):
            if not name.startswith("tests/") and (ROOT / name).is_file():
                target = self.repository / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)

    def start(self, *command: str, cwd: str = "") -> subprocess.Popen[str]:
        """A step, in the repository. PermissionError where its user may not run the command."""
        return subprocess.Popen(
            command,
            cwd=cwd or self.repository,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def run(self, *command: str, cwd: str = "") -> str:
        """A step, to its end; what it printed."""
        step = self.start(*command, cwd=cwd)
        shown, _ = step.communicate()
        assert step.returncode == 0, shown
        return shown

    def lay_a_base(self) -> None:
        """Have in it what this environment has, as repo2docker's base has JupyterLab: then pip
        installs the repository alone. Nothing where the user can't use that."""
        [packages] = self.python.glob("lib/python*/site-packages")
        base = packages / "base.pth"
        base.write_text(sysconfig.get_path("purelib") + "\n")
        step = self.start("python", "-c", "import jupyterlab, matplotlib.pyplot")
        step.communicate()
        if step.returncode:
            base.unlink()

    def make_environment(self) -> None:
        """The image's own Python, from one of this machine's that its user may run."""
        for python in (str(Path(sys.executable).resolve()), "/usr/bin/python3"):
            try:
                step = self.start(python, "-m", "venv", str(self.python))
            except OSError:
                continue
            step.communicate()
            if step.returncode == 0:
                return
        pytest.skip("no Python here that a user without rights may make an environment with")

    def environment(self) -> Mapping[str, str]:
        """As in the image; how this machine reaches its package registries is kept."""
        kept = ("PIP_", "NPM_", "npm_", "SSL_", "REQUESTS_", "HTTP", "http", "NO_PROXY", "no_proxy")
        path = os.pathsep.join([str(self.python / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])
        return {
            **{name: text for name, text in os.environ.items() if name.startswith(kept)},
            "PATH": path,
            "HOME": str(self.home),
            "NB_PYTHON_PREFIX": str(self.python),
            "LANG": "C.UTF-8",
        }


@pytest.fixture
def image() -> Iterator[Image]:
    # not pytest's folder: that is its user's alone
    with tempfile.TemporaryDirectory(prefix="gc-image-") as folder:
        yield Image(Path(folder))


def test_the_image_is_built_and_launches_the_quickstart(image: Image) -> None:
    image.make_environment()
    if not EMPTY:
        image.lay_a_base()
    image.run("python", "-m", "pip", "install", "--no-cache-dir", "-r", "binder/requirements.txt")
    shown = image.run("./binder/postBuild")
    assert "notebooks/quickstart.ipynb: every cell ran." in shown
    assert not any(path.name == "node_modules" for path in image.repository.glob("*/*"))
    left = [path.name for path in image.home.rglob("*") if path.name != ".cache"]
    assert not {"journal.sqlite", ".npm", "_cacache"}.intersection(left)
    where = image.run("python", "-c", "import gc_jupyter; print(gc_jupyter.__file__)", cwd="/")
    assert where.startswith(str(image.python))
