"""Write docs/api.md from the docstrings of the public names: python docs/make_api.py [--check]"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("api.md")

#: What users import from.
MODULES = ("gc_jupyter", "gc_jupyter.errors", "gc_jupyter.serialize", "gc_jupyter.auth")

_HEAD = """# Public names

Made by `python docs/make_api.py` from the docstrings. The guides named are those of Globus Compute
and funcX; facts of the protocol are in [protocol.md](protocol.md).
"""
_SECTION = re.compile(r"^(\w+)\n-{3,}\n", re.MULTILINE)


class Raw:
    """Shown as its text, without quotes."""

    def __init__(self, text: object) -> None:
        self.text = str(text)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Name:
    """A public name: `path` is what users write, `value` the object, `owner` its class."""

    path: str
    value: Any
    owner: type | None = None

    @property
    def called(self) -> Any:
        """What has the parameters, or None where the name isn't called by users."""
        if inspect.isclass(self.value):
            abstract = getattr(self.value, "_is_protocol", False)
            if abstract or issubclass(self.value, enum.Enum):
                return None
            if "__init__" not in vars(self.value):
                return None
            return self.value.__init__
        return self.value if inspect.isroutine(self.value) else None

    @property
    def signature(self) -> inspect.Signature | None:
        """Its parameters, without `self`."""
        if self.called is None:
            return None
        found = inspect.signature(self.called)
        shown = [_shown(one) for name, one in found.parameters.items() if name != "self"]
        returns = found.return_annotation
        if inspect.isclass(self.value) or returns is found.empty:
            return found.replace(parameters=shown, return_annotation=found.empty)
        return found.replace(parameters=shown, return_annotation=Raw(returns))

    @property
    def doc(self) -> str:
        """Its own docstring, without indentation."""
        return inspect.cleandoc(self.value.__doc__ or "")

    @property
    def documented(self) -> set[str]:
        """The parameters that the docstring's section of that name describes."""
        text = dict(sections(self.doc)).get("Parameters", "")
        heads = re.findall(r"^(\S.*):$", text, re.MULTILINE)
        return {name.strip("* ") for head in heads for name in head.split(",")}


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    if parameter.annotation is not parameter.empty:
        parameter = parameter.replace(annotation=Raw(parameter.annotation))
    if " at 0x" in repr(parameter.default):
        parameter = parameter.replace(default=Raw("…"))
    return parameter


def sections(doc: str) -> Iterator[tuple[str, str]]:
    """The parts of a docstring in numpy's style: the first has no title."""
    parts = _SECTION.split(doc)
    yield "", parts[0].strip()
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        yield title, text.strip("\n")


def names(module_name: str) -> Iterator[Name]:
    """The public names of a module, each class before its own members."""
    module = importlib.import_module(module_name)
    exported = {name: getattr(module, name) for name in _exported(module)}
    for name, value in exported.items():
        path = f"{module_name}.{name}"
        yield Name(path, value)
        if inspect.isclass(value) and value.__name__ == name and not issubclass(value, Exception):
            elsewhere = {one for one in exported.values() if one is not value}
            yield from _members(path, value, elsewhere)


def _exported(module: Any) -> list[str]:
    if hasattr(module, "__all__"):
        every = {name: getattr(module, name) for name in module.__all__}
        return [k for k, one in every.items() if inspect.isclass(one) or inspect.isfunction(one)]
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]


def _members(path: str, owner: type, elsewhere: set[Any]) -> Iterator[Name]:
    """Public methods and properties, but those that a class of the same page describes."""
    seen = {name for kind in owner.__mro__ if kind in elsewhere for name in vars(kind)}
    for kind in owner.__mro__:
        if not kind.__module__.startswith("gc_jupyter") or kind.__name__.startswith("_"):
            continue
        for name, member in vars(kind).items():
            if name.startswith("_") or name in seen:
                continue
            seen.add(name)
            value = member.fget if isinstance(member, property) else getattr(owner, name)
            if isinstance(member, property) or inspect.isroutine(value):
                yield Name(f"{path}.{name}", value, owner)


def page() -> str:
    """The text of api.md."""
    parts = [_HEAD]
    for module in MODULES:
        first = inspect.cleandoc(importlib.import_module(module).__doc__ or "").split("\n")[0]
        parts.append(f"## {module}\n\n{first}\n")
        parts += [_entry(name) for name in names(module)]
    return "\n".join(parts)


def _entry(name: Name) -> str:
    level = "####" if name.owner else "###"
    head = f"{level} `{name.path.removeprefix('gc_jupyter.')}`\n"
    if name.owner is not None and inspect.isfunction(name.value) and _is_property(name):
        head += "\n*Property.*\n"
    elif name.signature is not None:
        head += f"\n```python\n{_call(name)}\n```\n"
    return head + "".join(_section(*section) for section in sections(name.doc))


def _is_property(name: Name) -> bool:
    found = inspect.getattr_static(name.owner, name.path.rpartition(".")[2])
    return isinstance(found, property)


def _call(name: Name) -> str:
    signature = name.signature
    assert signature is not None
    text = f"{name.path.rpartition('.')[2]}{signature}"
    if len(text) <= 100:
        return text
    body = ",\n    ".join(map(str, signature.parameters.values()))
    returns = signature.return_annotation
    tail = "" if returns is signature.empty else f" -> {returns}"
    return f"{name.path.rpartition('.')[2]}(\n    {body},\n){tail}"


def _section(title: str, text: str) -> str:
    if not title:
        return f"\n{_prose(text)}\n"
    if title == "Notes":
        return f"\n{_prose(text)}\n"
    items = re.split(r"^(\S.*)$", text, flags=re.MULTILINE)
    rows = []
    for head, body in zip(items[1::2], items[2::2], strict=True):
        words = " ".join(_prose(inspect.cleandoc("\n" + body)).split())
        shown = ", ".join(f"`{one.strip()}`" for one in head.rstrip(":").split(","))
        rows.append(f"- {shown}" + (f": {words}" if words else ""))
    return f"\n**{title}**\n\n" + "\n".join(rows) + "\n"


def _prose(text: str) -> str:
    return text.replace("``", "`").replace("::\n\n    ", ":\n\n    ")


def main() -> int:
    """Write the page, or with ``--check`` say whether it is current."""
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text("utf-8") == text else 1
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
