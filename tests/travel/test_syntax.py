"""Syntax that the endpoint's Python lacks is said before anything is sent."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Executor
from gc_jupyter.capture import capture_calls, capture_cell
from gc_jupyter.errors import CaptureError, SerializationError
from gc_jupyter.travel.sending import SendingPickler, dumps
from gc_jupyter.travel.syntax import find_lacking
from tests.travel.environments import find_python

HERE = sys.version_info[:2]
#: What each version brought, as the other Pythons have judged; of 3.8 what everybody has.
SINCE = {
    (3, 8): [
        *("x = (y := 1)", "def f(a, /): pass", "lambda a, /: a", "f'{x=}'", "x: t = 1, 2"),
        *("def f():\n return *a, b", "a[(b := 1)]", "{(a := 1)}", "a[(*b,)]", "x = *a, b"),
        *("for x in (*a, b): pass", "with (a): pass", "with (a) as b, c: pass", "with a, b: pass"),
        *("with (a, b) as c: pass", "with (\n a) as b: pass", "@a.b.c(1)\ndef f(): pass"),
        *("f'{a[\"b\"]} {{x}} {c:>{d}}'", "f'''{a['b']}\n{c}'''", "f'{a[\"#\"]}'", "f'\\n{a}'"),
        *("f'''{\na\n}'''", "'a' f'{b}' \"c\"", "f'''{f\"it's\"}'''", "rf'{a}\\d'", "f'{a:\\n}'"),
        *("type = 1; match = 2; type(x); match(x)", "def f(*a: T, **k: S): pass", "é = f'{ü}'"),
        *("def f(self):\n  return 1", "    def f(self):\n        return self", "   lambda: 1"),
    ],
    (3, 9): [
        *("@a[0].b\ndef f(): pass", "@(lambda f: f)\nclass A: pass", "for x in *a, b: pass"),
        *("with (a as b, c as d): pass", "with (a as b): pass", "with (\n a as b,\n): pass"),
        *("{a := 1, 2}", "async def f():\n async with (a as b, c): pass"),
    ],
    (3, 10): [
        *("match x:\n case 1: pass", "match x:\n case {'a': [*_]} | P(b=1): pass", "a[b := 1]"),
        *("a[b := 1, c]", "    def f(self, x):\n        match x:\n            case _: pass"),
    ],
    (3, 11): [
        *("try: pass\nexcept* E: pass", "a[*b]", "a[*b, 1]", "def f(*a: *T): pass"),
    ],
    (3, 12): [
        *("def f[T](a): pass", "class A[T]: pass", "type X = int", "f'{a['b']}'", "f'{f'{1}'}'"),
        *("f'{a + \"\\n\"}'", "f'{a\n}'", "f'''{a # x\n}'''", "f'{a:{b:{c}}}'", "lambda: f'{'x'}'"),
        "f'''{a +\\\nb}'''",
    ],
    (3, 13): ["def f[T = int](): pass", "class A[*T = *tuple[int]]: pass"],
    (3, 14): ["try: pass\nexcept A, B: pass", "t'{a}'"],
}
CASES = [(text, since) for since, texts in SINCE.items() for text in texts if since <= HERE]
VERSIONS = [(3, minor) for minor in range(8, 15)]


def written(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


@pytest.mark.parametrize(("text", "since"), CASES)
def test_the_first_version_that_has_it(text: str, since: tuple[int, int]) -> None:
    for version in VERSIONS:
        found = find_lacking(text, f"{written(version)}.2")
        if version < since:
            assert found is not None, version
            assert found.since == since
            assert 1 <= found.line <= text.count("\n") + 1
        else:
            assert found is None


def test_a_python_that_is_not_known() -> None:
    newest = CASES[-1][0]
    assert find_lacking(newest, "") is None
    assert find_lacking("no Python (", "3.9") is None


@pytest.mark.parametrize("version", [version for version in VERSIONS if version < HERE])
def test_as_that_python_says(version: tuple[int, int]) -> None:
    """The cases, and modules of this Python's library, which it reads in its own way."""
    python = find_python(written(version))
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    library = Path(ast.__file__).parent
    names = ("ast", "dataclasses", "typing", "contextlib", "asyncio/taskgroups", "tomllib/_parser")
    files = [library / f"{name}.py" for name in names]
    texts = [text for text, _ in CASES if not text[0].isspace() and not text.startswith("with (a,")]
    texts += [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    said = subprocess.run(
        [python, "-W", "ignore", "-c", _JUDGE],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    for text, reads in zip(texts, json.loads(said.stdout), strict=True):
        assert (find_lacking(text, written(version)) is None) is reads, text[:200]


_JUDGE = """
import ast, json, sys
def reads(text):
    try:
        ast.parse(text)
        return True
    except SyntaxError:
        return False
print(json.dumps([reads(text) for text in json.load(sys.stdin)]))
"""

MATCH = "def f(x):\n    match x:\n        case 1: return 'one'\n"
NEWER = r"has a match statement on line \d+, new in Python 3.10; the endpoint runs Python 3.9"


def test_a_cell() -> None:
    text = "y = 1\nmatch y:\n    case 1: z = 2"
    with pytest.raises(CaptureError, match=f"The cell {NEWER}") as caught:
        capture_cell(text, {}, first_line=11, python="3.9.18")
    assert "on line 12," in str(caught.value)
    assert f"this is Python {written(HERE)}" in str(caught.value)
    assert "Write it as Python 3.9 has it" in caught.value.next_step
    for python in ("", "3.10.1", written(HERE)):
        assert capture_cell(text, {}, python=python)


def load(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__(name)


def test_a_function_that_the_cell_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "newer_syntax.py").write_text("\n" + MATCH)
    module = load("newer_syntax", tmp_path, monkeypatch)
    with pytest.raises(CaptureError, match=f"The module newer_syntax {NEWER}"):
        capture_cell("newer_syntax.f(1)", {"newer_syntax": module}, python="3.9")
    held = {"table": {"one": module.f}}
    with pytest.raises(CaptureError, match=f"The module newer_syntax {NEWER}"):
        capture_cell("table['one'](1)", held, python="3.9")
    own: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(MATCH, str(tmp_path / "newer_syntax.py"), "exec"), own)
    own["f"].__code__ = module.f.__code__
    with pytest.raises(CaptureError, match=r"'f'.*has a match statement on line 3, new in"):
        capture_cell("f(1)", own, python="3.9")
    with pytest.raises(CaptureError, match=r"'f'.*has a match statement on line 3, new in"):
        capture_calls("f", [((1,), {})], own, python="3.9")
    assert capture_cell("f(1)", own, python="3.12")


def test_an_executors_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "newer_syntax.py").write_text("\n" + MATCH)
    function: Callable[..., Any] = load("newer_syntax", tmp_path, monkeypatch).f
    with pytest.raises(Exception, match=f"f {NEWER}"):
        dumps(function, SendingPickler, python="3.9")
    assert dumps(function, SendingPickler, python="3.10")
    with Executor("local") as executor:
        assert executor.submit(function, 1).result() == "one"
    monkeypatch.setattr(Executor, "_python_there", lambda *_: "3.9.1")
    with Executor("local") as executor, pytest.raises(SerializationError, match=NEWER):
        executor.submit(function, 1)
