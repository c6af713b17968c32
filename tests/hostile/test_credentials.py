"""Credentials among what a cell or a call takes along: refused by name, unless --in names them."""

from __future__ import annotations

import array
import functools
import io
import os
import time
import types
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import globus_sdk
import numpy as np
import pandas as pd
import pytest

from gc_jupyter.capture import capture_cell
from gc_jupyter.credentials import Search, masked
from gc_jupyter.errors import CaptureError
from tests.magics.conftest import Kernel, kernel

__all__ = ["kernel"]

TOKEN = "Ag" + "x7" * 40
OWN = "correct horse battery"
TEXTS = {
    "Globus": TOKEN,
    "GitHub": "ghp_" + "a1" * 18,
    "GitHub, fine": "github_pat_" + "a1" * 30,
    "GitLab": "glpat-" + "a1" * 10,
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Slack": "xoxb-123456789012-abcdefghijkl",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk",
    "PEM": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n",
    "RSA": "-----BEGIN RSA PRIVATE KEY-----\nabc\n",
    "OpenAI": "sk-" + "a1" * 24,
    "Anthropic": "sk-ant-api03-" + "a1-_" * 20,
    "Google": "AIza" + "a" * 35,
    "Hugging Face": "hf_" + "a" * 34,
    "header": "Authorization: Bearer " + "a1." * 10,
    "URL": "amqps://user:hunter2@broker.example.org/vhost",
    "this environment's": f"x {OWN} y",
}
HARMLESS = [
    "Again and again",
    "https://example.org:443/path",
    "risk-assessment-of-something-very-long-indeed",
    "sk-estimator-doc-link-and-more-of-it-all",
    "see http://a:8080/b@c",
    "A" * 100,
    "bearer of bad news",
    "abcdef0123456789" * 4,
    "eyJ is how they begin",
]


class Hostile:
    """Runs nothing while it is looked at."""

    def __init__(self, value: Any) -> None:
        self.held = value

    @property
    def boom(self) -> Any:
        raise AssertionError

    def __repr__(self) -> str:
        raise AssertionError

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    def __bool__(self) -> bool:
        raise AssertionError

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]


class Slotted:
    __slots__ = ("held",)

    def __init__(self, value: Any) -> None:
        self.held = value


#: A notebook's own, whose text has no credential.
NOTEBOOK: dict[str, Any] = {"__name__": "__main__"}
exec(
    """
def closed_over(value):
    def inner():
        return value
    return inner

def with_default(value):
    def inner(given=value):
        return given
    return inner

def with_attribute(value):
    class Inner:
        key = print, value
        def method(self):
            return self
    return Inner

def decorated(value):
    import functools
    @functools.wraps(closed_over(value))
    def inner():
        return 1
    return inner

class Reduced:
    def __init__(self, value):
        self.parts = tuple(reversed(value))

    def __reduce__(self):
        return str, ("".join(reversed(self.parts)),)
""",
    NOTEBOOK,
)


class Registry(dict[str, Any]):
    def items(self) -> Any:
        raise AssertionError


WAYS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda value: value,
    "bytes": lambda value: value.encode(),
    "dict": lambda value: {"a": {"b": value}},
    "a key": lambda value: {value: 1},
    "list": lambda value: [1, (2, [value])],
    "set": lambda value: {value},
    "a dict of its own": lambda value: Registry(a=value),
    "namespace": lambda value: SimpleNamespace(a=value),
    "instance": Hostile,
    "slots": Slotted,
    "closure": NOTEBOOK["closed_over"],
    "default": NOTEBOOK["with_default"],
    "class": NOTEBOOK["with_attribute"],
    "decorated": NOTEBOOK["decorated"],
    "partial": lambda value: functools.partial(print, value),
    "array": lambda value: np.array(["", value]),
    "series": lambda value: pd.Series(["", value]),
    "table": lambda value: pd.DataFrame({"n": [1, 2], "t": ["", value]}),
}


#: These have no source here: they can't be sent at all.
NOTEBOOK_WAYS = ("closure", "default", "class", "decorated")


