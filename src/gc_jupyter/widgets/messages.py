"""What travels between the two halves of a widget. This is the one place that defines it.

`labextension/generate_messages.py` writes the TypeScript twin from here, and a test holds
both equal. A widget's data travels as its state (comm `update`), so that a front end which comes
late, reloads or has several views always has the newest; what a user does travels as a custom
message. Rows travel in pages: the state has the keys `page_0`, `page_1`, ... beside those of
`TaskTableState`, each a list of up to `PAGE_ROWS` rows.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypedDict, Union

from gc_jupyter.types import TaskState

#: A row's state travels as the index into this.
STATES = tuple(state.value for state in TaskState)


class Row(NamedTuple):
    """A row travels as a list of these fields. `state` is an index into STATES, `endpoint` one into
    `TaskTableState.endpoints`. Times are milliseconds since `TaskTableState.origin`. `text` is a
    preview of the result or the last line of the error, and while the task runs its last line of
    output. `progress` is how much is done, and of how much (null: unknown)."""

    state: int
    label: str
    endpoint: int
    submitted: int | None = None
    started: int | None = None
    ended: int | None = None
    task_id: str = ""
    text: str = ""
    progress: tuple[float | None, float | None] | None = None


#: Rows of a page.
PAGE_ROWS = 100


class TaskTableState(TypedDict):
    """`origin` is unix seconds; `counts` goes with STATES; `seq` counts the updates sent."""

    kind: Literal["task_table"]
    title: str
    origin: float
    size: int
    endpoints: list[str]
    counts: list[int]
    seq: int
    can_rerun: bool


#: The comm that a page opens to ask for its outputs.
OUTPUTS_TARGET = "gc_jupyter.outputs"
#: Ends the display id of messages that are for the notebook's file only.
SAVED = "-saved"
#: In an output's data: the model that our extension draws it with, while there is one; its value is
#: that of a widget view. All others, and a kernel's end, leave the HTML beside it.
LASTING_VIEW = "application/vnd.gc-jupyter.lasting-view+json"


class OutputMark(TypedDict, total=False):
    """An output's own metadata, `gc_jupyter`. `live` says that it may change; `as_of` is the text
    in it that tells its time; `ended` is to be added when the kernel has ended meanwhile; `again`
    asks for its cell to be run once more, now that somebody has signed in."""

    output: str
    live: bool
    as_of: str
    ended: str
    again: bool


class OutputNow(TypedDict):
    """What an output shows: MIME types and texts, and its metadata."""

    data: dict[str, Any]
    metadata: dict[str, Any]


class LoginState(TypedDict):
    """`why` says what the login is for, `after` what happens once it is done; `message` what went
    wrong, or who is signed in."""

    kind: Literal["login"]
    url: str
    why: str
    after: str
    status: Literal["waiting", "checking", "signed in", "failed"]
    message: str


class Need(TypedDict):
    """Front end to kernel: send these pages again, and all of them if `seq` isn't the newest."""

    type: Literal["need"]
    pages: list[int]
    seq: int


class View(TypedDict):
    """Front end to kernel: these pages are looked at. Their news go first from now on."""

    type: Literal["view"]
    pages: list[int]


class Show(TypedDict):
    """Front end to kernel: the whole result or traceback of a row, please; what a task that runs
    has printed so far."""

    type: Literal["show"]
    request: str
    row: int


class Shown(TypedDict):
    """Kernel to front end: what `Show` asked for. Every view gets it; one has made the request."""

    type: Literal["shown"]
    request: str
    row: int
    text: str


class Rerun(TypedDict):
    """Front end to kernel: submit a row's task once more."""

    type: Literal["rerun"]
    row: int


class Stop(TypedDict):
    """Front end to kernel: stop a row's task, or all tasks that are open (null). The answer is a
    question at first; `sure` says that the user has said yes to it."""

    type: Literal["stop"]
    request: str
    row: int | None
    sure: bool


class Stopping(TypedDict):
    """Kernel to front end, to `Stop` and to `StopTasks`: a question, with the words of the answer
    that stops them; where there is nothing to answer, what was done, or why nothing can be."""

    type: Literal["stopping"]
    request: str
    text: str
    answer: str


#: The comm that the panel opens to stop tasks of a kernel; its first message is a `StopTasks`.
STOP_TARGET = "gc_jupyter.stop"


class StopTasks(TypedDict):
    """Panel to kernel: stop the open ones of these tasks, and of the tasks of the cells with these
    execution counts. `request` and `sure` are as of `Stop`; the answer is a `Stopping`."""

    request: str
    tasks: list[str]
    cells: list[int]
    sure: bool


class Code(TypedDict):
    """Front end to kernel: the code that the login page has shown. Never part of the state."""

    type: Literal["code"]
    code: str


FromFrontEnd = Union[Need, View, Show, Rerun, Stop, Code]  # noqa: UP007 - evaluated at run time on 3.10
