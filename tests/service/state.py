"""The running service: its tables, its broker connection, its endpoints' workers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.service.amqp import Amqp
from tests.service.broker import Broker
from tests.service.faults import Faults
from tests.service.interchange import InterchangeWorker, queues
from tests.service.logins import Logins
from tests.service.recorder import Recorder
from tests.service.results import Results
from tests.service.store import Endpoint, Store, new_id
from tests.service.workers import InlineWorker, InstantWorker, OfflineWorker, Worker
from tests.waiting import held_port, number_of

INTERCHANGE_KINDS = {"thread", "process", "parsl"}
KINDS = {"instant", "inline", "offline"} | INTERCHANGE_KINDS


class State:
    """Everything that outlives a request; owned by the service's loop."""

    def __init__(self, broker: Broker, directory: Path, endpoint_python: str, tokens: set[str]):
        self.broker = broker
        self.directory = directory
        self.endpoint_python = endpoint_python
        self.tokens = tokens
        self.url = ""
        self.versions = {
            "api": "1.0.0",
            "min_sdk_version": "2.0.0",
            "min_ep_version": "2.0.0",
        }
        self.faults = Faults()
        self.recorder = Recorder()
        self.store = Store()
        self.logins = Logins(self.faults)
        self.amqp = Amqp(broker.parameters)
        self.results = Results(self.store, self.amqp, self.faults)
        self.workers: dict[str, Worker] = {}

    async def open(self) -> None:
        """Start the broker and connect to it."""
        self.logins.port = self.broker.port
        self._closed = held_port()
        self.logins.closed_port = number_of(self._closed)
        await self.broker.start()
        await self.amqp.open()

    async def close(self) -> None:
        """Stop every worker, then the broker."""
        await asyncio.gather(*(one.stop() for one in self.workers.values()))
        self.amqp.close()
        self.broker.stop()
        self._closed.close()

    async def interrupt_broker(self, how: str, down_s: float) -> None:
        """See `Broker.interrupt`; returns when results flow again."""
        await self.broker.interrupt(how, down_s)
        await self.amqp.open()

    def make_worker(self, endpoint_id: str, kind: str, options: dict[str, Any]) -> Worker:
        """The worker of an endpoint of this kind, not yet started."""
        if kind not in KINDS:
            raise ValueError(f"no such kind of endpoint: {kind}; there are {sorted(KINDS)}")
        if kind == "instant":
            return InstantWorker(endpoint_id, self.results)
        if kind == "offline":
            return OfflineWorker()
        directory = self.directory / endpoint_id
        if kind == "inline":
            options = {"python": self.endpoint_python, **options}
            return InlineWorker(endpoint_id, self.results, directory=directory, **options)
        token = next(iter(self.tokens))
        return InterchangeWorker(endpoint_id, kind, self, directory, token, **options)

    async def add_endpoint(
        self, kind: str, body: dict[str, Any] | None = None, **options: Any
    ) -> Endpoint:
        """An endpoint of one of `KINDS`, ready for tasks."""
        body = {"endpoint_name": kind} | (body or {})
        endpoint_id = new_id()
        worker = self.make_worker(endpoint_id, kind, options)
        endpoint = self.store.add_endpoint(endpoint_id, kind, body)
        endpoint.online = kind in ("instant", "inline")
        self.workers[endpoint_id] = worker
        try:
            await worker.start()
        except Exception:
            await self.remove_endpoint(endpoint)
            raise
        return endpoint

    async def bring_online(self, endpoint: Endpoint, kind: str) -> None:
        """Replace an offline endpoint's worker by one of `kind`, which gets what waited."""
        waiting = self.workers[endpoint.endpoint_id]
        if not isinstance(waiting, OfflineWorker):
            raise ValueError(f"endpoint {endpoint.endpoint_id} is not offline")
        worker = self.make_worker(endpoint.endpoint_id, kind, {})
        await worker.start()
        self.workers[endpoint.endpoint_id] = worker
        endpoint.kind, endpoint.online = kind, True
        worker.submit(waiting.kept)

    async def rest(self, endpoint_ids: list[str]) -> None:
        """End the processes of these endpoints, as far as they are still there."""
        workers = [self.workers[one] for one in endpoint_ids if one in self.workers]
        await asyncio.gather(*(worker.rest() for worker in workers))

    async def remove_endpoint(self, endpoint: Endpoint) -> None:
        """Stop its worker and forget it."""
        del self.store.endpoints[endpoint.endpoint_id]
        await self.workers.pop(endpoint.endpoint_id).stop()

    async def register_endpoint(self, endpoint_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """An endpoint reports itself; it gets its queues and a login of its own."""
        known = self.store.endpoints.get(endpoint_id)
        if known is None:
            known = self.store.add_endpoint(endpoint_id, "registered", body)
            known.online = False
            self.workers[endpoint_id] = OfflineWorker()
        else:
            known.record |= body
            known.name = body["endpoint_name"]
            known.allowed_functions = body.get("allowed_functions", known.allowed_functions)
        return await queues(self, endpoint_id)

    def heartbeat(self, message: bytes) -> str:
        """Note an endpoint's status report; returns its id."""
        data = json.loads(message[1:])["data"]
        endpoint_id = str(data["endpoint_id"])
        report = data.get("global_state") or data.get("ep_status_report") or {}
        endpoint = self.store.endpoints.get(endpoint_id)
        if endpoint is not None:
            endpoint.online = bool(report.get("active", True))
            endpoint.status = {
                name: report[name]
                for name in (
                    "total_workers",
                    "idle_workers",
                    "pending_tasks",
                    "outstanding_tasks",
                    "managers",
                )
                if name in report
            }
        return endpoint_id
