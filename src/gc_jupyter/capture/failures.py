"""Turn a worker's description of a failure into the exception to raise here, with traceback."""

from __future__ import annotations

import builtins
import contextlib
import linecache
import platform
import re
import traceback
import types
from bdb import BdbQuit
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gc_jupyter.capture.colours import Line, shown
from gc_jupyter.capture.pieces import SourceOrigin
from gc_jupyter.durations import duration
from gc_jupyter.errors import ComputeError, RemoteException
from gc_jupyter.remote_text import harmless, one_line

#: Turns a file name of the notebook into the name that a user knows: "Cell In[3]".
LabelOf = Callable[[str], str]
_HISTORY = re.compile(r"NameError: name '(In|Out|_ih|_oh|_dh)' is not defined")
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", SyntaxError)  # Python 3.11
_NO_NAME = re.compile(r"(?:NameError|UndefinedVariableError): name '(\w+)' is not defined")
_NOT_IN_MAIN = re.compile(
    r"(?:AttributeError: module '__main__' has no attribute|ImportError: cannot import name)"
    r" '(\w+)'"
)
_NO_KEY = re.compile(r"KeyError: '(\w+)'")
_NAMESPACE = re.compile(r"\b(?:globals|locals|vars)\(\)")
_CONTEXT = 2  # lines shown before and after a frame's own


@dataclass(frozen=True)
class WorkerPlace:
    """The place where a task ran, for a failure's first line."""

    endpoint: str
    task_id: str | None = None
    host: str = ""
    seconds: float | None = None
    python: str = ""

    @property
    def short(self) -> str:
        """The endpoint and the worker's machine."""
        return f"on {self.endpoint}" + (f" ({self.host})" if self.host else "")

    def __str__(self) -> str:
        parts = [self.short]
        if self.task_id:
            parts.append(f"task {self.task_id}")
        if self.seconds is not None:
            parts.append(f"after {duration(self.seconds)}")
        return ", ".join(parts)


def make_exception(
    described: Mapping[str, Any],
    original: BaseException | None,
    place: WorkerPlace,
    origins: Mapping[str, SourceOrigin],
    label_of: LabelOf,
    unsent: Collection[str] = (),
) -> RemoteException:
    """Return the exception to raise for a failure that a worker described.

    Parameters
    ----------
    described:
        The description that `worker_side.failures.describe` made.
    original:
        The exception itself, if it could be decoded.
    place:
        The place where it happened.
    origins:
        Maps the file name that frames have for a text to the text's place in the notebook.
    label_of:
        Names the notebook's files.
    unsent:
        The notebook's variables that were not sent.
    """
    kind = one_line(described["type"])
    lines = [(kind, harmless(line)) for kind, line in _chain(described, origins, label_of)]
    text = "\n".join([f"{kind} {place}", *(line for _, line in lines)])
    hint = one_line(next_step(described, place, unsent), 500)
    error = RemoteException(text, code="RemoteExecutionError", next_step=hint)
    if original is not None:
        error = _as_original(error, original)
        error.__cause__ = original
    if hasattr(error, "add_note"):  # Python 3.11; a program without a notebook shows it, too
        error.add_note(text)

    def render() -> list[str]:
        here = _local_frames(error.__traceback__, label_of)
        return [f"{kind} {place.short}", *shown([*here, *lines]), *([hint] if hint else [])]

    error._render_traceback_ = render  # type: ignore[attr-defined]
    return error


def show_at_caller(error: ComputeError, label_of: LabelOf) -> None:
    """Make a notebook show an error at the cell's line that caused it, without inner frames."""

    def render() -> list[str]:
        message = f"{type(error).__name__}: {error}".split("\n")
        return [*shown(_local_frames(error.__traceback__, label_of)), *message]

    error._render_traceback_ = render  # type: ignore[attr-defined]


def next_step(
    described: Mapping[str, Any], place: WorkerPlace, unsent: Collection[str] = ()
) -> str:
    """Say what to do about a failure of known cause. `unsent` are the notebook's other names."""
    missing = described["missing"]
    if described["type"] == "SystemExit":
        return (
            "The cell ended itself by exit(). Its results are lost, and nothing else was stopped:"
            " let the code run to its end, or raise an exception that says why it can't."
        )
    if described["type"] == "BdbQuit":
        return "A debugger has no keyboard on an endpoint: print what you want to see."
    if missing and described["while"]:
        return (
            f"{place.endpoint} has no module {missing!r}, which {described['while']} takes."
            " Install it in the endpoint's environment, use an endpoint that has it, or send plain"
            " data."
        )
    if missing:
        return (
            f"{place.endpoint} has no module {missing!r}. Install it in the endpoint's environment,"
            " or use an endpoint that has it."
        )
    if older := _older_syntax(described, place):
        return older
    if described["while"]:
        return f"This happened while {described['while']} on {place.endpoint}."
    if _HISTORY.match(described["lines"]):
        return (
            "The notebook's history isn't sent as a whole: write _3 for Out[3], and _i3 for In[3],"
            " or keep the value in a variable."
        )
    if (name := _looked_up(described)) in unsent:
        return (
            f"The notebook has {name!r}, and the cell was not seen to use it: --in {name} sends it"
            " along."
        )
    return ""


def _looked_up(described: Mapping[str, Any]) -> str:
    """Return the name that wasn't found in the cell's variables, or empty text."""
    found = _NO_NAME.search(described["lines"]) or _NOT_IN_MAIN.match(described["lines"])
    if found is None and described["cause"]:  # a library may have changed the wording
        return _looked_up(described["cause"])
    if found is None and described["frames"] and _NAMESPACE.search(described["frames"][-1][3]):
        found = _NO_KEY.match(described["lines"])
    return found[1] if found else ""


