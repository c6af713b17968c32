"""Texts are parsed while other threads parse: Python 3.11 counts their depth together."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import gc_jupyter
from gc_jupyter.travel import rebuild


def test_another_thread_parses_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def disturbed(text: str, *rest: Any) -> Any:
        tries.append(text)
        if len(tries) < 3:
            raise SystemError("AST constructor recursion depth mismatch (before=18, after=14)")
        return compile(text, *rest)

    monkeypatch.setattr(rebuild, "compile", disturbed, raising=False)
    assert ast.dump(rebuild.parse("a = 1")) == ast.dump(ast.parse("a = 1"))
    assert tries == ["a = 1"] * 3


def test_a_text_that_is_wrong() -> None:
    with pytest.raises(SyntaxError):
        rebuild.parse("a = ")


def test_everything_is_parsed_there() -> None:
    package = Path(gc_jupyter.__file__).parent
    texts = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    assert [path.name for path, text in texts.items() if "ast.parse(" in text] == ["rebuild.py"]
    assert [path.name for path, text in texts.items() if "PyCF_ONLY_AST" in text] == ["rebuild.py"]
