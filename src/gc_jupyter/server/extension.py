"""GCJupyter: the extension as Jupyter Server loads it, configures it and stops it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from functools import partial
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool

from gc_jupyter import __version__
from gc_jupyter.client import Client
from gc_jupyter.journal import Journal, KernelSession, journal_path
from gc_jupyter.server import metrics, panel, runs
from gc_jupyter.server.activity import Activity
from gc_jupyter.server.handlers import routes
from gc_jupyter.server.keeper import Keeper
from gc_jupyter.server.messages import (
    TASKS_CHANGED,
    Failure,
    JournalState,
    Status,
    TasksChanged,
)
from gc_jupyter.server.notices import SCHEMA, SLOW_STEP, JournalWatch, Notices
from gc_jupyter.server.processes import Processes
from gc_jupyter.settings import Settings


class GCJupyter(ExtensionApp):  # type: ignore[misc, unused-ignore]
    """Shows the tasks of all kernels, and collects results for kernels that have ended.

    ``c.GCJupyter.collect_results = True`` in Jupyter's configuration switches collecting on. The
    user's own choice, in the panel or by ``%gc config collect_results``, wins.
    """

    name = "gc_jupyter"

    collect_results = Bool(
        False,
        help="Collect results of tasks whose kernels have ended, and keep them in the journal."
        " The user's own setting wins.",
    ).tag(config=True)

    def initialize_handlers(self) -> None:
        """See ExtensionApp."""
        self.user_settings = Settings(projects=False)
        self.journal = Journal(journal_path(), KernelSession.here())
        #: Has the user's login. It never asks anybody to sign in: nobody could answer here.
        self.client = Client(do_version_check=False)
        #: Endpoint id -> its owner, as far as known. The server's loop adds to it.
        self.owners: dict[str, str] = {}
        self._keeper: Keeper | None = None  # set on the server's loop only
        self._watch: JournalWatch | None = None
        self._looking: asyncio.Task[None] | None = None
        self.handlers.extend(routes(self))
        server = self._server()
        assert server.event_logger is not None
        server.event_logger.register_event_schema(SCHEMA)
        server.io_loop.add_callback(self._start)

    def _server(self) -> ServerApp:
        assert self.serverapp is not None
        return self.serverapp

    # --- following the kernels -------------------------------------------------------------

    async def _start(self) -> None:
        self._notices = Notices(self._tell)
        self._processes = Processes(self._notices.changed)
        self._activity = Activity(self._mark)
        self._watch = JournalWatch(self.journal.path, self._notices.changed)
        await self._look()

    def _tell(self, notice: TasksChanged) -> None:
        logger = self._server().event_logger
        assert logger is not None
        logger.emit(schema_id=TASKS_CHANGED, data={**notice})
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        """Watch the kernels that run now. The keeper handles those that have ended."""
        here = self.journal.session
        nobody: list[KernelSession] = []
        ask = partial(self.journal.ask, lambda db: panel.running(db, here), nobody)
        self._processes.watch(one.pid for one in await asyncio.to_thread(ask))
        await self.follow_the_setting()
        metrics.show_keeper(self._keeper)
        self._activity.learn(await asyncio.to_thread(self._numbers))

    def _numbers(self) -> dict[str, float]:
        """Update the journal's metrics; returns kernel -> until when its tasks count. Blocks."""
        here, hours = self.journal.session, float(self.user_settings.get("active_hours") or 0)
        counts: dict[str, int] = {}
        metrics.show_tasks(
            self.journal.ask(panel.states, counts),
            self.journal.ask(lambda db: panel.counts(db, here)[1], 0),
        )
        until: dict[str, float] = {}
        if not hours:
            return until
        on = self._keeper is not None
        ask = partial(panel.active_until, here=here, hours=hours, collecting=on)
        return self.journal.ask(ask, until)

    def _mark(self, kernels: Collection[str]) -> None:
        """Count this moment as activity of these kernels; an empty id means this server."""
        server, now = self._server(), datetime.now(timezone.utc)
        manager: Any = server.kernel_manager
        ours = [one for one in kernels if one in manager]
        for one in ours:
            manager.get_kernel(one).last_activity = now
        if ours or "" in kernels:
            server.web_app.settings["last_activity_times"]["gc_jupyter"] = now

    async def stop_extension(self) -> None:
        """See ExtensionApp."""
        if self._watch is not None:
            await self._watch.close()
            self._notices.close()
            self._activity.close()
            self._processes.close()
        await self._collect(False)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.client.close()
        self.journal.close()

    # --- collecting ------------------------------------------------------------------------

    async def switch(self, on: bool) -> None:
        """Switch collecting on or off, and write it to the user's settings."""
        self.user_settings.set("collect_results", on)
        await self.follow_the_setting()

    async def follow_the_setting(self) -> None:
        """Switch collecting on or off, as the user's or the server's settings say now."""
        for line in self.user_settings.notices():
            self.log.warning("%s", line)
        if self.user_settings.tells("collect_results"):  # otherwise the file can't be read
            chosen = self.user_settings.get("collect_results")
            await self._collect(self.collect_results if chosen is None else chosen)

    async def _collect(self, on: bool) -> None:
        keeper = self._keeper
        if on and keeper is None:
            port = self.user_settings.get("amqp_port")
            self._keeper = Keeper(self.journal.path, self.client, port=port)
        elif on and keeper is not None:
            keeper.look()
        elif keeper is not None:
            self._keeper = None
            await asyncio.to_thread(keeper.close)

    # --- answers ---------------------------------------------------------------------------

    def rows(self, question: Callable[..., str], wanted: panel.Filter) -> str:
        """The answer to `GET tasks` or `GET runs`, as JSON. Blocks."""
        here = self.journal.session
        good = JournalState(path=str(self.journal.path), problem="", next_step="")
        self.journal.problem = ""  # what an earlier request met
        root = str(self._server().root_dir)
        text = self.journal.ask(lambda db: question(db, here, wanted, good, root), "")
        if text:
            return text
        problem, _, next_step = self.journal.problem.partition(": ")
        bad = JournalState(path=good["path"], problem=problem, next_step=next_step)
        return panel.page("[]", (), 0, bad)

    def failures(self, run: str) -> list[Failure]:
        """The answer to `GET failures`. Blocks."""
        here = self.journal.session
        nothing: list[Failure] = []
        return self.journal.ask(lambda db: runs.failures(db, here, run), nothing)

    def status(self) -> Status:
        """The answer to `GET status`. Blocks."""
        here = self.journal.session
        keeper = self._keeper
        problem, next_step = keeper.problem if keeper is not None else ("", "")
        if not problem and self._watch is not None and self._watch.problem:
            problem, next_step = self._watch.problem, SLOW_STEP
        pending, collected = self.journal.ask(lambda db: panel.counts(db, here), (0, 0))
        return {
            "version": __version__,
            "collecting": keeper is not None,
            "open": pending,
            "collected": collected,
            "problem": problem,
            "next_step": next_step,
        }
