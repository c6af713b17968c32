"""Turn a cell, or a call of a notebook function, into what an executor submits."""

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
from gc_jupyter.capture.worker_side.states import OF_THREADS
from gc_jupyter.errors import CaptureError, PayloadTooLarge
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.names import Names, find_names
from gc_jupyter.travel.sending import refuse_newer_syntax

#: Raw bytes that fit the service's 10 MB once they are pickled and encoded (protocol, "Limits").
SIZE_LIMIT = 7_500_000
#: The media types of a remote display that are shown beside text. Pictures can't carry scripts.
SAFE_MIMES = ("image/png", "image/jpeg")
ALL_MIMES = (*SAFE_MIMES, "image/svg+xml", "text/html", "text/markdown", "text/latex")


@dataclass(frozen=True)
class Captured:
    """The parts of a captured cell that travel, and what is needed here to read the reply.

    Parameters
    ----------
    function:
        The self-contained source. All single cells share one; each fan-out has its own.
    inputs:
        The pickled data that the source is called with; see `worker_side.loading.Loader`.
    sizes:
        Bytes per data name.
    origins:
        Maps the file name of a text in the worker's frames to the text's place in the notebook.
    objects:
        The classes, functions and notebook variables that travelled, by the token that a reply uses
        for them.
    calls:
        The pickled arguments of each call, or the pickled values of the variable.
    options:
        Further options for the worker.
    task:
        The description of the work that the source carries out; `contents` lists it name by name.
    packages:
        The packages that must be installed at the endpoint.
    unsent:
        The notebook's variables that were not sent, because the cell doesn't appear to use them.
    sources:
        The source text of those inputs that are functions and classes.
    storing:
        The parts that must be in the endpoint's store before the task is submitted.
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
        """List the large names, as many as fit on a line."""
        least = SIZE_LIMIT if self.storing is None else self.storing.least
        names = [name for name, size in self.sizes.items() if size > least] or ["arguments"]
        return ", ".join(names[:3]) + ", …" * (len(names) > 3)

    @property
    def of_the_process(self) -> list[str]:
        """The modules whose states all threads of a worker's process would share."""
        return [one for one in self.options.get("states", ()) if one not in OF_THREADS]

    def arguments(
        self,
        call: int | None = None,
        tag: Mapping[str, Any] | None = None,
        live: str | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Return the arguments to submit `function` with. `call` is the index of a function's call
        or of a variable's value. `tag` is what the reply begins with. `live` is the name of a
        spool; if it is empty, live output goes to the worker's host."""
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
        The notebook's variables. Only those that the cell uses are sent.
    out:
        Names to bring back.
    value:
        Whether to bring back the last expression's value.
    html:
        Whether to bring back displays that a browser would run, such as HTML and SVG.
    filename, first_line:
        The cell's place in the notebook, for tracebacks.
    also:
        Further names to send. They are sent even if they hold what looks like a credential.
    variable, values:
        For one task per value: the name under which each task finds its own value.
    python:
        The endpoint's Python version, or empty text if it isn't known.
    storing:
        Takes out large data; None if all data travels with the cell.
    keep:
        The `names` whose values stay at the endpoint, and the other fields of their records.

    Raises
    ------
    SyntaxError
        The cell isn't valid Python. The error names the cell's line.
    CaptureError
        The cell uses something that can't be sent.
    PayloadTooLarge
        The cell's data is too large for one submission.
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
        The function's name in `namespace`.
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
    """Parse a cell, keeping the notebook's line numbers. `await` is allowed at the top level."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    padded = "\n" * (first_line - 1) + text
    compile(padded, filename or "<cell>", "exec", flags, dont_inherit=True)  # more errors
    tree: ast.Module = rebuild.parse(padded, filename or "<cell>")
    return tree


def annotations_flag(namespace: Mapping[str, Any]) -> int:
    """Return the flag for `compile`. IPython keeps ``from __future__ import annotations`` on for
    all later cells."""
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
    """Join the pieces to one pickle. It goes to the store if one piece is large, if all pieces
    together are large, or if each of `many` tasks would carry them."""
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
