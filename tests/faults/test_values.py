"""A kernel is killed at every step of a transfer, in and out: the next one goes on with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.faults.test_kill import NOTEBOOK
from tests.scripts import TIME_LIMIT_S, start
from tests.service.handle import Loopback

PARTS = 7  # of a pickle and of its buffer
SETUP = """\
import threading
from gc_jupyter.executor import Executor
from gc_jupyter.session import fetching, store_places, stores, transfer
from gc_jupyter.session.known_parts import KnownParts

there, = sys.argv[1:]
moved = {"put": 0, "get": 0}
for name in moved:
    def count(self, parts, name=name, real=getattr(store_places.Far, name)):
        moved[name] += len(parts)
        return real(self, parts)
    setattr(store_places.Far, name, count)

def then_die(owner, name, times=1):
    real, calls = getattr(owner, name), []
    def call(*args, **more):
        found = real(*args, **more)
        calls.append(1)
        if len(calls) == times:
            die()
        return found
    setattr(owner, name, call)

cell("import numpy as np")
"""
NOTEBOOK = NOTEBOOK.replace("inline, offline = sys.argv[1:]\n", "")
SEND = """\
cell("value = np.random.default_rng(1).random(4_600_000)")
cell(f"%%gcrun {there} -q --out total\\ntotal = float(value.sum()), value.nbytes")
cell("assert total == (float(value.sum()), value.nbytes)")
print(json.dumps(moved))
"""
SENDING = {
    "before it asks": "before(store_places.Far, 'missing')",
    "once it has asked": "then_die(store_places.Far, 'missing')",
    "before the first part": "before(store_places.Far, 'put')",
    "once the first part has left": "then_die(store_places.Far, 'put')",
    "once the first part is there": "before(KnownParts, 'add')",
    "once the second part is noted": "then_die(KnownParts, 'add', 2)",
    "once all are there": "then_die(transfer, 'wait_for'); stores.wait_for = transfer.wait_for",
    "before it is remembered": "before(KnownParts, 'save')",
    "before the cell leaves": "then_die(stores.Stores, 'send', 2)",
}
FETCH = """\
cell(f"%%gcrun {there} -q --out made\\nmade = np.arange(4_600_000.0)\\nlen(made)")
time.sleep(60)
"""
FETCHING = {
    "before the first part": "before(fetching.Fetching, 'prepare')",
    "once the first part was asked for": "then_die(store_places.Far, 'get')",
    "before the first part is kept": "before(fetching.Fetching, '_take')",
    "once the second part is kept": "then_die(fetching.Fetching, '_take', 2)",
    "once all are kept": "before(fetching.Fetching, 'finish')",
    "once they aren't kept any more": "then_die(fetching.Fetching, 'finish')",
}
ATTACH = """\
cell("found = get_ipython().run_line_magic('gc', 'attach')")
cell("assert found == 4_600_000 and (made == np.arange(4_600_000.0)).all()")
print(json.dumps(moved))
"""


def killed(loopback: Loopback, folder: Path, text: str, there: str) -> None:
    kernel = start(loopback, folder, text, there)
    _out, err = kernel.communicate(timeout=TIME_LIMIT_S)
    assert kernel.returncode == -9, err


def moved(loopback: Loopback, folder: Path, text: str, there: str) -> dict[str, int]:
    kernel = start(loopback, folder, text, there)
    out, err = kernel.communicate(timeout=TIME_LIMIT_S)
    assert kernel.returncode == 0, out + err
    found: dict[str, int] = json.loads(re.findall(r"^\{.*\}$", out, re.MULTILINE)[-1])
    return found


def test_killed_while_it_sends(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No step costs what was there; in the end the cell has the value."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    there = loopback.new_endpoint("inline", count=2)
    for step in SENDING.values():
        killed(loopback, tmp_path, f"{NOTEBOOK}{SETUP}{step}\n{SEND}", there)
    assert moved(loopback, tmp_path, NOTEBOOK + SETUP + SEND, there) == {"put": 0, "get": 0}
    folder = tmp_path / "other"  # who knows nothing of it asks
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder))
    assert moved(loopback, folder, NOTEBOOK + SETUP + SEND, there) == {"put": 0, "get": 0}


@pytest.mark.parametrize("step", FETCHING)
def test_killed_while_it_fetches(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever has come stays; another kernel has the values."""
    fewer = {"once the second part is kept": PARTS - 2, "once all are kept": 0}
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    there = loopback.new_endpoint("inline", count=2)
    first = f'cell(f"%%gcrun {{there}} -q\\n1")\n{FETCHING[step]}\n'
    killed(loopback, tmp_path, NOTEBOOK + SETUP + first + FETCH, there)
    found = moved(loopback, tmp_path, NOTEBOOK + SETUP + ATTACH, there)
    assert found["get"] <= fewer.get(step, PARTS)
    assert found["put"] == 0
    assert not list(tmp_path.rglob("fetched/[0-9a-f]*"))
