"""Define the messages between the two halves of a widget. No other place defines them.

`labextension/generate_messages.py` writes the TypeScript twin from here, and a test holds
both equal. A widget's data travels as its state (comm `update`), so that a front end which comes
late, reloads or has several views always has the newest data. A user's actions travel as custom
messages. Rows travel in pages: the state has the keys `page_0`, `page_1`, ... beside those of
`TaskTableState`, each a list of up to `PAGE_ROWS` rows.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypedDict, Union

from gc_jupyter.types import TaskState

#: A row's state travels as its index in this list.
STATES = tuple(state.value for state in TaskState)


class Row(NamedTuple):
    """A row travels as a list of these fields. `state` is an index into STATES, `endpoint` one into
    `TaskTableState.endpoints`. Times are milliseconds since `TaskTableState.origin`. `text` is the
    last line of output while the task runs, and then a preview of the result or the last line of
    the error. `progress` is the amount done and the total (null if unknown)."""

    state: int
    label: str
    endpoint: int
    submitted: int | None = None
    started: int | None = None
    ended: int | None = None
    task_id: str = ""
    text: str = ""
    progress: tuple[float | None, float | None] | None = None


#: The number of rows in a page.
PAGE_ROWS = 100


class TaskTableState(TypedDict):
    """A table's state. `origin` is in unix seconds, `counts` has the order of STATES, and `seq`
    counts the updates that were sent. `run` is the run of a cell that all its tasks are of, as
    the page of runs names it; empty where there is no one run."""

    kind: Literal["task_table"]
    title: str
    origin: float
    size: int
    endpoints: list[str]
    counts: list[int]
    seq: int
    can_rerun: bool
    run: str


#: The comm that a page opens to ask for its outputs.
OUTPUTS_TARGET = "gc_jupyter.outputs"
#: The end of the display id of messages that are for the notebook's file only.
SAVED = "-saved"
#: The MIME type in an output for the model with which our extension draws it, if the model exists.
#: The value is a widget view's. Without the model or the extension, the HTML beside it is shown.
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
    """An output's present content: texts by MIME type, and metadata."""

    data: dict[str, Any]
    metadata: dict[str, Any]


class LoginState(TypedDict):
    """A login's state. `why` is the purpose, `after` what happens after the login, and `message` an
    error or who is signed in."""

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
    """Front end to kernel: the user looks at these pages. Their news go first from now on."""

    type: Literal["view"]
    pages: list[int]


class Show(TypedDict):
    """Front end to kernel: send a row's whole result or traceback, or what a running task has
    printed so far."""

    type: Literal["show"]
    request: str
    row: int


class Shown(TypedDict):
    """Kernel to front end: the answer to `Show`. Every view gets it, and one had asked."""

    type: Literal["shown"]
    request: str
    row: int
    text: str


class Rerun(TypedDict):
    """Front end to kernel: run a row's task again."""

    type: Literal["rerun"]
    row: int


class Stop(TypedDict):
    """Front end to kernel: stop a row's task, or all open tasks (null). The first answer is a
    question. `sure` says that the user has answered yes."""

    type: Literal["stop"]
    request: str
    row: int | None
    sure: bool


class Stopping(TypedDict):
    """Kernel to front end, the answer to `Stop` and `StopTasks`: a question with the label of the
    button that says yes. Without that label, it says what was done or why nothing can be done."""

    type: Literal["stopping"]
    request: str
    text: str
    answer: str


#: The comm that the panel opens to stop a kernel's tasks. Its first message is a `StopTasks`.
STOP_TARGET = "gc_jupyter.stop"


class StopTasks(TypedDict):
    """Panel to kernel: stop the open ones of these tasks, and of the tasks of the cells with these
    execution counts. `request` and `sure` are as of `Stop`; the answer is a `Stopping`."""

    request: str
    tasks: list[str]
    cells: list[int]
    sure: bool


class Code(TypedDict):
    """Front end to kernel: the code that the login page has shown. It is never part of the
    state."""

    type: Literal["code"]
    code: str


FromFrontEnd = Union[Need, View, Show, Rerun, Stop, Code]  # noqa: UP007 - evaluated at run time on 3.10