@pytest.fixture(autouse=True)
def _own_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_DEPLOY_TOKEN", OWN)


#: Only their pickle shows what they hold.
CLOSED: dict[str, Callable[[str], Any]] = {
    "bytes of an array": lambda value: np.frombuffer(value.encode(), "u1"),
    "array.array": lambda value: array.array("b", value.encode()),
    "an exception": ValueError,
    "a file in memory": io.StringIO,
    "one of bytes": lambda value: io.BytesIO(value.encode()),
    "an iterator": lambda value: iter([value]),
    "a zip": lambda value: zip([value], [1], strict=True),
    "a module": lambda value: module_with(value),
    "one's own state": lambda value: NOTEBOOK["Reduced"](value),
}


def module_with(value: str) -> types.ModuleType:
    module = types.ModuleType("made_by_hand")
    module.key = value  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("way", CLOSED)
@pytest.mark.parametrize("name", ["GitHub", "this environment's"])
def test_what_is_seen_once_it_is_pickled(way: str, name: str) -> None:
    held = CLOSED[way](TEXTS[name])
    with pytest.raises(CaptureError, match=r"'held'.* looks like a credential") as caught:
        capture_cell("print(held)", {"held": held})
    assert TEXTS[name] not in str(caught.value)


@pytest.mark.parametrize("name", TEXTS)
def test_what_looks_like_a_credential(name: str) -> None:
    for way, make in WAYS.items():
        found = Search().in_value(make(TEXTS[name]), "v")
        assert found.startswith("v"), way
        assert TEXTS[name] not in found
    assert "***" in masked(f"before {TEXTS[name]} after")
    assert TEXTS[name] not in masked(f"before {TEXTS[name]} after")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_does_not(text: str) -> None:
    for make in WAYS.values():
        assert Search().in_value(make(text), "v") == ""
    assert masked(text) == text


