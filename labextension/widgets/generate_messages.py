"""Writes src/messages.ts from gc_jupyter/widgets/messages.py.

Run it after a change there: ``python labextension/widgets/generate_messages.py``.
"""

from __future__ import annotations

import typing
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union

from gc_jupyter.widgets import messages

TARGET = Path(__file__).parent / "src" / "messages.ts"

_INTERFACES = (
    messages.TaskTableState,
    messages.LoginState,
    messages.Need,
    messages.Show,
    messages.Shown,
    messages.Rerun,
    messages.Code,
)
_NAMES = {str: "string", int: "number", float: "number", bool: "boolean"}


def typescript() -> str:
    """The text of messages.ts."""
    parts = [
        "// What travels between the two halves of a widget.",
        "// Written by generate_messages.py from gc_jupyter/widgets/messages.py: change it there.",
        "",
        f"export const STATES = {_words(messages.STATES)} as const;",
        f"export const ROW = {_words(messages.ROW)} as const;",
        f"export const PAGE_ROWS = {messages.PAGE_ROWS};",
    ]
    for interface in _INTERFACES:
        fields = typing.get_type_hints(interface)
        summary = (interface.__doc__ or "").strip().replace("\n    ", "\n// ")
        parts += ["", f"// {summary}", f"export interface {interface.__name__} {{"]
        parts += [f"  {name}: {_type(hint)};" for name, hint in fields.items()]
        parts += ["}"]
    union = " | ".join(kind.__name__ for kind in typing.get_args(messages.FromFrontEnd))
    return "\n".join([*parts, "", f"export type FromFrontEnd = {union};", ""])


def _type(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in args)
    if origin in (Union, UnionType):
        return " | ".join(map(_type, args))
    if origin is list:
        return f"{_type(args[0])}[]"
    return _NAMES[hint]


def _words(words: tuple[str, ...]) -> str:
    return "[\n" + "".join(f'  "{word}",\n' for word in words) + "]"


if __name__ == "__main__":
    TARGET.write_text(typescript(), encoding="utf-8")