def _older_syntax(described: Mapping[str, Any], place: WorkerPlace) -> str:
    """Say what to do about text that this Python accepts and the endpoint's doesn't."""
    here = platform.python_version()
    there, ours = (".".join(version.split(".")[:2]) for version in (place.python, here))
    if not described.get("compiled") or there == ours:
        return ""
    return (
        f"{place.endpoint} runs Python {place.python}, which lacks this syntax of Python {here}:"
        f" write it as Python {there} has it, or use an endpoint with {ours}."
    )


def _chain(
    described: Mapping[str, Any], origins: Mapping[str, SourceOrigin], label_of: LabelOf
) -> list[Line]:
    lines: list[Line] = []
    for key, words in (
        ("cause", "The above exception was the direct cause of the following exception:"),
        ("context", "During handling of the above exception, another exception occurred:"),
    ):
        if described[key]:
            lines += [*_chain(described[key], origins, label_of), ("", ""), ("", words), ("", "")]
    if described["frames"]:
        lines.append(("", "Traceback (most recent call last):"))
    for frame in described["frames"]:
        lines += _frame(frame, origins, label_of)
    last = described["lines"].rstrip("\n")
    for remote, origin in origins.items():
        last = last.replace(f'"{remote}"', label_of(origin.filename))
    first, *more = last.split("\n")
    lines += [("error", first), *(("", line) for line in more)]
    group = described.get("group") or ()
    for at, inner in enumerate(group, start=1):
        parts = [("", f"Sub-exception {at} of {len(group)}:"), *_chain(inner, origins, label_of)]
        lines += [("", f"  | {line}".rstrip()) for _, line in parts]
    return lines


def _local_frames(trace: types.TracebackType | None, label_of: LabelOf) -> list[Line]:
    """Return the notebook's lines that called a remote function; none if a whole cell ran."""
    lines: list[Line] = []
    for frame, number in traceback.walk_tb(trace):
        filename, function = frame.f_code.co_filename, frame.f_code.co_name
        if function == "run_cell_magic":
            lines.clear()
        elif label_of(filename) != filename:
            source = linecache.getlines(filename)
            origin = SourceOrigin(filename, 1, "".join(source))
            lines += _frame(("<cell>", number, function, ""), {"<cell>": origin}, label_of)
    return [("", "Called here:"), *lines] if lines else []


def _frame(
    frame: Sequence[Any], origins: Mapping[str, SourceOrigin], label_of: LabelOf
) -> list[Line]:
    filename, number, function, text = frame
    if not filename:
        return [("", f"[... {function} ...]")]
    inside = "" if function == "<module>" else f", in {function}"
    origin = origins.get(filename)
    if origin is None and label_of(filename) != filename:  # the function travelled by value
        origin = SourceOrigin(filename, 1, "".join(linecache.getlines(filename)))
    if origin is None:
        place = ("place", f"File {filename}:{number}{inside}")
        return [place, ("", f"    {text}")] if text else [place]
    index = number - origin.first_line
    label = label_of(origin.filename) or "The notebook"
    lines = [("place", f"{label}, line {origin.first_line + index}{inside}")]
    source = origin.source.rstrip("\n").split("\n")
    for at in range(max(0, index - _CONTEXT), min(len(source), index + _CONTEXT + 1)):
        line = origin.first_line + at
        arrow = f"----> {line}" if at == index else f"      {line}"
        lines.append(("code", f"{arrow} {source[at]}".rstrip()))
    return lines


def _as_original(plain: RemoteException, original: BaseException) -> RemoteException:
    """Return the same error with the original's text and attributes, which `except` also catches
    as the original's type."""
    kind = type(original)
    if not isinstance(original, Exception) or isinstance(original, BdbQuit):
        return plain  # SystemExit would end the kernel, and IPython shows nothing for a BdbQuit
    if isinstance(original, (SyntaxError, _GROUP)):
        # IPython shows syntax errors in its own way, with all frames: only the name is shared
        named: RemoteException = type(kind.__name__, (RemoteException,), {})(plain.remote_data)
        named.__dict__.update(vars(plain))
        return named

    members = {
        "__module__": kind.__module__,
        "__str__": lambda self: kind.__str__(self),
        "__reduce_ex__": lambda _self, protocol: original.__reduce_ex__(protocol),
    }
    ours = {name: value for name, value in vars(plain).items() if not hasattr(kind, name)}
    # our type comes first and decides where both define a name: `reason`, MemoryError's `__new__`
    bases = (RemoteException,) if issubclass(RemoteException, kind) else (kind, RemoteException)
    try:
        made: Any = type(kind.__name__, bases, members)
        error: RemoteException = made.__new__(made, *original.args)
        error.__dict__.update({**ours, **vars(original)})
        error.args = original.args
        _copy_slots(original, error)
        str(error)
    except Exception:  # a final class, a metaclass, a `__new__` with arguments
        return plain
    return error


def _copy_slots(original: BaseException, error: BaseException) -> None:
    """Copy what a built-in exception has beside `args`, such as OSError's errno."""
    for kind in type(original).__mro__:
        if kind in BaseException.__mro__:
            continue
        for name, member in vars(kind).items():
            slot = isinstance(member, (types.MemberDescriptorType, types.GetSetDescriptorType))
            if slot and not name.startswith("__"):
                with contextlib.suppress(AttributeError, TypeError):  # unset, or read-only
                    value = member.__get__(original, kind)
                    if value is not None:
                        member.__set__(error, value)
