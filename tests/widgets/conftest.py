"""A front end that records what is sent to it, in place of a notebook; tasks that a test moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import comm
import pytest

from gc_jupyter import TaskFuture
from gc_jupyter.runtime.loop import close_kernel_loop, kernel_loop
from gc_jupyter.types import Hold, TaskEvent, TaskInfo, TaskState
from gc_jupyter.widgets import TaskTable
from gc_jupyter.widgets.messages import STATES, Row


class RecordingComm(comm.base_comm.BaseComm):  # type: ignore[misc]
    """The kernel's end of a widget's connection; `sent` is what a front end would get."""

    made: list[RecordingComm] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.made.append(self)
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, **_: Any) -> None:
        self.sent.append({"msg_type": msg_type, **(data or {})})

    def receive(self, content: dict[str, Any]) -> None:
        """A user did something."""
        data = {"method": "custom", "content": content}
        self.handle_msg({"content": {"data": data}, "buffers": []})

    @property
    def front_end(self) -> dict[str, Any]:
        """The state that a front end would have by now."""
        state: dict[str, Any] = {}
        for message in self.sent:
            state |= message.get("state", {})
        return state

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [m["state"] for m in self.sent if m.get("method") == "update"]

    @property
    def custom(self) -> list[dict[str, Any]]:
        return [m["content"] for m in self.sent if m.get("method") == "custom"]


class Publisher:
    """Records what is displayed."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish(self, **message: Any) -> None:
        self.published.append(message)

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """The data of each output, as a notebook would have it by now: it passes over updates of
        what it doesn't show, such as those that the lab extension saves."""
        outputs: dict[str, dict[str, Any]] = {}
        for message in self.published:
            display_id = message["transient"]["display_id"]
            if display_id in outputs or not message.get("update"):
                outputs[display_id] = message["data"]
        return outputs


class Shell:
    """What a widget uses of IPython's shell in a notebook."""

    def __init__(self) -> None:
        self.display_pub = Publisher()
        self.kernel = type("Kernel", (), {"_allow_stdin": True})()


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A notebook in place; its comms are in `RecordingComm.made`."""
    shell = Shell()
    RecordingComm.made.clear()
    monkeypatch.setattr("gc_jupyter.widgets.front_end.shell", lambda: shell)
    monkeypatch.setattr("gc_jupyter.widgets.live_widget.shell", lambda: shell)
    monkeypatch.setattr("comm.create_comm", RecordingComm)
    monkeypatch.delenv("GC_JUPYTER_NONINTERACTIVE", raising=False)
    yield shell
    close_kernel_loop()  # and every timer with it


class Runtime:
    """Announces what a test says, as a Dispatcher would."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Sequence[TaskEvent]], None]] = []
        self.hold: Hold | None = None

    def watch(self, listener: Callable[[Sequence[TaskEvent]], None]) -> None:
        self.listeners.append(listener)

    def unwatch(self, listener: Callable[[Sequence[TaskEvent]], None]) -> None:
        self.listeners.remove(listener)

    def announce(self, state: TaskState, *futures: TaskFuture) -> None:
        events = [TaskEvent(f.serial, state, time.time(), f.label, f.info) for f in futures]
        kernel_loop().ask(lambda: [listener(events) for listener in self.listeners])


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


def futures_of(runtime: Runtime, count: int, label: str = "square") -> list[TaskFuture]:
    futures = [TaskFuture(serial=100 + n, label=label) for n in range(count)]
    for number, future in enumerate(futures):
        future.source = runtime  # type: ignore[assignment]
        future._info = TaskInfo(f"id-{number}", submitted_at=time.time())
        future.set_running_or_notify_cancel()
    return futures


def flushed(table: TaskTable) -> RecordingComm:
    """The table's front end, once nothing is left to send."""
    quiet(table)
    return RecordingComm.made[-1]


def quiet(table: TaskTable) -> None:
    """Wait until nothing is left to send."""
    done = threading.Event()

    def look() -> None:
        if not table._rows.dirty or table.settled:
            done.set()
        else:
            kernel_loop().aio.call_later(0.01, look)

    kernel_loop().call(look)
    assert done.wait(60)


def shown(comm: RecordingComm) -> list[dict[str, Any]]:
    state = comm.front_end
    rows: list[list[Any]] = []
    for page in range(-(-state["size"] // 100)):
        rows += state[f"page_{page}"]
    return [{**Row(*row)._asdict(), "state": STATES[Row(*row).state]} for row in rows]
