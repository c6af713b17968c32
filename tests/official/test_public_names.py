"""Every public name of the official SDK exists here, or docs/differences.md says why it doesn't."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import compat

HERE = Path(__file__).parent
DIFFERENCES = HERE.parents[1] / "docs/differences.md"


@pytest.fixture(scope="module")
def listed(endpoint_python: str) -> dict[str, Any]:
    command = [endpoint_python, str(HERE / "listing.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def absent() -> set[str]:
    """The names of the table "Names that are not here"."""
    _, _, section = DIFFERENCES.read_text("utf-8").partition("## Names that are not here")
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.fixture
def installed() -> Iterator[None]:
    """`globus_compute_sdk` is this package while a test runs."""
    before = dict(sys.modules)
    compat.install()
    yield
    for name in set(sys.modules) - set(before):
        if name.partition(".")[0] in ("globus_compute_sdk", "funcx"):
            del sys.modules[name]
    sys.modules.update(before)


def is_absent(name: str, absent: set[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:length]) in absent for length in range(1, len(parts) + 1))


@pytest.mark.usefixtures("installed")
def test_every_public_name(listed: dict[str, Any], absent: set[str]) -> None:
    missing = []
    for path, names in listed["modules"].items():
        for name in names:
            full = f"{path}.{name}".lstrip(".")
            try:
                module = importlib.import_module(f"globus_compute_sdk.{path}".rstrip("."))
                here = hasattr(module, name)
            except ModuleNotFoundError:
                here = False
            if here == is_absent(full, absent):
                missing.append(full)
    assert not missing, f"{missing}: neither here nor in docs/differences.md, or in both"


@pytest.mark.usefixtures("installed")
def test_every_member(listed: dict[str, Any], absent: set[str]) -> None:
    missing = []
    for path, members in listed["classes"].items():
        module, _, name = f"globus_compute_sdk.{path}".rpartition(".")
        kind = getattr(importlib.import_module(module), name)
        for member, parameters in members.items():
            full = f"{path}.{member}"
            if is_absent(full, absent):
                assert not hasattr(kind, member), f"{full} is here"
            elif not hasattr(kind, member):
                missing.append(full)
            elif parameters is not None:
                taken = inspect.signature(getattr(kind, member)).parameters.values()
                names = {one.name for one in taken}
                if not any(one.kind is one.VAR_KEYWORD for one in taken):
                    missing += [
                        f"{full}({one})"
                        for one in parameters
                        if one not in names and not is_absent(f"{full}({one})", absent)
                    ]
    assert not missing, missing


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("gc_jupyter.sdk.bash_function", "BashFunction"),
        ("gc_jupyter.sdk.web_client", "WebClient"),
        ("gc_jupyter.sdk.login_manager", "AuthorizerLoginManager"),
        ("gc_jupyter.sdk.login_manager.manager", "ComputeScopeBuilder"),
        ("gc_jupyter.sdk.executor", "FuncXExecutor"),
        ("gc_jupyter.errors.error_types", "MaxResultSizeExceeded"),
        ("gc_jupyter.serialize.utils", "pack_buffers"),
    ],
)
def test_paths_of_earlier_days(module: str, name: str) -> None:
    assert callable(getattr(importlib.import_module(module), name))
