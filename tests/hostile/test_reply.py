"""A cell's reply made by somebody else's worker: nothing but what was asked for is shown."""

from __future__ import annotations

import io
import pickle
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from gc_jupyter.capture import Captured, CellFuture
from gc_jupyter.capture.cell import ALL_MIMES, SAFE_MIMES
from gc_jupyter.errors import BadReply, RemoteException
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.session import show_output

SCRIPT = "<script>alert(1)</script>"
CODES = "\x1b]0;title\x07\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J\x1b[31mred\x1b[0m\x9d0;t\x9c\ud800"
PLAIN = "\x1b[31mred\x1b[0m0;t\ufffd"


def sent(mimes: tuple[str, ...] = SAFE_MIMES) -> CellFuture:
    captured = Captured(SourceFunction("cell", ""), b"", {}, {}, {}, options={"mimes": mimes})
    return CellFuture(captured, "polaris")


def reply(**changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"version": 1, "events": [], "host": "n1", "seconds": 1.0}
    return {**known, "python": "3.11", "error": None, "out": {}, "value": None, **changes}


def failure(**changes: Any) -> dict[str, Any]:
    known = {"type": "ValueError", "module": "builtins", "text": "no", "lines": "ValueError: no\n"}
    more: dict[str, Any] = {"frames": [("f.py", 3, "f", "x")], "while": "", "missing": None}
    empty = dict.fromkeys(("pickle", "parts", "cause", "context"))
    return {**known, **more, **empty, **changes}


def packed(value: Any, **changes: Any) -> dict[str, Any]:
    return {"repr": "r", "type": "t", "reason": "", "pickle": pickle.dumps(value), **changes}


BUNDLE = {
    "text/plain": CODES,
    "text/html": SCRIPT,
    "image/svg+xml": f"<svg>{SCRIPT}</svg>",
    "application/javascript": "alert(1)",
    "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
    "image/png": 'x" onerror="alert(1)',
    "image/jpeg": "aGk=\n",
}


@pytest.mark.parametrize(
    ("mimes", "shown"),
    [
        (SAFE_MIMES, {"text/plain", "image/jpeg"}),
        (ALL_MIMES, {"text/plain", "image/jpeg", "text/html", "image/svg+xml"}),
    ],
)
def test_displays_hold_what_was_asked_for(mimes: tuple[str, ...], shown: set[str]) -> None:
    future = sent(mimes)
    value = packed(0, pickle=None, reason="too large", bundle=BUNDLE, repr=CODES)
    last = future.decode(reply(events=[("display", BUNDLE)], value=value))
    assert future.events[0][1].keys() == shown
    assert future.events[0][1]["text/plain"] == PLAIN
    assert last._repr_mimebundle_().keys() == shown
    assert repr(last) == PLAIN


def test_a_picture_as_bytes() -> None:
    future = sent()
    future.decode(reply(events=[("display", {"image/png": b"hi"})]))
    assert future.events == [("display", {"text/plain": "", "image/png": "aGk="})]


def test_output_is_shown_without_terminal_codes() -> None:
    future = sent()
    events = [("stdout", CODES), ("stderr", CODES), ("display", {"text/plain": CODES})]
    future.decode(reply(events=events, value=packed(0, pickle=b"\x80", reason=CODES)))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        show_output(future)
    assert out.getvalue() == f"{PLAIN}{PLAIN}\n"
    assert err.getvalue().startswith(PLAIN)
    assert "\x1b]" not in err.getvalue()
    assert future.stdout == CODES  # what the task wrote, for a program to read


def test_errors_are_shown_without_terminal_codes() -> None:
    frames = [(CODES, 3, CODES, CODES), ("", 0, CODES, "")]
    inner = failure(lines=CODES, frames=frames)
    hostile = failure(type=CODES, lines=CODES, frames=frames, missing=CODES, cause=inner)
    hostile["while"] = CODES
    with pytest.raises(RemoteException) as caught:
        sent().decode(reply(error=hostile, host=CODES, python=CODES))
    render: Any = caught.value
    for text in (str(caught.value), *render._render_traceback_(), *render.__notes__):
        assert not set(text.replace("\x1b[31m", "").replace("\x1b[0m", "")) & set("\x1b\x07\x9d")
        text.encode()  # no half characters


ENDLESS = failure()
ENDLESS["cause"] = ENDLESS


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "text",
        [],
        {},
        {"version": 1},
        {"version": 2},
        reply(events=None),
        reply(events=[1]),
        reply(events=[("stdout", b"bytes")]),
        reply(events=[("stdout",)]),
        reply(events=[("display", "text")]),
        reply(events=[("exec", "text")]),
        reply(events=[({}, "text")]),
        reply(host=None),
        reply(python=[]),
        reply(seconds="long"),
        reply(out=[]),
        reply(out={"x": None}),
        reply(out={"x": {}}),
        reply(value=7),
        reply(value={"pickle": None}),
        reply(error=7),
        reply(error={}),
        reply(error=failure(frames=[1])),
        reply(error=failure(frames=[(["f"], 1, "f", "")])),
        reply(error=failure(frames=[("f", "one", "f")])),
        reply(error=failure(lines=None)),
        reply(error=failure(type=None)),
        reply(error=ENDLESS),
    ],
    ids=range(30),
)
def test_what_is_no_reply_is_a_bad_reply(value: Any) -> None:
    with pytest.raises(BadReply, match="isn't that of a cell") as caught:
        sent().decode(value)
    assert caught.value.next_step


def test_names_that_nobody_asked_for_are_not_bound() -> None:
    from gc_jupyter.magics.cells import bind_when_done

    namespace = {"x": 1, "print": print}
    future = sent()
    bind_when_done(future, ["x"], namespace)
    values = {"x": packed(2), "print": packed(0), "__builtins__": packed(0)}
    future.set_result(future.decode(reply(out=values)))
    assert namespace == {"x": 2, "print": print}


def test_a_pickle_that_fails_costs_itself_alone() -> None:
    future = sent()
    future.decode(reply(out={"a": packed(1), "b": packed(0, pickle=b"\x80\x04junk")}))
    assert future.out["a"] == 1
    assert future.undecoded.keys() == {"b"}
