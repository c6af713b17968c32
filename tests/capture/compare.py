"""The same cell in IPython and on an endpoint: a program that tells all that a user would see."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import re
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from gc_jupyter.errors import RemoteException

CORPUS = Path(__file__).parent / "corpus"
#: Lines that the magic puts before the cell.
MAGIC_LINES = 1

#: What a cell says beside a display that it shows in part (docs/notebook.md).
HTML_HINT = "HTML from an endpoint is shown on request only: run the cell with --html.\n"

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_SPENT = re.compile(
    r"^(CPU times:|Wall time:|(?=[\d.]+ [nµum]?s (?:±|\+-) )).*|^The slowest run .*\n", re.MULTILINE
)
_LABEL = re.compile(r"(Cell In\[\d+\]|<ipython-input-.*?>), line (\d+)(?:, in (.*))?$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ARROW = re.compile(r"----> (\d+) ?(.*)$")


@dataclass(frozen=True)
class Cell:
    """One cell of the corpus, and what its header says of it."""

    notebook: str
    number: int
    text: str
    raises: str = ""  # the type of the error that it ends with
    refused: str = ""  # the name that can't be sent

    def __str__(self) -> str:
        return f"{self.notebook}, cell {self.number}"


@dataclass
class Seen:
    """What a cell came to, in a form that is equal where a user sees the same."""

    stdout: str = ""
    stderr: str = ""
    value: str = ""
    displays: list[Any] = field(default_factory=list)
    error: str = ""  # its type and text
    frames: list[tuple[str, str]] = field(default_factory=list)  # function, source line
    line: int = 0  # of the cell, where the error left it


def read_corpus() -> dict[str, list[Cell]]:
    """Every notebook of the corpus, cell by cell."""
    return {path.stem: read_notebook(path) for path in sorted(CORPUS.glob("*.py"))}


def read_notebook(path: Path) -> list[Cell]:
    """A file's cells: what stands between lines that begin with ``# %%``.

    The rest of such a line may say ``raises ValueError`` or ``refused name``.
    """
    _, *parts = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    cells = []
    for number, part in enumerate(parts, 1):
        header, _, text = part.partition("\n")
        kind, _, what = header.strip().partition(" ")
        assert kind in ("", "raises", "refused"), header
        cells.append(Cell(path.stem, number, text.strip("\n"), **({kind: what} if kind else {})))
    return cells


class QuietHook(DisplayHook):
    """Keeps what a cell's value looks like, in place of printing it."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, _metadata: Any = None) -> None:
        self.shell.shown_value = format_dict


class Shell(InteractiveShell):
    """An IPython of its own in this process, without a terminal."""

    displayhook_class = QuietHook
    shown_value: dict[str, Any] | None = None

    def showtraceback(self, *_args: Any, **_kwargs: Any) -> None:
        """The error is looked at in the result."""

    showsyntaxerror = showtraceback

    def enable_gui(self, _gui: Any = None) -> None:
        """No window system, as in a kernel."""

    def see(self, text: str) -> Seen:
        """Run a cell, and tell what a user would see."""
        self.shown_value = None
        self.display_pub = CapturingDisplayPublisher()
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            result = self.run_cell(text, store_history=True)
        seen = Seen(out.getvalue(), err.getvalue())
        shown: Any = self.shown_value
        if shown:
            seen.value = same_each_time(shown["text/plain"])
        seen.displays = [comparable(output["data"]) for output in self.display_pub.outputs]
        error = result.error_in_exec or result.error_before_exec
        if error is not None:
            said = error
            if isinstance(error, RemoteException) and isinstance(
                error.__cause__, getattr(builtins, "BaseExceptionGroup", ())
            ):
                said = error.__cause__  # which only shares its name with what is raised
            seen.error = same_each_time(f"{type(said).__name__}: {message_of(said)}")
            if hasattr(error, "_render_traceback_"):
                self._remote_frames(seen, error._render_traceback_())
            else:
                self._local_frames(seen, error)
        seen.stderr = seen.stderr.replace(HTML_HINT, "")
        seen.stdout, seen.stderr = same_each_time(seen.stdout), same_each_time(seen.stderr)
        return seen

    def _local_frames(self, seen: Seen, error: BaseException) -> None:
        for frame in traceback.extract_tb(error.__traceback__):
            if self.compile.format_code_name(frame.filename) is not None:
                seen.frames.append((frame.name, frame.line or ""))
                seen.line = seen.line or frame.lineno or 0
        seen.frames = seen.frames[:30]  # of an endless recursion
        if isinstance(error, SyntaxError) and not seen.frames:  # as %%gcrun counts and names it
            seen.error = f"SyntaxError: {error.msg} (line {(error.lineno or 0) + MAGIC_LINES})"

    def _remote_frames(self, seen: Seen, lines: list[str]) -> None:
        inside = None
        for line in (_COLOUR.sub("", line) for line in lines):
            if line.startswith(("The above exception", "During handling")):  # a cause was shown
                seen.frames.clear()
                seen.line = 0
            elif "frames left out" in line:
                break
            elif (label := _LABEL.match(line)) is not None:
                inside = label
            elif inside is not None and (arrow := _ARROW.match(line)) is not None:
                seen.frames.append((inside.group(3) or "<module>", arrow.group(2).strip()))
                seen.line = seen.line or int(inside.group(2)) - MAGIC_LINES
                inside = None

    def see_remotely(self, text: str, line: str = "local -q") -> Seen:
        """Run a cell by %%gcrun; the notebook's variables are then as before."""
        before = dict(self.user_ns)
        count = self.execution_count
        try:
            return self.see(f"%%gcrun {line}\n{text}")
        finally:
            for name in [name for name in self.user_ns if name not in before]:
                del self.user_ns[name]
            self.user_ns.update(before)
            self.user_ns["_oh"].pop(count, None)


def main() -> None:
    """For each notebook that standard input names: one line, each cell as seen there and here."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    shell = Shell.instance()
    for name in sys.stdin:
        shell.reset(new_session=True)
        shell.run_line_magic("reload_ext", "gc_jupyter")
        seen = []
        for cell in read_notebook(CORPUS / f"{name.strip()}.py"):
            there = shell.see_remotely(cell.text)
            seen.append((asdict(there), asdict(shell.see(cell.text))))
        print(json.dumps(seen), file=answers, flush=True)


def message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<no text>"


def same_each_time(text: str) -> str:
    """Addresses differ from process to process, and times from run to run."""
    text = text.replace("\r\n", "\n")  # IPython's `!` gives commands a terminal
    return _SPENT.sub(
        lambda match: f"{match.group(1)}…" if match.group(1) is not None else "",
        _ADDRESS.sub("0x…", text),
    )


def comparable(bundle: dict[str, Any]) -> dict[str, Any]:
    """A display as %%gcrun shows it: text and pictures; pictures by their kind."""
    return {
        mime: same_each_time(content) if mime == "text/plain" else ""
        for mime, content in bundle.items()
        if mime in ("text/plain", "image/png", "image/jpeg")
    }


if __name__ == "__main__":
    main()
