"""The writers of a journal: kernels, whether they still run, and their cells."""

from __future__ import annotations

import os
import platform
import re
import uuid
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gc_jupyter.remote_text import one_line

if TYPE_CHECKING:
    from gc_jupyter.journal.recorder import Journal

_LABEL = re.compile(r"""\s--label[ =](?:"([^"]*)"|'([^']*)'|(\S+))""")
#: A line of source that sets a secret.
SECRET = re.compile(r"(?i)(?:passw|passphrase|secret|token|api_?key)\w*['\"\]]*\s*[=:]")
_NO_TITLE = ("#", "%", "import ", "from ")
#: The most tasks of one fan-out: a damaged journal may claim more.
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class CellPlace:
    """A cell, and which run of it (`run_of_cell`). Texts are empty where the front end doesn't say;
    the names are those of `Entry`."""

    notebook: str = ""
    cell_id: str = ""
    execution_count: int = 0
    cell: str = ""


def run_of_cell(token: str, source: str) -> str:
    """What all tasks of one run of a cell have in the journal: the run's own token, and the cell's
    label, or its first line that is no comment, magic or import."""
    from gc_jupyter.credentials import masked  # not imported by %load_ext

    first, *rest = source.strip().splitlines() or [""]
    label = _LABEL.search(first) if first.startswith("%%") else None
    if label is not None:
        title = next(text for text in label.groups() if text is not None)
    else:
        lines = [one.strip() for one in (rest if first.startswith("%%") else [first, *rest])]
        lines = [one for one in lines if one and not SECRET.search(one)]
        title = next((one for one in lines if not one.startswith(_NO_TITLE)), [*lines, first][0])
        title = "" if SECRET.search(title) else title
    return f"{token}:{one_line(masked(title), 80)}"


#: SQL: the run of a cell that a row of the table of tasks is of. Rows of earlier versions of this
#: package don't say it; they are told apart by their kernel's count.
RUN = "coalesce(nullif(cell, ''), session || ':' || execution_count || ':' || cell_id)"

#: The `Note.kind` of auxiliary tasks, which the journal doesn't record.
UNRECORDED = "live"
#: The `Entry.looked_as` of a task that the service may have: others of its group could be it, too.
UNTOLD = "can't be told from others"


@dataclass(slots=True)
class Note:
    """What the journal records with a task.

    Parameters
    ----------
    kind:
        What its result is: a cell's or a call's reply (``"cell"``), a command's (``"shell"``), or
        a plain value (empty); or `UNRECORDED`.
    endpoint:
        The endpoint's name.
    bind, out:
        The names that the cell binds: the future's, and those of returned variables.
    place:
        The cell that submitted it.
    part:
        Its place in a fan-out, as `Part` writes it; empty outside of one.
    """

    kind: str = ""
    endpoint: str = ""
    bind: str = ""
    out: tuple[str, ...] = ()
    place: CellPlace = CellPlace()
    part: str = ""


def placed(note: Note, journal: Journal | None) -> Note:
    """The note with the running cell; a task that is run again keeps its first cell."""
    if journal is not None and note.place == CellPlace():
        note.place = journal.place()
    return note


class Part(NamedTuple):
    """A task's `place`, from 0, among the `total` tasks of a fan-out. A task that is run again
    keeps its place."""

    run: str
    place: int
    total: int

    def __str__(self) -> str:
        return f"{self.run}:{self.place}:{self.total}"

    @classmethod
    def read(cls, text: str) -> Part | None:
        """Read what `str` has written; None for any other text."""
        run, _, rest = text.partition(":")
        place, _, count = rest.partition(":")
        if not (run and place.isdigit() and count.isdigit() and len(place + count) < 20):
            return None
        part = cls(run, int(place), int(count))
        return part if part.place < part.total <= _MOST else None


@dataclass(frozen=True)
class KernelSession:
    """A kernel's process. `kernel` stays the same after a restart; `started` tells processes with
    the same number apart."""

    kernel: str = ""
    notebook: str = ""
    host: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)
    started: str = ""
    session: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def here(cls, kernel: str = "", notebook: str = "") -> KernelSession:
        """This process."""
        made = cls(kernel, notebook)
        return replace(made, started=_start_of(made.pid))


#: Its columns in the journal.
SESSION_COLUMNS = ", ".join(one.name for one in fields(KernelSession))


def surely_ended(other: KernelSession, here: KernelSession) -> bool:
    """Whether another session's process is known to have ended; nothing is known of those of
    other machines."""
    return other.host == here.host and not may_run(other, here)


def may_run(other: KernelSession, here: KernelSession) -> bool:
    """Whether another session may still run, and so gets its results itself."""
    if other.kernel and other.kernel == here.kernel:
        return False  # this kernel before its restart
    if other.host != here.host:
        return False  # this isn't known; if it runs, both get the results
    if os.name == "nt":
        return True  # there, os.kill would end it
    try:
        os.kill(other.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return _start_of(other.pid) == other.started


def _start_of(pid: int) -> str:
    """The start time of a process in Linux's ticks; empty if it has ended, and on other systems."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""
