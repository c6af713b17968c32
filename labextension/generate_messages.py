"""Writes both messages.ts: the widgets' and the lab extension's, from their Python twins.

Run it after a change there: ``python labextension/generate_messages.py``.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union

from gc_jupyter.options import OPTIONS
from gc_jupyter.server import messages as lab
from gc_jupyter.widgets import messages as widgets

HERE = Path(__file__).parent
_NAMES = {
    **{str: "string", int: "number", float: "number", bool: "boolean"},
    **{NoneType: "null", Any: "unknown"},
}


def widgets_typescript() -> str:
    """The text of widgets/src/messages.ts."""
    interfaces = (
        *(widgets.TaskTableState, widgets.LoginState, widgets.Need, widgets.View, widgets.Show),
        *(widgets.Shown, widgets.Rerun, widgets.Stop, widgets.Stopping, widgets.StopTasks),
        *(widgets.Code, widgets.OutputMark, widgets.OutputNow),
    )
    union = " | ".join(kind.__name__ for kind in typing.get_args(widgets.FromFrontEnd))
    return _file(
        "// What travels between the two halves of a widget.",
        "// Written by generate_messages.py from gc_jupyter/widgets/messages.py: change it there.",
        "",
        f"export const STATES = {_words(widgets.STATES)} as const;",
        f"export const PAGE_ROWS = {widgets.PAGE_ROWS};",
        f"export const OUTPUTS_TARGET = {json.dumps(widgets.OUTPUTS_TARGET)};",
        f"export const SAVED = {json.dumps(widgets.SAVED)};",
        f"export const STOP_TARGET = {json.dumps(widgets.STOP_TARGET)};",
        f"export const LASTING_VIEW = {json.dumps(widgets.LASTING_VIEW)};",
        *_list("Row", "FIELD", widgets.Row),
        *map(_interface, interfaces),
        "",
        f"export type FromFrontEnd = {union};",
    )


def lab_typescript() -> str:
    """The text of src/messages.ts."""
    interfaces = (
        *(lab.Task, lab.Run, lab.Failure, lab.JournalState, lab.Page, lab.Endpoint, lab.Endpoints),
        *(lab.Status, lab.Collecting, lab.TasksChanged, lab.Here),
    )
    return _file(
        "// What travels between the two halves of the lab extension.",
        "// Written by generate_messages.py from gc_jupyter/server/messages.py: change it there.",
        "",
        f"export const NAMESPACE = {json.dumps(lab.NAMESPACE)};",
        f"export const TASKS_CHANGED = {json.dumps(lab.TASKS_CHANGED)};",
        f"export const PAGE_ROWS = {lab.PAGE_ROWS};",
        "// The options of %%gcrun and %%gcshell that take a value.",
        f"export const TAKES_VALUE = {_words(_taking_a_value())};",
        *map(_interface, interfaces),
    )


#: What is written where.
FILES = {
    HERE / "widgets" / "src" / "messages.ts": widgets_typescript,
    HERE / "src" / "messages.ts": lab_typescript,
}


def _file(*parts: str) -> str:
    return "\n".join([*parts, ""])


def _interface(interface: type) -> str:
    fields = typing.get_type_hints(interface).items()
    optional = interface.__optional_keys__  # type: ignore[attr-defined]
    lines = [f"  {name}{'?' * (name in optional)}: {_type(hint)};" for name, hint in fields]
    return "\n".join(
        ["", f"// {_summary(interface)}", f"export interface {interface.__name__} {{", *lines, "}"]
    )


def _list(name: str, places: str, fields: Any) -> Iterator[str]:
    """A named tuple, which travels as a list: its type, and the place of each field."""
    hints = typing.get_type_hints(fields).items()
    yield f"\n// {_summary(fields)}\nexport type {name} = ["
    yield from (f"  {field}: {_type(hint)}," for field, hint in hints)
    yield f"];\n\nexport const {places} = {{"
    yield from (f"  {field}: {place}," for place, field in enumerate(fields._fields))
    yield "} as const;"


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().replace("\n    ", "\n// ")


def _type(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in args)
    if origin in (Union, UnionType):
        return " | ".join(map(_type, args))
    if origin is dict:
        return f"Record<{', '.join(map(_type, args))}>"
    if origin is tuple:
        return f"[{', '.join(map(_type, args))}]"
    if origin is list:
        inner = _type(args[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    return hint.__name__ if typing.is_typeddict(hint) else _NAMES[hint]


def _taking_a_value() -> tuple[str, ...]:
    valued = (one for one in OPTIONS.values() if one.kind is not bool)
    return tuple(flag for one in valued for flag in one.flags if flag.startswith("-"))


def _words(words: tuple[str, ...]) -> str:
    return "[\n" + "".join(f'  "{word}",\n' for word in words) + "]"


if __name__ == "__main__":
    for path, text in FILES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text(), encoding="utf-8")
