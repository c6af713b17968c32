"""What is installed stays where it is, wherever that lies; what lies beside the notebook travels.

Each package says where it was read: ``here`` on this machine, ``there`` on the worker's.
"""

from __future__ import annotations

import importlib.machinery
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor
from tests.service.handle import Loopback
from tests.travel.kernel import Answer, History, Kernel

_LIB = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
_COMPILED = importlib.machinery.EXTENSION_SUFFIXES[0]
#: Folders of PYTHONPATH, as cluster tools lay them out -> the package in it.
INSTALLED = {
    f"opt/spack/linux-zen3/gcc-12.2.0/py-spacked-1.0-h7dk2/{_LIB}": "spacked",
    f"software/easybuilt/1.0-foss-2023a/{_LIB}": "easybuilt",
    f"miniconda3/envs/lab/{_LIB}": "condaed",
    f".local/{_LIB}": "of_user",
    "pip-target": "targeted",  # by pip install --target
    "pip-target-two": "single_file",
    "build/lib.linux-x86_64": "compiled",  # nothing says that it is installed, but it can't travel
    f"opt/ns/{_LIB}": "spaced.part",  # a namespace package
    "eggs/egged-1.0-py3.egg": "egged",
}
#: Source trees: these are the user's own.
OWN = {"tools": "own_tool", "src": "editable"}
TEXT = (
    "WHERE = {where!r}\ndef where(): return WHERE\nclass Kind:\n    def where(self): return WHERE\n"
)


@dataclass
class Trees:
    """Package trees of this machine, and of the worker's."""

    here: Path
    there: Path
    folders: list[str] = field(default_factory=list)

    def path(self, side: Path) -> str:
        """PYTHONPATH of a side."""
        return os.pathsep.join(str(side / folder) for folder in self.folders)


