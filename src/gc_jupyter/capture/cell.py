"""A cell, or a call of a notebook function -> what an executor submits."""

from __future__ import annotations
import __future__

import ast
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gc_jupyter.capture.collect import NameCollector
from gc_jupyter.capture.compose import CellTask, compose, remote_filename, runner
from gc_jupyter.capture.imports import packages
from gc_jupyter.capture.pieces import SourceOrigin, as_capture_error
from gc_jupyter.capture.states import not_there
from gc_jupyter.capture.storing import Storing
from gc_jupyter.errors import CaptureError, PayloadTooLarge
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.names import Names, find_names
from gc_jupyter.travel.sending import refuse_newer_syntax

#: Raw bytes that fit the service's 10 MB once they are pickled and encoded (protocol, "Limits").
SIZE_LIMIT = 7_500_000
#: What a remote display may be, beside text: pictures can't carry scripts.
SAFE_MIMES = ("image/png", "image/jpeg")
ALL_MIMES = (*SAFE_MIMES, "image/svg+xml", "text/html", "text/markdown", "text/latex")


@dataclass(frozen=True)
class Captured:
    """What travels, and what is needed here to understand the reply.

    Parameters
    ----------
    function:
        The self-contained source: the same one for all cells, or that of a fan-out.
    inputs:
        The data that it is called with, pickled; see `worker_side.loading.Loader`.
    sizes:
        Bytes per data name.
    origins:
        How frames on the worker name a text -> where it stands here.
    objects:
        Classes and functions that travelled, by the token that a reply names them by; or a
        notebook's variables.
    calls:
        Pickled arguments of each call, or values of the variable.
    options:
        What else the worker is told.
    task:
        What the source does there; `contents` tells it name by name.
    packages:
        What the endpoint must have installed.
    unsent:
        The notebook's variables that the cell is not seen to use.
    sources:
        Of the inputs that are functions and classes, the text.
    storing:
        What has to be in the endpoint's store before this is submitted.
    states:
        What the notebook has set in installed modules, and is set there for the task's time.
    left:
        Sentences on what can't be.
    """

    function: SourceFunction
    inputs: Any
    sizes: Mapping[str, int]
    origins: Mapping[str, SourceOrigin]
    objects: Mapping[Any, Any]
    calls: Sequence[Any] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    task: CellTask = field(default_factory=CellTask)
    packages: Sequence[str] = ()
    unsent: Collection[str] = frozenset()
    sources: Mapping[str, str] = field(default_factory=dict)
    storing: Storing | None = None
    states: Sequence[str] = ()
    left: Sequence[str] = ()

    @property
    def large(self) -> str:
        """The names that are large, as far as a line has room for them."""
        least = SIZE_LIMIT if self.storing is None else self.storing.least
        names = [name for name, size in self.sizes.items() if size > least] or ["arguments"]
        return ", ".join(names[:3]) + ", …" * (len(names) > 3)

    def arguments(
        self,
        call: int | None = None,
        tag: Mapping[str, Any] | None = None,
        live: str | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """What to submit `function` with; `call` is the index of a function's call, or of a
        variable's value, `tag` what the reply begins with, `live` the name of a spool (empty: the
        worker's host is told)."""
        options = {**self.options, "tag": tag}
        if live is not None:
            options["live"] = live
        if self.function is runner():
            options["task"] = self.task.plain()
        if call is not None:
            options["arguments"] = self.calls[call]
        return self.inputs, options


def capture_cell(
    text: str,
    namespace: Mapping[str, Any],
    *,
    out: Sequence[str] = (),
    value: bool = True,
    html: bool = False,
    filename: str = "",
    first_line: int = 1,
    also: Sequence[str] = (),
    variable: str = "",
    values: Sequence[Any] = (),
    python: str = "",
    storing: Storing | None = None,
    keep: Mapping[str, Any] | None = None,
) -> Captured:
    """Make a cell self-contained.

    Parameters
    ----------
    text:
        The cell's Python code, after IPython's own syntax was translated.
    namespace:
        The notebook's variables; exactly those that the cell uses are sent.
    out:
        Names to bring back.
    value:
        Whether the last expression's value is wanted.
    html:
        Bring back displays that a browser would run: HTML and SVG.
    filename, first_line:
        Where the cell stands here, for tracebacks.
    also:
        Names to send beside those that the cell is seen to use, and even where they hold what looks
        like a credential.
    variable, values:
        For one task per value: the name that each task finds its own value under.
    python:
        The endpoint's Python version; empty where it isn't known.
    storing:
        Takes what is large; None where all of it goes with the cell.
    keep:
        `names` that stay at the endpoint, and what their records have beside.

    Raises
    ------
    SyntaxError
        The cell isn't Python; the error names the cell's line.
    CaptureError
        Something that the cell uses can't be sent.
    PayloadTooLarge
        Its data are too large for one submission.
    """
    try:
        kept = () if keep is None else keep["names"]
        names = find_names(parse(text, filename, first_line), (*out, *kept))
    except RecursionError:
        raise CaptureError(
            "The cell has an expression that is nested too deeply to be read.",
            next_step="Take it apart: give parts of it names of their own.",
        ) from None
    with as_capture_error():
        refuse_newer_syntax("The cell", text, python, first_line)
    if variable:
        namespace = {name: value for name, value in namespace.items() if name != variable}
    collector = NameCollector(namespace, also, python, storing)
    if variable not in also:
        collector.guard.values({f"{variable}[{at}]": one for at, one in enumerate(values)})
    collector.add(names)
    collector.add(Names(now=dict.fromkeys(also, 0)))
    packed = collector.pickle(*values)
    remote = remote_filename("cell", text)
    collector.pieces.origins[remote] = SourceOrigin(filename, first_line, text)
    task = CellTask(
        steps=collector.steps(),
        modules=collector.pieces.sources(),
        brought=tuple(collector.pieces.brought),
        cell=text,
        filename=remote,
        line=first_line,
        deferred=bool(annotations_flag(namespace)),
        out=tuple(out),
        variable=variable,
    )
    return _captured("cell", task, collector, value=value, html=html, calls=packed, keep=keep)


def capture_calls(
    name: str,
    calls: Sequence[tuple[tuple[Any, ...], dict[str, Any]]],
    namespace: Mapping[str, Any],
    *,
    html: bool = False,
    also: Sequence[str] = (),
    python: str = "",
    storing: Storing | None = None,
    keep: Mapping[str, Any] | None = None,
) -> Captured:
    """Make a notebook function self-contained, with the arguments of one or more calls.

    Parameters
    ----------
    name:
        The function, as `namespace` knows it.
    calls:
        `(args, kwargs)` of each call.
    namespace, html, also, python, storing, keep:
        As for `capture_cell`.

    Raises
    ------
    CaptureError, PayloadTooLarge
        As `capture_cell`.
    """
    collector = NameCollector(namespace, also, python, storing)
    collector.add(Names(now=dict.fromkeys((name, *also), 0)))
    collector.guard.arguments(calls, collector.sources().get(name, ""))
    packed = collector.pickle(*calls)
    task = CellTask(
        steps=collector.steps(),
        modules=collector.pieces.sources(),
        brought=tuple(collector.pieces.brought),
        call=name,
    )
    return _captured(name, task, collector, value=True, html=html, calls=packed, keep=keep)


def parse(text: str, filename: str = "", first_line: int = 1) -> ast.Module:
    """A cell's tree, with the notebook's line numbers; `await` is allowed at the top level."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    padded = "\n" * (first_line - 1) + text
    compile(padded, filename or "<cell>", "exec", flags, dont_inherit=True)  # what ast lets pass
    tree: ast.Module = rebuild.parse(padded, filename or "<cell>")
    return tree


def annotations_flag(namespace: Mapping[str, Any]) -> int:
    """For `compile`: IPython keeps a ``from __future__ import annotations`` for all later cells."""
    on = namespace.get("annotations") is __future__.annotations
    return __future__.annotations.compiler_flag * on


def _captured(
    name: str,
    task: CellTask,
    collector: NameCollector,
    *,
    value: bool,
    html: bool,
    calls: Sequence[Any] = (),
    keep: Mapping[str, Any] | None = None,
) -> Captured:
    storing, inputs = collector.pieces.storing, _inputs(collector, many=len(calls) > 1)
    if storing is None:
        total = len(inputs) + max(map(len, calls), default=0)
        if total > SIZE_LIMIT:
            raise PayloadTooLarge(_size_report(collector.pieces.sizes, total), next_step=_SMALLER)
    return Captured(
        function=compose(name, task) if len(calls) > 1 else runner(),
        inputs=inputs,
        sizes=dict(collector.pieces.sizes),
        storing=storing,
        origins=collector.pieces.origins,
        objects=dict(enumerate(collector.pieces.sent)),
        sources=collector.sources(),
        calls=calls,
        options={
            "mimes": list(ALL_MIMES if html else SAFE_MIMES),
            "value": value,
            "limit": SIZE_LIMIT,
            "files": [*collector.pieces.origins],
            "python": ".".join(platform.python_version_tuple()[:2]),
            "store": None if storing is None else storing.options(),
            **({"states": collector.pieces.states} if collector.pieces.states else {}),
            **({} if keep is None else {"keep": dict(keep)}),
        },
        task=task,
        packages=packages(collector.modules, [*task.brought, *(name for name, _ in task.modules)]),
        states=tuple(collector.states.named()),
        left=(
            *collector.pieces.unset,
            *not_there(collector.namespace, collector.modules, task.cell),
        ),
        unsent=frozenset(collector.namespace.keys() - {step[1] for step in task.steps}),
    )


def _inputs(collector: NameCollector, many: bool) -> Any:
    """The pieces as one pickle; in the store where one of them is large, or all of them together
    are, or each of `many` tasks would carry them."""
    pieces, storing = collector.pieces.content, collector.pieces.storing
    data: Any = b"".join(pieces.values())
    if storing is None:
        return data
    largest = max(map(len, pieces.values()), default=0)
    if largest > storing.least or len(data) > (storing.least if many else SIZE_LIMIT):
        data = storing.add(data)
    if isinstance(data, bytes) and not collector.pieces.buffers:
        return data
    return storing.pickled(data, collector.pieces.buffers)


_SMALLER = (
    "Send a part, or put the data in a file that the endpoint can read (Globus Transfer moves"
    " large ones) and open it in the cell."
)


def _size_report(sizes: Mapping[str, int], total: int) -> str:
    largest = sorted(sizes.items(), key=lambda entry: -entry[1])[:5]
    named = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in largest if size > 10_000)
    return (
        f"This cell's data have {total / 1e6:.1f} MB ({named or 'arguments'}); one submission"
        f" holds {SIZE_LIMIT / 1e6:.1f} MB before encoding, 10 MB after."
    )
