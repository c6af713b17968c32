"""What travels between the two halves of the lab extension. This is the one place that defines it.

`labextension/generate_messages.py` writes the TypeScript twin from here, and a test holds both
equal. All paths are below `{base_url}gc-jupyter/`::

    GET runs?PAGE          -> Page of Run    newest first
    GET tasks?PAGE         -> Page of Task   a run's as they were submitted; all, newest first
    GET failures?run=R     -> list of Failure
    GET endpoints[?ask=1]  -> Endpoints   the service is asked for `ask` alone
    GET status             -> Status
    PUT collecting         Collecting -> Status

PAGE is any of ``text=T&state=S&run=R&offset=N&limit=N`` (`panel.Filter`).
That tasks changed travels on Jupyter's event bus: `TasksChanged` under the schema `TASKS_CHANGED`.
An answer other than 200 is Jupyter's own: ``{"message": str, "reason": str | null}``.
"""

from __future__ import annotations

from typing import TypedDict

NAMESPACE = "gc-jupyter"
TASKS_CHANGED = "https://schema.gc-jupyter.org/tasks/v1"
#: Rows of a page where no limit is given, and the most that may be.
PAGE_ROWS = 200
MOST_ROWS = 10_000


class Task(TypedDict):
    """A row, as an object. Times are unix seconds. `notebook` is a path of the server's contents,
    or an absolute one where it is elsewhere. `state` is one of the words of `TaskState`; `seen`
    says that its result was shown; `kernel_alive` that its kernel may still run, which then has the
    result itself; `collected` that the server keeps its result; `progress` how much of it is done,
    from 0 to 1, while it runs and has said so. (Whether a cell that was
    collected has raised is in its reply, which only a kernel reads: it is a "success" here.)"""

    task_id: str
    group_id: str
    endpoint_id: str
    endpoint: str
    label: str
    kind: str
    notebook: str
    cell_id: str
    execution_count: int
    state: str
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    error: str
    seen: bool
    kernel_alive: bool
    collected: bool
    progress: float | None


class Run(TypedDict):
    """All tasks of one run of a cell. `run` names it here, `ids` for ``%gc attach`` (empty where no
    one id says it). `label` is the cell's, or its first line. `tasks` counts them, and `open`,
    `failed` and `cancelled` those of them that haven't ended, or have ended so. `state` is a word
    of `TaskState`; `ended_at` is None while anything is open; `error` is one of its errors. `seen`
    says that nothing has ended whose result wasn't shown; `collected` that the server keeps one;
    `progress` is the sum of what its open tasks say of theirs, None where they say nothing."""

    run: str
    label: str
    notebook: str
    cell_id: str
    execution_count: int
    endpoint: str
    ids: str
    tasks: int
    open: int
    failed: int
    cancelled: int
    state: str
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    error: str
    seen: bool
    kernel_alive: bool
    collected: bool
    progress: float | None


#: The order of a row's fields, and those of them that are true or false.
COLUMNS = tuple(Task.__annotations__)
RUN_COLUMNS = tuple(Run.__annotations__)
BOOLEAN = ("seen", "kernel_alive", "collected")


class Failure(TypedDict):
    """An error, how many tasks of a run have ended with it, and the traceback of one of them: empty
    where the journal has none."""

    error: str
    tasks: int
    traceback: str


class JournalState(TypedDict):
    """Where the journal is, and what is wrong with it; empty texts while all is well."""

    path: str
    problem: str
    next_step: str


class Page(TypedDict):
    """A row has the fields of `Task` or `Run`, in the order of `columns`; `total` counts all rows
    that were asked for, of every page."""

    columns: list[str]
    rows: list[list[str | float | bool | None]]
    total: int
    journal: JournalState


class Endpoint(TypedDict):
    """`at` is when the rest was heard, in unix seconds: 0 for never; `owner` is whose it is, in
    words. Texts may be empty."""

    endpoint_id: str
    name: str
    alias: str
    status: str
    python: str
    owner: str
    at: float


class Endpoints(TypedDict):
    """`default` is the name or id that a cell without one uses; `who` is signed in; `notice` is the
    site's line for everybody, with the address of a page about it."""

    signed_in: bool
    who: str
    default: str
    problem: str
    next_step: str
    notice: str
    notice_link: str
    endpoints: list[Endpoint]


class Status(TypedDict):
    """`open` counts the tasks that haven't ended, `collected` the results that are kept."""

    version: str
    collecting: bool
    open: int
    collected: int
    problem: str
    next_step: str


class Collecting(TypedDict):
    """Whether the server collects results of tasks whose kernels are gone."""

    on: bool


class Here(TypedDict):
    """What a kernel itself says, asked by the notebook's front end: the endpoint of cells that name
    none, by `%gc use` or `%config`; empty where only settings decide."""

    endpoint: str


class TasksChanged(TypedDict):
    """`changed` counts the notices of this server."""

    changed: int
