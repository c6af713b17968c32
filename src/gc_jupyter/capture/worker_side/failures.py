"""Turn an exception into plain data that can be shown elsewhere."""

from __future__ import annotations

import builtins
import linecache
import sys
import traceback
from collections.abc import Callable
from typing import Any

from gc_jupyter.capture.worker_side.live import HOST

FRAME_LIMIT = 60
GROUP_LIMIT = 10  # the most exceptions of a group
GROUPS: Any = getattr(builtins, "BaseExceptionGroup", ())  # Python 3.11
ERROR_LIMIT = 20000  # the most characters of an exception's text
LINE_LIMIT = 500


def remember_lines(filename: str, text: str, first_line: int = 1) -> None:
    """Register a text's lines for tracebacks on the worker."""
    lines = ["\n"] * (first_line - 1) + [line + "\n" for line in text.split("\n")]
    linecache.cache[filename] = (len(text), None, lines, filename)


def one_line(error: BaseException) -> str:
    return " ".join(traceback.format_exception_only(type(error), error)[-1].split())


def describe(
    error: BaseException, files: list[str], pack: Callable[[Any], Any] | None, depth: int = 0
) -> dict[str, Any]:
    """Describe an exception as plain data: type, text, frames, causes.

    `files` are the notebook's own texts. Frames above the first one of theirs are left out.
    """
    described: dict[str, Any] = {
        "type": type(error).__qualname__,
        "module": type(error).__module__,
        "text": shortened(safe_str(error)),
        "lines": shortened("".join(traceback.format_exception_only(type(error), error))),
        "frames": find_frames(error.__traceback__, files),
        "while": getattr(error, "gc_while", ""),
        "pickle": None,
        "parts": None,
        "cause": None,
        "context": None,
        "compiled": isinstance(error, SyntaxError) and not is_from_notebook(error, files),
        "group": None,
        "missing": error.name if isinstance(error, ModuleNotFoundError) else None,
    }
    if pack is not None:
        described["pickle"] = pack(error)["pickle"]
        # for a class whose `__init__` takes other arguments than `args`
        described["parts"] = pack((type(error), error.args, vars(error)))["pickle"]
        if described["parts"] is None:  # the others may go by themselves
            args = tuple(arg if pack(arg)["pickle"] else repr(arg) for arg in error.args)
            members = {name: arg for name, arg in vars(error).items() if pack(arg)["pickle"]}
            described["parts"] = pack((type(error), args, members))["pickle"]
    if described["compiled"]:
        described["frames"] = []
    if depth < 10:
        if isinstance(error, GROUPS):
            inner = error.exceptions[:GROUP_LIMIT]
            described["group"] = [describe(one, files, None, depth + 1) for one in inner]
        if error.__cause__ is not None:
            described["cause"] = describe(error.__cause__, files, None, depth + 1)
        elif error.__context__ is not None and not error.__suppress_context__:
            described["context"] = describe(error.__context__, files, None, depth + 1)
    return described


def is_from_notebook(error: BaseException, files: list[str]) -> bool:
    """Whether code of the notebook ran when this was raised. If not, its text couldn't be read."""
    filename = getattr(error, "filename", None)
    if is_notebook_text(str(filename), files):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(is_notebook_text(frame.f_code.co_filename, files) for frame in frames)


def is_notebook_text(filename: str, files: list[str]) -> bool:
    return filename in files or filename.startswith("<module ")


def safe_str(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<its str() raised>"


def shortened(text: str) -> str:
    if len(text) <= ERROR_LIMIT:
        return text
    half = ERROR_LIMIT // 2
    return "%s\n[... %s characters left out ...]\n%s" % (
        *(text[:half], format(len(text) - ERROR_LIMIT, ",")),
        text[-half:],
    )


def find_frames(trace: Any, files: list[str]) -> list[Any]:
    """Return `(filename, line number, function, source line)` of each frame, without our own."""
    found: list[Any] = []
    ours = (__file__, getattr(sys.modules.get(HOST), "__file__", None))
    for frame, number in traceback.walk_tb(trace):
        code = frame.f_code
        if code.co_filename in ours:
            continue
        line = linecache.getline(code.co_filename, number, frame.f_globals).strip()[:LINE_LIMIT]
        found.append((code.co_filename, number, code.co_name, line))
    for index, entry in enumerate(found):
        if is_notebook_text(entry[0], files):
            found = found[index:]
            break
    if len(found) > FRAME_LIMIT:
        half = FRAME_LIMIT // 2
        note = "%d frames left out" % (len(found) - FRAME_LIMIT)
        found = found[:half] + [("", 0, note, "")] + found[-half:]
    return found
