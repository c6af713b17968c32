"""Every public name says what it does and what its parameters are: the site's reference is made of
that."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[1] / "docs/reference"
#: What users import from.
MODULES = ("gc_jupyter", "gc_jupyter.errors", "gc_jupyter.serialize", "gc_jupyter.auth")
_SECTION = re.compile(r"^(\w+)\n-{3,}\n", re.MULTILINE)


@dataclass(frozen=True)
class Name:
    """A public name: `path` is what users write, `value` the object."""

    path: str
    value: Any

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
    def parameters(self) -> set[str]:
        """Its parameters, without `self`."""
        return (
            set()
            if self.called is None
            else {*inspect.signature(self.called).parameters} - {"self"}
        )

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
                yield Name(f"{path}.{name}", value)


NAMES = {name.path: name for module in MODULES for name in names(module)}


@pytest.mark.parametrize("path", NAMES)
def test_documented(path: str) -> None:
    name = NAMES[path]
    assert name.doc, f"{path} has no docstring"
    missing = name.parameters - name.documented
    assert not missing, f"{path} doesn't describe {sorted(missing)}"


def test_what_is_not_documented_is_found() -> None:
    def some(a: int, *b: int, c: int = 1, **d: int) -> None:
        """Does.

        Parameters
        ----------
        a, *b:
            Two.

        Raises
        ------
        c:
            Not a parameter.
        """

    name = Name("some", some)
    assert name.parameters - name.documented == {"c", "d"}
    assert not Name("none", lambda: None).doc


def test_the_site_has_the_public_names() -> None:
    text = "".join(path.read_text("utf-8") for path in REFERENCE.glob("*.md"))
    shown = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    for path in NAMES:
        owners = [path.rsplit(".", count)[0] for count in range(path.count(".") + 1)]
        assert shown & {path, *owners} or path.endswith(".load_ipython_extension"), path
