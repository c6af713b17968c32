"""Refuse to send credentials that weren't named: in values, arguments and texts that come along.

A cell's own text isn't checked, since the user typed it for that endpoint.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gc_jupyter.credentials import Search
from gc_jupyter.errors import CaptureError
from gc_jupyter.remote_text import one_line
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.installed import worker_has


class CredentialGuard:
    """Checks everything that a cell or a call takes along, each thing once.

    Parameters
    ----------
    named:
        The names given by `--in`. They are sent whatever they hold.
    """

    def __init__(self, named: Collection[str]) -> None:
        self._named = named
        self._seen: set[tuple[str, int]] = set()
        self._search = Search(lambda module: not worker_has(module))

    def values(self, values: Mapping[str, Any]) -> None:
        """Check variables that travel. ``f.attribute`` is an attribute of `f`.

        Raises
        ------
        CaptureError
            One of them holds what looks like a credential.
        """
        for name, value in values.items():
            if self._is_new(name, value) and (found := self._search.in_value(value, name)):
                raise _refused(f"What the cell uses as {_root(name)!r}", found, _root(name))

    def texts(self, texts: Mapping[str, str]) -> None:
        """Check functions, classes and modules that travel as text. Raises as `values` does."""
        for name, text in texts.items():
            if self._is_new(name, text) and (kind := self._search.in_text(text)):
                found = f"the text of {name} holds {kind}"
                raise _refused(f"What the cell uses as {name!r}", found, _root(name))

    def arguments(self, calls: Sequence[Any], text: str) -> None:
        """Check the arguments of calls of the function with this text. Raises as `values` does."""
        names = _parameters(text)
        for args, kwargs in calls:
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            given |= {f"argument {at + 1}": args[at] for at in range(len(names), len(args))}
            for name, value in given.items():
                if name not in self._named and (found := self._search.in_value(value, name)):
                    where = "on the line of the cell that defines the function"
                    raise _refused("An argument", found, name, where)

    def pickled(self, name: str, data: bytes) -> None:
        """The pickle of a variable, or of arguments (an empty name): it has what `values` can't
        see without running code of the values' own. Raises as `values`.
        """
        unnamed = _root(name) not in self._named if name else not self._named
        if unnamed and (kind := self._search.in_text(data)):
            what = f"What the cell uses as {_root(name)!r}" if name else "An argument"
            raise _refused(what, f"its pickle holds {kind}", _root(name) or "NAME")

    def _is_new(self, name: str, what: Any) -> bool:
        key = name, id(what)
        new = key not in self._seen and _root(name) not in self._named
        self._seen.add(key)
        return new


def _root(name: str) -> str:
    return name.partition(".")[0].partition("[")[0]


def _parameters(text: str) -> list[str]:
    """Return the names of a function's parameters that can be given by position."""
    try:
        (statement,) = rebuild.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return []
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return []
    return [one.arg for one in (*statement.args.posonlyargs, *statement.args.args)]


def _refused(what: str, found: str, name: str, where: str = "on the magic's line") -> CaptureError:
    return CaptureError(
        f"{what} looks like a credential: {one_line(found, 300)}. Nothing was sent.",
        next_step="Whoever runs the endpoint could use it. Leave it out, or have one there that is"
        f" for there. --in {name} {where} sends it all the same.",
    )
