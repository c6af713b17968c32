"""Who runs an endpoint's tasks: `instant`, `inline`, `offline`; the real ones: interchange.py."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import pickle
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.service.results import Results
from tests.service.store import SUCCESS, Task

_INLINE_SCRIPT = Path(__file__).with_name("inline_worker.py")


@dataclass(slots=True)
class Job:
    """One task as a worker gets it."""

    task: Task
    body: str  # packed function, args and kwargs
    resource_specification: dict[str, Any] | None
    result_serializers: list[str]

    def headers(self) -> dict[str, Any]:
        """What goes beside the message."""
        return {
            "function_uuid": self.task.function_id,
            "task_uuid": self.task.task_id,
            "resource_specification": json.dumps(self.resource_specification),
            "result_serializers": self.result_serializers,
        }

    def message(self) -> bytes:
        """The bytes of a task message (protocol: Messages)."""
        data = {
            "task_id": self.task.task_id,
            "container_id": None,
            "container": None,
            "task_buffer": self.body,
        }
        return b"\x01" + json.dumps({"message_type": "task", "data": data}).encode()


class Worker(Protocol):
    """What stands behind an endpoint."""

    async def start(self) -> None:
        """Return once tasks will be taken."""

    def submit(self, jobs: list[Job]) -> None:
        """Take these tasks; their results go to `Results`."""

    async def rest(self) -> None:
        """End the processes once they have no task: nobody is expected to send another one."""

    async def stop(self) -> None:
        """Release processes."""


class InstantWorker:
    """Answers None at once, running nothing: what a client costs by itself is measured on it."""

    def __init__(self, endpoint_id: str, results: Results) -> None:
        self._results = results
        none = "00\n" + codecs.encode(pickle.dumps(None, protocol=4), "base64").decode()
        data = {
            "task_id": "TASK",
            "data": none,
            "details": {
                "os": platform.platform(),
                "python_version": platform.python_version(),
                "dill_version": "0.3.9",
                "globus_compute_sdk_version": "4.19.0",
                "endpoint_id": endpoint_id,
            },
            "error_details": None,
            "task_statuses": [
                {"timestamp": "NOW", "state": state, "actor": "worker"}
                for state in ("execution-start", "execution-end")
            ],
        }
        text = json.dumps({"message_type": "result", "data": data}, separators=(",", ":"))
        self._template = ("\x01" + text).replace('"NOW"', "NOW")
        self._none, self._details = none, data["details"]

    async def start(self) -> None:
        """Nothing to start."""

    def submit(self, jobs: list[Job]) -> None:
        """Answer in the loop's next turn, after the reply to the request has left."""
        asyncio.get_running_loop().call_soon(self._answer, jobs)

    def _answer(self, jobs: list[Job]) -> None:
        template = self._template.replace("NOW", str(time.time_ns()))
        now = str(time.time())
        for job in jobs:
            task = job.task
            task.status, task.result = SUCCESS, self._none
            task.details, task.completion_t = self._details, now
            self._results.pass_on(task, template.replace("TASK", task.task_id).encode())

    async def rest(self) -> None:
        """Nothing to end."""

    async def stop(self) -> None:
        """Nothing to stop."""


class InlineWorker:
    """Processes that run the endpoint's own `execute_task` and answer at once.

    `python` is an interpreter with globus-compute-endpoint; `count` processes take the tasks in
    order, with `environment` beside that of a cluster. One that dies costs the task in its hands,
    as a real engine's would.
    """

    def __init__(
        self,
        endpoint_id: str,
        results: Results,
        python: str,
        directory: Path,
        count: int = 1,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._endpoint_id = endpoint_id
        self._results = results
        self._python = python
        self._directory = directory
        self._count = count
        self._environment = environment or {}
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue()  # None ends a runner
        self._runners: list[asyncio.Task[None]] = []
        self._resting = False

    async def start(self) -> None:
        """Start the processes; they answer as soon as they have imported what they need."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._start_runners()

    def _start_runners(self) -> None:
        self._resting = False
        busy = [runner for runner in self._runners if not runner.done()]
        self._runners = busy + [asyncio.create_task(self._run()) for _ in range(self._count)]

    def submit(self, jobs: list[Job]) -> None:
        """Queue these tasks; processes that rest start anew."""
        for job in jobs:
            self._jobs.put_nowait(job)
        if self._resting:
            self._start_runners()

    async def rest(self) -> None:
        """End each process as soon as it has no task."""
        if not self._resting:
            self._resting = True
            for _ in range(self._count):
                self._jobs.put_nowait(None)

    async def _run(self) -> None:
        while True:
            process = await self._spawn()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                while True:
                    if (job := await self._jobs.get()) is None:
                        return
                    header = json.dumps(job.headers()).encode()
                    for part in (header, job.message()):
                        process.stdin.write(len(part).to_bytes(4, "big") + part)
                    try:
                        size = int.from_bytes(await process.stdout.readexactly(4), "big")
                        message = await process.stdout.readexactly(size)
                    except asyncio.IncompleteReadError:
                        self._results.arrived(_lost(job, await process.wait()))
                        break
                    self._results.arrived(message)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def _spawn(self) -> asyncio.subprocess.Process:
        with (self._directory / "worker.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                self._python,
                str(_INLINE_SCRIPT),
                self._endpoint_id,
                str(self._directory),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=worker_environment(self._directory) | self._environment,
                cwd=self._directory,
                limit=64 * 1024 * 1024,
            )

    async def stop(self) -> None:
        """Kill the processes."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)


class OfflineWorker:
    """Keeps every task and answers none."""

    def __init__(self) -> None:
        self.kept: list[Job] = []

    async def start(self) -> None:
        """Nothing to start."""

    def submit(self, jobs: list[Job]) -> None:
        """Keep these tasks."""
        self.kept.extend(jobs)

    async def rest(self) -> None:
        """Nothing to end."""

    async def stop(self) -> None:
        """Nothing to stop."""


def worker_environment(directory: Path) -> dict[str, str]:
    """A cluster's environment: nothing of this session's Python or home."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(directory)}


def _lost(job: Job, code: int) -> bytes:
    # As the interchange reports Parsl's WorkerLost: no details, its own times only.
    rule = 68
    text = (
        f"{'+' * rule}\nTraceback (most recent call last):\n"
        "parsl.executors.high_throughput.errors.WorkerLost: Task failure due to loss of worker 0"
        f" on host {platform.node()} (exit code {code})\n{'-' * rule}"
    )
    user_message = "An error occurred during the execution of this task"
    now = time.time_ns()
    data = {
        "task_id": job.task.task_id,
        "data": text,
        "details": None,
        "error_details": {"code": "RemoteExecutionError", "user_message": user_message},
        "task_statuses": [
            {"timestamp": now, "state": state, "actor": "interchange"}
            for state in ("waiting-for-launch", "execution-end")
        ],
    }
    return b"\x01" + json.dumps({"message_type": "result", "data": data}).encode()
