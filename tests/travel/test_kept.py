"""Records of what a store keeps: what stays, what goes, and what can't be told."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.travel.kept import KeptGone, load_kept
from gc_jupyter.travel.rebuild import Reading
from gc_jupyter.travel.store import Store, StoreError
from tests.travel.test_store import used


def keep(
    store: Store, number: int, names: list[str], run: str = "", owner: str = "me", at: float = 0
) -> dict[str, Any]:
    ident = f"{number:032x}"
    record = {
        **{"id": ident, "names": names, "owner": owner, "run": run or ident},
        **{"at": at or time.time(), "needs": [], "definitions": None},
        **{"pickle": store.write(b"pickle %d" % number), "buffers": [store.write(b"shared")]},
    }
    store.add_record(record)
    return record


def aged(store: Store, days: float) -> None:
    for name in os.listdir(store.folder):
        used(store, name, days * 86400)


def there(store: Store) -> list[str]:
    return [one["id"][-1] for one in store.records.every()]


def test_what_is_kept_outlasts_every_sweep(store: Store) -> None:
    record = keep(store, 1, ["a"])
    other = store.put(b"not kept")
    aged(store, 100)
    store.sweep()
    assert store.missing([other]) == [other]
    assert store.missing(record["pickle"]["parts"]) == []
    full = Store(store.folder, bound=1)
    with pytest.raises(StoreError, match=r"%gc kept lists what is kept there \(14 B\)"):
        full.sweep(10)
    assert there(store) == ["1"]
    assert os.stat(Path(store.folder, record["id"] + ".kept")).st_mode & 0o777 == 0o600


def test_what_was_replaced_goes_when_nobody_uses_it(store: Store) -> None:
    now = time.time()
    keep(store, 1, ["a", "b"], at=now - 9)
    keep(store, 2, ["a"], at=now - 8)  # b is the first one's still
    keep(store, 3, ["a"], at=now - 7)
    keep(store, 4, ["a"], owner="another notebook", at=now - 6)
    keep(store, 5, ["part"], run="x", at=now - 5)
    keep(store, 6, ["part"], run="x", at=now - 4)
    assert [one["replaced"] for one in store.records.every()] == [False, True] + [False] * 4
    store.sweep()
    assert there(store) == ["1", "2", "3", "4", "5", "6"]
    aged(store, 15)
    assert store.records.read(f"{2:032x}") is not None  # which is in use from now on
    store.sweep()
    assert "2" in there(store)
    aged(store, 15)
    store.sweep()
    assert there(store) == ["1", "3", "4", "5", "6"]


def test_forgetting(store: Store) -> None:
    now = time.time()
    keep(store, 1, ["a", "b"], at=now - 9)
    second = keep(store, 2, ["a"], at=now - 8)
    third = keep(store, 3, ["a"], at=now - 7)
    gone = store.records.forget({second["id"]: ["a"]})  # an older one, by what stands for it
    assert gone == second["pickle"]["parts"]
    assert there(store) == ["1", "3"]
    assert store.records.forget({third["id"]: ["a"]}) == third["pickle"]["parts"]
    assert [one["names"] for one in store.records.every()] == [["", "b"]]
    assert store.records.forget({"0" * 32: ["a"]}) == []
    gone = store.records.forget({f"{1:032x}": ["b"]})
    assert len(gone) == 2  # the shared part, too
    assert there(store) == []


def test_forgetting_leaves_another_kernel_its_own(store: Store) -> None:
    """Two copies of a notebook run at once: what one has kept is in use there."""
    now = time.time()
    first = keep(store, 1, ["a"], at=now - 9)
    keep(store, 2, ["a"], at=now - 8)
    mine = keep(store, 3, ["a"], at=now - 7)
    for one in (first, mine):
        store.add_record({**one, "kernel": "mine"})
    assert len(store.records.forget({mine["id"]: ["a"]})) == 2
    assert [(one["id"][-1], one["replaced"]) for one in store.records.every()] == [("2", True)]
    aged(store, 15)
    store.sweep()
    assert there(store) == []


def test_what_nobody_asked_to_keep_replaces_nothing_and_goes(store: Store) -> None:
    kept = keep(store, 1, ["a"])
    store.add_record({**keep(store, 2, ["a"]), "unasked": True})
    assert [one["replaced"] for one in store.records.every()] == [False, False]
    store.sweep()
    assert there(store) == ["1", "2"]
    aged(store, 15)
    store.sweep()
    assert there(store) == ["1"]
    assert store.missing(kept["pickle"]["parts"]) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"names": ["a"]}', json.dumps({"id": "0", "names": "ab", "at": 1})],
)
def test_a_damaged_record_is_none(store: Store, text: str) -> None:
    record = keep(store, 1, ["a"])
    Path(store.folder, record["id"] + ".kept").write_text(text)
    assert store.records.every() == []
    store.sweep()
    with pytest.raises(KeptGone, match="A kept value that this uses is not in"):
        load_kept(store, record["id"], {}, Reading)


def test_nothing_is_removed_while_a_record_cant_be_opened(store: Store) -> None:
    """As on a file server that doesn't answer: a directory gives the same kind of error to all."""
    record = keep(store, 1, ["a"])
    path = Path(store.folder, record["id"] + ".kept")
    path.unlink()
    path.mkdir()
    aged(store, 100)
    store.sweep()
    assert store.missing(record["pickle"]["parts"]) == []


@pytest.mark.parametrize("ident", ["../x", "", "A" * 32, "0" * 64, None, 7])
def test_names_of_records_lead_nowhere_else(store: Store, ident: Any) -> None:
    store.put(b"x")
    with pytest.raises(ValueError, match="not the name of a record"):
        store.records.read(ident)
