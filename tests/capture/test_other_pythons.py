"""Replies of workers of other Pythons: what they have compiled is never built here."""

from __future__ import annotations

import base64
import contextlib
import pickle
import re
import sys
from typing import Any

import dill
import pytest

from gc_jupyter.capture import Captured, Undecoded
from gc_jupyter.errors import ComputeError, RemoteException
from gc_jupyter.future import TaskFuture
from gc_jupyter.protocol.messages import ResultMessage
from gc_jupyter.runtime.completer import Finished, resolve
from gc_jupyter.runtime.tasks import Origin
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.serialize.foreign import ForeignCode, written_by
from gc_jupyter.serialize.pickles import loads
from tests.capture.conftest import Notebook
from tests.pythons import official_result, others, run_captured

HERE = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture(params=others() or [None])
def python(request: pytest.FixtureRequest) -> str:
    if request.param is None:
        pytest.skip("this machine has one Python only")
    return others()[request.param]


@pytest.fixture
def elsewhere(python: str, endpoint_python: str) -> Notebook:
    """A notebook whose cells run under another Python."""

    def run(captured: Captured, call: int | None = None) -> dict[str, Any]:
        return run_captured(python, endpoint_python, captured, call)

    return Notebook(run)


def official(version: Any, payload: str) -> TaskFuture:
    """The future of a task that a worker has answered so."""
    future = TaskFuture()
    message = ResultMessage("t", payload, {"python_version": version})
    resolve(Finished(future, message, Origin(ComputeSerializer().deserialize_result)))
    return future


# --- functions and Executor ----------------------------------------------------------------------

WITH_CODE = {
    "a lambda": "def result(): return lambda a, b: 'yes' if a > b else 'no'",
    "in a list": "def result(): return [1, {'f': lambda: 1}]",
    "a closure": "def result():\n    n = 1\n    def f(): return n\n    return f",
    "an instance of its class": (
        "def result():\n    class P:\n        def __init__(self): self.x = 1\n    return P()"
    ),
    "a class": "class P:\n    def f(self): return 1\ndef result(): return P",
    "a pickle in a pickle": (
        "class Nested:\n    def __init__(self, f): self.f = f\n"
        "    def __reduce__(self): import dill; return dill.loads, (dill.dumps(self.f),)\n"
        "def result(): return Nested(lambda: 1)"
    ),
    "code": "def result(): return (lambda: 1).__code__",
}


@pytest.mark.parametrize("kind", WITH_CODE)
def test_bytecode_of_another_python_is_refused(
    python: str, endpoint_python: str, kind: str
) -> None:
    version, payload = official_result(python, endpoint_python, WITH_CODE[kind])
    error = official(version, payload).exception()
    assert isinstance(error, ComputeError)
    assert f"that Python {version} has compiled, and this is Python {HERE}." in str(error)
    assert "Return plain values" in str(error)


def test_what_is_no_code_is_read(python: str, endpoint_python: str) -> None:
    program = (
        "import collections, datetime, decimal, functools, math, operator, pathlib, statistics\n"
        "def result(): return [1, 'a', b'b', {2: (3.5,)}, {4}, math.sqrt, statistics.mean, len,"
        " datetime.date(2020, 1, 2), decimal.Decimal('1.5'), collections.Counter('aab'),"
        " pathlib.PurePosixPath('a'), functools.partial(operator.add, 1), ValueError('x')]"
    )
    value = official(*official_result(python, endpoint_python, program)).result()
    assert value[3] == {2: (3.5,)}
    assert value[12](2) == 3


def test_an_instance_of_a_class_that_is_here(
    python: str, endpoint_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "class Pair:\n    '''Two.'''\n    kind = 'pair'\n"
        "    def __init__(self, a, b): self.a, self.b = a, b\n"
        "    @property\n    def both(self): return self.a, self.b\n"
        "    @staticmethod\n    def make(): return Pair(1, 2)\n"
        "    @classmethod\n    def of(cls, a): return cls(a, a)\n"
    )
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(program, namespace)
    monkeypatch.setattr("__main__.Pair", namespace["Pair"], raising=False)
    sent = program + "def result(): return [Pair(1, 2), {'k': Pair.of(3)}]"
    value = official(*official_result(python, endpoint_python, sent)).result()
    assert type(value[0]) is namespace["Pair"]
    assert value[1]["k"].both == (3, 3)


MINE = dill.dumps(eval("lambda: 42", {}))


@pytest.mark.parametrize(
    "version",
    [
        *(None, "", "3", "three", [3, 11], {"3": 11}, 3.11, b"3.11.7", f"{HERE}x", f" {HERE}.1"),
        *(f"{HERE}.1\n", f"{HERE};", f"{HERE}.", f"{HERE}.1 3.9", "9" * 10_000, f"0{HERE}.1"),
        *("\u0663.\u0661\u0661.1", f"{HERE}.1\x1b]0;title\x07", "3.99.1", True, object()),
    ],
)
def test_a_version_that_does_not_say_this_one_clearly(version: Any) -> None:
    payload = "00\n" + base64.encodebytes(MINE).decode()
    error = official(version, payload).exception()
    assert isinstance(error, ComputeError)
    assert "\x1b" not in str(error)
    assert len(str(error)) < 500


