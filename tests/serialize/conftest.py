"""The official SDK in the endpoint's environment: one process for all tests."""

from __future__ import annotations

import base64
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from gc_jupyter.protocol.messages import ResultMessage, TaskMessage, pack_task, unpack_result
from gc_jupyter.serialize import ComputeSerializer

HERE = pathlib.Path(__file__).parent


class Official:
    """Asks the process of `official_side.py`."""

    def __init__(self, python: str, directory: pathlib.Path) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [str(python), str(HERE / "official_side.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(directory / "stderr").open("w"),
            cwd=directory,
            text=True,
        )

    def ask(self, operation: str, **request: Any) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"operation": operation, **request}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, (self.directory / "stderr").read_text()
        reply = json.loads(line)
        assert "error" not in reply, reply["error"]
        return str(reply["value"])

    def execute(self, code: str, *args: Any, **kwargs: Any) -> ResultMessage:
        """Run serialized code as a worker does, with args in the default strategy."""
        data = ComputeSerializer()
        buffers = data.pack_buffers([code, data.serialize(args), data.serialize(kwargs)])
        task = pack_task(TaskMessage("3a1e2c5e-9b0b-4c4e-8d5e-111111111111", buffers))
        reply = self.ask(
            "execute", task=base64.b64encode(task).decode(), directory=str(self.directory)
        )
        return unpack_result(base64.b64decode(reply))

    def run(self, code: str, *args: Any, **kwargs: Any) -> Any:
        """The value that `execute` gives."""
        message = self.execute(code, *args, **kwargs)
        assert message.error_code is None, message.data
        return ComputeSerializer().deserialize(message.data)


@pytest.fixture(scope="session")
def official(endpoint_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Official]:
    """The official SDK and the worker's own code path, without gc_jupyter."""
    official = Official(endpoint_python, tmp_path_factory.mktemp("official"))
    yield official
    assert official.process.stdin is not None
    official.process.stdin.close()
    official.process.wait(timeout=30)