OBJECTS: dict[str, Callable[[], Any]] = {
    "an authorizer": lambda: globus_sdk.AccessTokenAuthorizer("t"),
    "a basic authorizer": lambda: globus_sdk.BasicAuthorizer("a", "b"),
    "a client": lambda: globus_sdk.AuthClient(),
    "an app": lambda: globus_sdk.UserApp("a", client_id="b0500dab-ebd4-430f-b962-0c85bd43bdbb"),
    "token data": lambda: globus_sdk.token_storage.TokenStorageData(
        "server", "id", "scope", "t", "r", 2**31, "Bearer"
    ),
    "the environment": lambda: os.environ,
    "a copy of it": lambda: dict(os.environ),
    "another copy": lambda: {**os.environ, "MORE": "1"},
    "a copy in bytes": lambda: dict(os.environb),
    "a key that says so": lambda: {"client_secret": "abcdefgh"},
    "an OAuth reply": lambda: {"access_token": "abcdefgh", "expires_in": 1},
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_with_a_login(name: str) -> None:
    value = OBJECTS[name]()
    with pytest.raises(CaptureError, match="looks like a credential") as caught:
        capture_cell("held", {"held": {"inner": value}})
    assert "'held'" in caught.value.reason
    assert "--in held" in caught.value.next_step


@pytest.mark.parametrize("way", [way for way in WAYS if way != "instance"])
def test_a_cell_and_its_values(way: str) -> None:
    namespace = {"cfg": WAYS[way](TOKEN)}
    with pytest.raises(CaptureError, match="'cfg'") as caught:
        capture_cell("print(cfg)", namespace)
    assert TOKEN not in str(caught.value)
    if way not in ("a dict of its own", "slots", *NOTEBOOK_WAYS):  # classes of no notebook
        assert capture_cell("print(cfg)", namespace, also=["cfg"]).inputs
    assert capture_cell("1", namespace).inputs == b""


def test_values_of_a_map() -> None:
    with pytest.raises(CaptureError, match=r"'x'.* x\[1\] is a Globus token"):
        capture_cell("x", {}, variable="x", values=["a", TOKEN])
    assert capture_cell("x", {}, variable="x", values=["a", TOKEN], also=["x"]).calls


def test_large_data_cost_no_time() -> None:
    data = {
        "text": "lorem ipsum " * 3_000_000,
        "list": ["a plain line of text"] * 3_000_000,
        "dict": {at: str(at) * 3 for at in range(500_000)},
        "array": np.zeros(10_000_000),
        "table": pd.DataFrame({"a": ["x" * 20] * 1_000_000}),
    }
    for name, value in data.items():
        start = time.thread_time()
        assert Search().in_value(value, name) == ""
        assert time.thread_time() - start < 2, name


def test_a_circle_ends() -> None:
    circle: list[Any] = []
    circle.append({"a": circle})
    assert Search().in_value(circle, "c") == ""


# --- in a kernel ------------------------------------------------------------------------------


def test_in_a_kernel(kernel: Kernel) -> None:
    kernel.ok(f"import os\nenv = dict(os.environ)\ntoken = {TOKEN!r}\nnames = [token]")
    for cell in (
        "env['HOME']",
        "len(names)",
        "token[:2]",
        "f'{token}'",
        "def g(): return token\ng()",
    ):
        shown = kernel.run(f"%%gcrun local\n{cell}")
        assert shown.status == "error"
        assert "looks like a credential" in shown.traceback
        assert TOKEN not in str(shown.outputs)
    assert kernel.ok("%%gcrun local --in env\nenv['HOME']").text
    assert kernel.ok("%%gcrun local --in token\ntoken[:2]").text == "'Ag'"
    assert kernel.run("%%gcrun local --map x=names\nlen(x)").status == "error"
    assert kernel.ok("%%gcrun local --in x --map x=names\nlen(x)").text == "[82]"


def test_remote_functions(kernel: Kernel) -> None:
    kernel.ok(f"token = {TOKEN!r}")
    functions = "def size(value, more=None): return len(value)\ndef own(): return token"
    kernel.ok(f"%%gcrun local\n{functions}")
    for call in ("size(token)", "size('a', more={'t': token})", "size.map([token])", "own()"):
        shown = kernel.run(call)
        assert "looks like a credential" in shown.error["evalue"]
        assert TOKEN not in str(shown.outputs)
    assert kernel.ok("size('abc')").text == "3"
    kernel.ok(f"%%gcrun local --in value,token\n{functions}")
    assert kernel.ok("size(token), own()[:2]").text == "(82, 'Ag')"


def test_texts_that_come_along(kernel: Kernel) -> None:
    (kernel.home / "helper_with_token.py").write_text(f"TOKEN = {TOKEN!r}\ndef f(): return 1\n")
    kernel.ok(f"def login():\n    return {TOKEN!r}")
    assert "the text of login" in kernel.run("%%gcrun local\nlogin()").traceback
    assert kernel.ok("%%gcrun local --in login\nlogin()[:2]").text == "'Ag'"
    kernel.ok("import sys; sys.path.insert(0, '')\nimport helper_with_token")
    shown = kernel.run("%%gcrun local\nhelper_with_token.f()")
    assert "the text of helper_with_token" in shown.traceback
    assert kernel.ok("%%gcrun local --in helper_with_token\nhelper_with_token.f()").text == "1"


def test_what_is_typed_is_sent_and_written_nowhere(kernel: Kernel) -> None:
    """A literal in the cell itself is meant for the endpoint; labels and errors mask it."""
    shown = kernel.ok(f"%%gcrun local -a --label {TOKEN} --future f\nlen({TOKEN!r})")
    assert kernel.ok("f.result()").text == "82"
    assert TOKEN not in str(shown.outputs)
    kernel.run(f"%%gcshell local\necho {TOKEN} > /dev/null; exit 3")
    kernel.run(f"%%gcrun local\nraise ValueError({TOKEN!r})")
    kernel.run(f"%%gcrun local --in x --map x=[{TOKEN!r}] --progress-after 0\nlen(x)")
    listed = kernel.ok("%gc tasks --all").outputs
    assert TOKEN not in str(listed)
    for file in (kernel.home / "data").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file
