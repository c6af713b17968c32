"""A front end that records what is sent to it, in place of a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import comm
import pytest

from gc_jupyter.runtime.loop import close_kernel_loop


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
        """The data of each output, as a notebook would have it by now."""
        return {m["transient"]["display_id"]: m["data"] for m in self.published}


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