@pytest.mark.parametrize("version", [HERE, f"{HERE}.0", f"{HERE}.7+", f"{HERE}.0rc1"])
def test_this_python_is_read(version: str) -> None:
    assert official(version, "00\n" + base64.encodebytes(MINE).decode()).result()() == 42


def test_what_this_side_reads_by_itself_is_not_foreign() -> None:
    assert loads(MINE)() == 42
    with written_by("3.99"), written_by(HERE), pytest.raises(ForeignCode):
        loads(MINE)
    assert loads(MINE)() == 42


# --- cells ---------------------------------------------------------------------------------------


def test_values_of_a_cell(elsewhere: Notebook) -> None:
    elsewhere.local(
        "class P:\n    def __init__(self, x): self.x = x\n    def up(self): return self.x + 1"
    )
    value = elsewhere.remote("import math\n[P(1), math.sqrt, {'a': 1.5}, P]")
    assert type(value[0]) is elsewhere["P"]
    assert value[0].up() == 2
    assert value[3] is elsewhere["P"]


@pytest.mark.parametrize(
    "cell",
    [
        "[lambda: 1]",
        "class Q:\n    def __init__(self): self.x = 1\n    def go(self): return 1\nQ()",
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: int = 1\nD()",
        "def f(): return 1\nf",
    ],
)
def test_what_a_cell_has_made_harms_nobody(elsewhere: Notebook, cell: str) -> None:
    future = elsewhere.future(cell)
    value = future.decode(future.reply)
    if isinstance(value, Undecoded):
        assert re.search(
            r"that Python 3\.\d+\.\d+ has compiled|Python 3\.\d.* wrote it", value.reason
        )
        assert value.text == future.reply["value"]["repr"]
        assert value.attributes.get("x", 1) == 1
    else:
        assert repr(value)


def test_an_error_with_code_of_its_own(elsewhere: Notebook) -> None:
    cell = "class E(ValueError):\n    def __str__(self): return 'mine'\nraise E(1)"
    with pytest.raises(RemoteException) as caught:
        elsewhere.remote(cell)
    assert "E: mine" in caught.value.remote_data
    assert "mine" in str(caught.value)


@pytest.mark.parametrize("version", ["3.99.0", "", None, [3], f"{HERE}x"])
def test_a_reply_that_lies_about_its_python(notebook: Notebook, version: Any) -> None:
    future = notebook.future("[lambda: 1]")
    future.reply["value"]["pickle"] = MINE
    future.reply["python"] = version
    with contextlib.suppress(ComputeError):
        assert isinstance(future.decode(future.reply), Undecoded)


def test_both_must_say_this_python(notebook: Notebook) -> None:
    future = notebook.future("[lambda: 1]")
    future.reply["value"]["pickle"] = MINE
    with written_by("3.99"):
        assert isinstance(future.decode(future.reply), Undecoded)


def test_attributes_of_a_stand_in() -> None:
    packed = {"repr": "<Q>", "type": "__main__.Q", "reason": "why"}
    value = Undecoded(packed, (), "there", {"x": 1, "text": "theirs", "_repr_html_": "<b>"})
    assert (value.x, value.text, value.attributes["text"]) == (1, "<Q>", "theirs")
    for name in ("nothing", "_repr_html_"):
        with pytest.raises(AttributeError):
            getattr(value, name)
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(value)


OLDER = [one for one in others() if one in ("3.9", "3.10")]


@pytest.mark.skipif(not OLDER or sys.version_info < (3, 11), reason="takes an older Python")
@pytest.mark.parametrize("where", ["the cell", "a function"])
def test_syntax_that_is_newer_than_the_worker(endpoint_python: str, where: str) -> None:
    python = others()[OLDER[0]]
    elsewhere = Notebook(lambda *sent: run_captured(python, endpoint_python, *sent))
    newer = "try: pass\nexcept* ValueError: pass"
    if where == "a function":
        elsewhere.local("def f():\n    " + newer.replace("\n", "\n    "))
        newer = "f()"
    with pytest.raises(RemoteException) as caught:
        elsewhere.remote(newer)
    lines = caught.value._render_traceback_()
    assert re.fullmatch(
        rf"there runs Python {re.escape(OLDER[0])}\.\d+, which lacks this syntax of Python"
        rf" {re.escape(HERE)}\.\d+: write it as Python .* has it, or use an endpoint with .*\.",
        lines[-1],
    )
    assert not [line for line in lines if line.startswith("File ") or "gc_jupyter" in line]