def lay(side: Path, where: str) -> None:
    """One machine's packages."""
    text = TEXT.format(where=where)
    for folder, name in {**INSTALLED, **OWN}.items():
        package = side / folder / name.replace(".", "/")
        package.parent.mkdir(parents=True, exist_ok=True)
        if name == "single_file":
            package.with_suffix(".py").write_text(text)
        else:
            package.mkdir()
            (package / "__init__.py").write_text(f"from {name}.inner import *\n")
            (package / "inner.py").write_text(text)
        if name == "compiled":
            (package / f"_fast{_COMPILED}").write_bytes(b"\x7fELF")
    for folder, name in (("pip-target", "targeted"), ("pip-target-two", "single_file")):
        info = side / folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "INSTALLER").write_text("pip\n")
        files = (
            [f"{name}.py"] if name == "single_file" else [f"{name}/__init__.py", f"{name}/inner.py"]
        )
        (info / "RECORD").write_text(
            "".join(f"{one},,\n" for one in [*files, f"{info.name}/RECORD"])
        )
    # what `pip install -e` of a setuptools project leaves in the source tree
    (side / "src/editable.egg-info").mkdir()
    (side / "src/editable.egg-info/PKG-INFO").write_text("Name: editable\nVersion: 1.0\n")
    (side / "src/editable.egg-info/SOURCES.txt").write_text("editable/__init__.py\n")
    (side / "src/editable.egg-info/top_level.txt").write_text("editable\n")


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    made = Trees(tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there"))
    lay(made.here, "here")
    lay(made.there, "there")
    made.folders = [*INSTALLED, *OWN]
    # numpy as `pip install --target` leaves it: the files of this environment's own
    target = made.here / "pip-target"
    installed = Path(sysconfig.get_paths()["platlib"])
    for part in [
        *installed.glob("numpy"),
        *installed.glob("numpy.libs"),
        *installed.glob("numpy-*"),
    ]:
        shutil.copytree(
            part, target / part.name, ignore=shutil.ignore_patterns("tests", "__pycache__")
        )
    return made


@pytest.fixture(scope="module")
def worker(loopback_session: Loopback, trees: Trees) -> str:
    """An endpoint whose machine has the same packages installed, and none of this one's own."""
    folders = [str(trees.there / folder) for folder in INSTALLED]
    environment = {"PYTHONPATH": os.pathsep.join(folders)}
    return loopback_session.new_endpoint("inline", environment=environment)


@pytest.fixture(scope="module")
def far(loopback_session: Loopback, trees: Trees, worker: str) -> Iterator[Kernel]:
    """A kernel with these packages on PYTHONPATH."""
    environment = {**loopback_session.environment, "PYTHONPATH": trees.path(trees.here)}
    with Kernel(worker, environment) as kernel:
        yield kernel


def values(kernel: Kernel, *cells: str) -> tuple[str, str]:
    """What the last cell gives here and there."""
    *before, cell = cells
    answer = kernel.see(History((), tuple(before), cell))
    assert answer.before == []
    assert answer.files == []
    for one in (*answer.here, *answer.there):
        assert one.error == ""
    return answer.here[0].value, answer.there[0].value


WAYS = {
    "module": ("import {name} as it", "it.where()"),
    "function": ("from {name} import where", "where()"),
    "submodule": ("import {name} as it, {inner} as inner", "inner.where()"),
    "class": ("from {name} import Kind", "Kind().where()"),
    "held": (
        "import {name} as it\nheld = [it, it.where, it.Kind()]",
        "held[0].where(), held[1](), held[2].where()",
    ),
    "by a function": ("import {name} as it\ndef use(): return it.where()", "use()"),
    "in the cell": ("", "import {name} as it\nit.where()"),
    "in a function": ("def use():\n    import {name} as it\n    return it.where()", "use()"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*INSTALLED.values(), *OWN.values()])
def test_where_it_is_read(far: Kernel, name: str, way: str) -> None:
    inner = name if name == "single_file" else f"{name}.inner"
    cells = [text.format(name=name, inner=inner) for text in WAYS[way]]
    here, there = values(far, *cells)
    where = "'here'" if name in OWN.values() else "'there'"
    assert here.replace("'here'", where) == there


def test_numpy_of_a_prefix(far: Kernel, trees: Trees) -> None:
    before = "import numpy as np\nfrom numpy.linalg import norm\nrows = np.arange(4.0)"
    here, _ = values(far, before, "np.__file__")
    assert str(trees.here / "pip-target") in here
    here, there = values(far, before, "float(norm(rows)), float(np.linalg.det(np.eye(2)))")
    assert here == there == "(3.7416573867739413, 1.0)"


def test_an_editable_package_that_pip_installed(
    loopback_session: Loopback, worker: str, tmp_path: Path
) -> None:
    """By the records that `pip install -e` leaves in site-packages: it travels."""
    site, source = tmp_path / _LIB, tmp_path / "checkout/src"
    info = site / "edited-1.0.dist-info"
    for folder in (info, source / "edited"):
        folder.mkdir(parents=True)
    (source / "edited/__init__.py").write_text(TEXT.format(where="here"))
    (site / "__editable__.edited-1.0.pth").write_text(f"{source}\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edited\nVersion: 1.0\n")
    (info / "RECORD").write_text("__editable__.edited-1.0.pth,,\nedited-1.0.dist-info/RECORD,,\n")
    (info / "direct_url.json").write_text(
        f'{{"dir_info": {{"editable": true}}, "url": "file://{source.parent}"}}'
    )
    with Kernel(worker, loopback_session.environment) as kernel:
        start = f"import site; site.addsitedir({str(site)!r})"
        assert values(kernel, start, "import edited", "edited.where()") == ("'here'", "'here'")


# --- modules of one name --------------------------------------------------------------------------


def test_modules_of_one_name(loopback_session: Loopback, client: Client, tmp_path: Path) -> None:
    """A module that a task brought is gone after it, for other notebooks and plain functions."""
    (tmp_path / "helpers.py").write_text("WHERE = 'installed there'\n")
    endpoint = loopback_session.new_endpoint("inline", environment={"PYTHONPATH": str(tmp_path)})
    cells = ("%%writefile helpers.py\nWHERE = '{}'\ndef where(): return WHERE", "import helpers")
    one = History((), (cells[0].format("one"), cells[1]), "helpers.where()")
    two = History((), (cells[0].format("two"), cells[1]), "helpers.where()")
    known = "import sys; 'helpers' in sys.modules"
    environment = loopback_session.environment
    with Kernel(endpoint, environment) as first, Kernel(endpoint, environment) as second:
        for _ in range(2):
            assert there(first.see(one)) == "'one'"
            assert there(second.see(two)) == "'two'"
            plain = second.see(History((), (), "import helpers\nhelpers.WHERE"))
            assert there(plain) == "'installed there'"
    with Executor(endpoint, client=client) as executor:
        assert executor.submit(_where).result(60) == "installed there"
    with Kernel(endpoint, environment) as third:
        assert there(third.see(one)) == "'one'"
        # the worker's own, which plain code has imported
        assert there(third.see(History((), (), f"{known}, sys.modules['helpers'].WHERE"))) == (
            "(True, 'installed there')"
        )


def _where() -> str:
    import helpers

    return str(helpers.WHERE)


def there(answer: Answer) -> str:
    (seen,) = answer.there
    assert seen.error == ""
    return seen.value
