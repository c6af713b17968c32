"""What is shipped: the wheel's contents, an sdist that installs without Node, clean lock files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import gc_jupyter

ROOT = Path(__file__).parents[1]
VERSION = gc_jupyter.__version__
DATA = f"gc_jupyter-{VERSION}.data/data"
LAB = f"{DATA}/share/jupyter/labextensions/gc-jupyter"

pytestmark = pytest.mark.timeout(240)


def build(folder: Path, target: str, out: Path, **environ: str) -> Path:
    """One of hatchling's targets, built from a folder."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)],
        cwd=folder,
        env=os.environ | environ,
        check=True,
        capture_output=True,
        text=True,
    )
    [made] = out.iterdir()
    return made


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this tree, unpacked."""
    sdist = build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist on a machine without Node."""
    return build(unpacked, "wheel", tmp_path_factory.mktemp("wheel"), PATH="")


def test_the_wheel_has_both_parts_of_the_front_end(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        package = json.loads(archive.read(f"{LAB}/package.json"))
        config = json.loads(
            archive.read(f"{DATA}/etc/jupyter/jupyter_server_config.d/gc_jupyter.json")
        )
        python = json.loads(archive.read(f"{LAB}/install.json"))
    assert "gc_jupyter/widgets/static/widgets.js" in names
    assert "gc_jupyter/py.typed" in names
    assert f"{LAB}/schemas/gc-jupyter/plugin.json" in names
    built = package["jupyterlab"]["_build"]
    assert built["extension"] == "./extension"
    assert built["style"] == "./style"
    assert f"{LAB}/{built['load']}" in names
    assert package["version"] == gc_jupyter.__version__
    assert python["packageName"] == "gc-jupyter"
    assert config == {"ServerApp": {"jpserver_extensions": {"gc_jupyter.server": True}}}


def test_the_wheel_has_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        size = sum(one.file_size for one in archive.infolist() if one.filename.startswith(LAB))
    places = ("gc_jupyter/", f"{LAB}/", f"{DATA}/etc/jupyter/", f"gc_jupyter-{VERSION}.dist-info/")
    assert [name for name in names if not name.startswith(places)] == []
    assert [name for name in names if name.endswith((".map", ".ts", ".pyc", ".orig"))] == []
    assert len([name for name in names if "/remoteEntry." in name]) == 1
    assert size < 300_000


def test_a_development_build_is_never_shipped(unpacked: Path, tmp_path: Path) -> None:
    source_map = unpacked / "labextension" / "lab_static" / "static" / "index.js.map"
    source_map.write_text("{}")
    try:
        with pytest.raises(subprocess.CalledProcessError) as failed:
            build(unpacked, "wheel", tmp_path, PATH="")
    finally:
        source_map.unlink()
    assert "needs npm" in failed.value.stderr


def test_pip_install_alone_enables_it(wheel: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    python = str(prefix / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    # JupyterLab itself is borrowed from here; where extensions are looked for goes by the prefix
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(site, "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    environ = {name: str(tmp_path / name) for name in ("HOME", "JUPYTER_DATA_DIR")}

    def listed(module: str) -> str:
        done = subprocess.run(
            [python, "-m", module, "list"],
            env=os.environ | environ | {"JUPYTER_CONFIG_DIR": str(tmp_path / "config")},
            check=True,
            capture_output=True,
            text=True,
        )
        return re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)

    labextensions = listed("jupyterlab.labextensions")
    assert f"{prefix}/share/jupyter/labextensions" in labextensions
    assert f"gc-jupyter v{VERSION} enabled OK (python, gc-jupyter)" in labextensions
    servers = listed("jupyter_server.extension.serverextension")
    assert re.search(r"gc_jupyter\.server +enabled", servers)
    assert re.search(r"gc_jupyter\.server.* OK", servers)


def test_lock_files_name_no_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*package-lock.json", "*.lock", "*.npmrc", "*requirements*.txt"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = listed.stdout.split()
    assert "labextension/package-lock.json" in files
    for name in files:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.findall(r'"resolved": "\w+://.*|\bregistry[.=:].*', text) == [], name


@pytest.mark.timeout(600)
def test_an_installation_without_an_index(wheel: Path, tmp_path: Path) -> None:
    """As the guide says: wheels are gathered where there is a network, and pinned."""
    wheels, pins = tmp_path / "wheels", tmp_path / "pins.txt"
    pip = [sys.executable, "-m", "pip"]
    gather = [*pip, "download", "-q", "--only-binary", ":all:", "-d", str(wheels), str(wheel)]
    subprocess.run([*gather, "ipykernel"], check=True)
    pins.write_text("".join(f"{one}\n" for one in sorted(map(_pin, wheels.iterdir()))))
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    alone = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    offline = ["--no-index", "--find-links", str(wheels), "-r", str(pins)]
    subprocess.run([python, "-m", "pip", "install", "-q", *offline], env=alone, check=True)
    cell = (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "s = S.instance(); s.run_cell('%load_ext gc_jupyter').raise_error()\n"
        "s.run_cell('%%gcrun local\\nprint(6 * 7)').raise_error()"
    )
    ran = subprocess.run([python, "-c", cell], env=alone, capture_output=True, text=True)
    assert "42" in ran.stdout, ran.stderr


def _pin(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version}"
