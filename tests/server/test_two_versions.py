"""A server and kernels of two versions at one journal: an upgrade and a downgrade meanwhile."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import gc_jupyter
from gc_jupyter.journal.schema import VERSION
from tests.server.conftest import User
from tests.server.test_collecting import ON, abandon, leave, told, wait_for
from tests.service.handle import Loopback

NEXT = "99.0"


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder with the next version of the package: its journal has a table's column more."""
    package = tmp_path / "next" / "gc_jupyter"
    shutil.copytree(Path(gc_jupyter.__file__).parent, package)
    edits = {
        "__init__.py": (r"^__version__ = .*", f'__version__ = "{NEXT}"'),
        "journal/schema.py": (r"^VERSION = .*", f"VERSION = {VERSION + 1}"),
    }
    for name, (pattern, text) in edits.items():
        path = package / name
        found, count = re.subn(pattern, text, path.read_text("utf-8"), count=1, flags=re.M)
        assert count == 1, name
        path.write_text(found, "utf-8")
    schema = package / "journal/schema.py"
    text = schema.read_text("utf-8")
    added = text.replace("_ADDED = {", '_ADDED = {"priority": "INTEGER DEFAULT 3",', 1)
    assert added != text
    schema.write_text(added, "utf-8")
    return package.parent


@pytest.mark.parametrize("upgrade", [True, False], ids=["upgrade", "downgrade"])
def test_a_server_that_was_not_restarted(
    loopback: Loopback, user: User, newer: Path, upgrade: bool
) -> None:
    """It collects what a kernel of the other version has left; a kernel of either attaches."""
    other = {"PYTHONPATH": str(newer)}
    of_server, of_kernels = ({}, other) if upgrade else (other, {})
    server = user.server(ON, **of_server)
    notices = server.notices()
    version = gc_jupyter.__version__
    assert server.ask("status")["version"] == (version if upgrade else NEXT)
    offline = loopback.new_endpoint("offline")
    ids = leave(user, offline, "print('here')\n6 * 7", "'second'", **of_kernels)
    loopback.bring_online(offline)
    wait_for(server, notices, ids)
    abandon(loopback, ids)  # so the journal alone has them
    kernel = user.kernel(**of_kernels)
    told(kernel)
    assert kernel.ok("import gc_jupyter; gc_jupyter.__version__").text == repr(
        NEXT if upgrade else version
    )
    kernel.ok(f"%gc attach {ids[0]}")
    assert kernel.ok("f0.result(), f0.stdout").text == "(42, 'here\\n')"
    old = user.kernel(**of_server)
    told(old)
    assert old.ok(f"%gc result {ids[1]}").text == "'second'"
