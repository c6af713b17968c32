"""The real endpoint as a worker: its interchange in a process of its own, over the broker."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.service.workers import Job, worker_environment

if TYPE_CHECKING:
    from tests.service.state import State

_SCRIPT = Path(__file__).with_name("interchange_process.py")
_START_LIMIT_S = 90.0
_STOP_LIMIT_S = 10.0


async def queues(state: State, endpoint_id: str) -> dict[str, Any]:
    """Declare an endpoint's queues; returns its registration record."""
    names = {
        exchange: f"{endpoint_id}.{exchange}" for exchange in ("tasks", "results", "heartbeats")
    }
    for exchange, queue in names.items():
        await state.amqp.declare(queue, exchange)
    url = state.logins.new_url(endpoint_id)

    def writes(exchange: str) -> dict[str, Any]:
        return {
            "connection_url": url,
            "exchange": exchange,
            "queue": names[exchange],
            "queue_publish_kwargs": {
                "exchange": exchange,
                "routing_key": names[exchange],
                "mandatory": True,
                "properties": {"delivery_mode": 2},
            },
        }

    return {
        "endpoint_id": endpoint_id,
        "task_queue_info": {"connection_url": url, "exchange": "tasks", "queue": names["tasks"]},
        "result_queue_info": writes("results"),
        "heartbeat_queue_info": writes("heartbeats"),
    }


class InterchangeWorker:
    """`engine` is `thread`, `process` or `parsl`."""

    def __init__(
        self, endpoint_id: str, engine: str, state: State, directory: Path, token: str
    ) -> None:
        self._endpoint_id = endpoint_id
        self._engine = engine
        self._state = state
        self._directory = directory
        self._token = token
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the interchange; return at its first heartbeat."""
        self._directory.mkdir(parents=True, exist_ok=True)
        await queues(self._state, self._endpoint_id)
        alive: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_heartbeat(message: bytes) -> None:
            self._state.heartbeat(message)
            if not alive.done():
                alive.set_result(None)

        amqp = self._state.amqp
        await amqp.consume(f"{self._endpoint_id}.results", self._state.results.arrived)
        await amqp.consume(f"{self._endpoint_id}.heartbeats", on_heartbeat)
        environment = worker_environment(self._directory) | {
            "GLOBUS_SDK_SERVICE_URL_COMPUTE": self._state.url,
            "LOOPBACK_TOKEN": self._token,
        }
        log_path = self._directory / "interchange.log"
        with log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._state.endpoint_python,
                str(_SCRIPT),
                self._endpoint_id,
                self._engine,
                str(self._directory),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self._directory,
                start_new_session=True,
            )
        ended = asyncio.ensure_future(self._process.wait())
        await asyncio.wait(
            {ended, alive}, timeout=_START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED
        )
        ended.cancel()
        if not alive.done():
            tail = log_path.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"the {self._engine} endpoint did not start:\n{tail}")

    def submit(self, jobs: list[Job]) -> None:
        """Put these tasks on the endpoint's queue."""
        queue = f"{self._endpoint_id}.tasks"
        for job in jobs:
            self._state.amqp.publish(queue, job.message(), exchange="tasks", headers=job.headers())

    async def rest(self) -> None:
        """End the endpoint, which takes no task after that."""
        await self.stop()

    async def stop(self) -> None:
        """End the endpoint, which takes its workers with it; kill it if it doesn't."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_LIMIT_S)
        except asyncio.TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
