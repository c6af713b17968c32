"""What reads remote bytes: each target takes any bytes, and fails with its own error or not at all.

Used by `test_targets.py` (hypothesis, in `make test`) and by `run.py` (atheris, `make fuzz`).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pika
from pika import BasicProperties, spec
from pika.frame import Body, Header, Method

from gc_jupyter.auth.globus_data import decode_globus_data
from gc_jupyter.capture import Captured, CellFuture
from gc_jupyter.errors import BadReply, ComputeError, DeserializationError, LoginMisconfigured
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.protocol.deliveries import INCOMPLETE, Delivery, read_delivery
from gc_jupyter.protocol.failures import task_error
from gc_jupyter.protocol.messages import (
    ResultMessage,
    TaskMessage,
    pack_result,
    pack_task,
    ran,
    unpack_result,
    unpack_task,
)
from gc_jupyter.remote_text import harmless, one_line
from gc_jupyter.serialize import (
    ComputeSerializer,
    JSONData,
    PureSourceTextInspect,
    pack_buffers,
    unpack_buffers,
)
from gc_jupyter.service.globus import task_status
from gc_jupyter.types import TaskInfo

JSON_ONLY = ComputeSerializer(allowed_deserializer_types=[JSONData, PureSourceTextInspect])


def text_of(data: bytes) -> str:
    """Any text, half characters included."""
    return data.decode("utf-8", "surrogatepass" if len(data) % 2 else "replace")


def result_message(data: bytes) -> None:
    """A message of the result stream, and all that is made of it before it is decoded."""
    try:
        message = unpack_result(data)
    except DeserializationError as error:
        assert len(str(error)) < 300  # noqa: PT017 - most bytes are no message
        return
    info = ran(TaskInfo("t", submitted_at=1.0), message)
    assert info.worker is None or info.worker.os.isprintable()
    if message.error_code is not None:
        str(task_error(message.data, code=message.error_code, details=message.details))
    pack_result(message)


def task_message(data: bytes) -> None:
    """A task's message, as the local host reads it."""
    with contextlib.suppress(DeserializationError):
        message = unpack_task(data)
        assert unpack_task(pack_task(message)) == message


def result_data(data: bytes) -> None:
    """The data of a result message in their envelope: what a worker can write."""
    result_message(b'\x01{"message_type": "result", "data": ' + data + b"}")


def service_reply(data: bytes) -> None:
    """A task of a `batch_status` reply."""
    with contextlib.suppress(ValueError, RecursionError):
        reply = json.loads(data)
        if isinstance(reply, dict):
            status = task_status("t", reply)
            str(task_error(status.exception or "", details=status.details))


def packed_buffers(data: bytes) -> None:
    """A task's body."""
    text = data.decode("latin-1")
    with contextlib.suppress(DeserializationError):
        assert len(pack_buffers(unpack_buffers(text))) <= len(text)


def result_text(data: bytes) -> None:
    """A result's text, where only JSON is allowed."""
    with contextlib.suppress(DeserializationError, UnicodeDecodeError):
        JSON_ONLY.deserialize_result(text_of(data))


def cell_reply(data: bytes) -> None:
    """A cell's reply, of whatever shape."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    future = CellFuture(Captured(SourceFunction("cell", ""), b"", {}, {}, {}), "polaris")
    try:
        future.decode(value)
    except BadReply:
        pass
    except ComputeError as error:  # it has described a failure
        str(error)


def globus_data(data: bytes) -> None:
    """JupyterHub's GLOBUS_DATA."""
    with contextlib.suppress(LoginMisconfigured):
        decode_globus_data(data.decode("latin-1"))


def globus_data_pickle(data: bytes) -> None:
    """The pickle in it."""
    import base64

    globus_data(base64.b64encode(data))


def amqp_delivery(data: bytes) -> None:
    """The bytes of the broker's connection."""
    if not data:
        return
    found = read_delivery(data, 0)
    assert found is None or found == INCOMPLETE or isinstance(found, Delivery)
    if isinstance(found, Delivery):
        assert found.end <= len(data)
        assert data[found.end - 1 - len(found.body) : found.end - 1] == found.body


def shown_text(data: bytes) -> None:
    """Text that is shown."""
    with contextlib.suppress(UnicodeDecodeError):
        text = text_of(data)
        shown = harmless(text)
        assert not set(shown) & set("\x07\x00\x7f\x9b\x9d")
        assert harmless(shown) == shown
        shown.encode()
        assert one_line(text).isprintable()


def _envelope(message: Any) -> bytes:
    return pack_result(message)


def _frames() -> bytes:
    method = spec.Basic.Deliver("c", 7, False, "", "")
    header = Header(1, 2, BasicProperties(headers={"a": True}))
    frames: list[pika.frame.Frame] = [Method(1, method), header, Body(1, b"hi")]
    return b"".join(one.marshal() for one in frames)


_FAILED = ResultMessage("t", "Traceback", {"os": "Linux"}, "WorkerLost", "gone", 1, 2)
_REPLY: dict[str, Any] = {
    **{"version": 1, "events": [["stdout", "x"], ["display", {"text/plain": "a"}]], "host": "n"},
    **{"seconds": 1.0, "python": "3", "out": {}, "value": None},
}
_ERROR: dict[str, Any] = {
    **{"type": "E", "lines": "E: no", "frames": [["f", 1, "f", "x"]], "while": "", "missing": None},
    **{"pickle": None, "parts": None, "cause": None, "context": None},
}
_VALUE = {"repr": "1", "type": "int", "reason": "", "pickle": None, "bundle": {"text/plain": "1"}}

#: Target -> examples of what it reads.
TARGETS: dict[Callable[[bytes], None], list[bytes]] = {
    result_message: [_envelope(_FAILED), _envelope(ResultMessage("t", "11\n1"))],
    task_message: [pack_task(TaskMessage("t", "1\na"))],
    result_data: [_envelope(_FAILED)[36:-1]],
    service_reply: [b'{"status": "success", "result": "11\\n1", "details": {"os": "L"}}'],
    packed_buffers: [b"1\na2\nbc", b"0\n"],
    result_text: [b"11\n[1, 2]", b"13\n5\n11\n[1", b"00\nabc", b"st\nf:x", b"12\n3\nst\n"],
    cell_reply: [
        json.dumps({**_REPLY, "error": None, "value": _VALUE, "out": {"x": _VALUE}}).encode(),
        json.dumps({**_REPLY, "error": {**_ERROR, "cause": _ERROR}}).encode(),
    ],
    globus_data: [b"gARLAS4=", b"gAR9lC4="],
    globus_data_pickle: [b"\x80\x04}\x94\x8c\x01a\x94K\x01s.", b"(dp0\nVa\np1\nI1\ns."],
    amqp_delivery: [_frames()],
    shown_text: [b"\x1b[31mred\x1b[0m\x1b]0;t\x07", b"\x1b]52;c;aGk=\x1b\\"],
}
