"""Session: the executors of one kernel, with which cells and notebook functions submit tasks."""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import UnknownEndpoint
from gc_jupyter.journal.sessions import Note, Part, placed
from gc_jupyter.protocol.nonces import new_run, nonce_of
from gc_jupyter.session.directory import Directory
from gc_jupyter.session.live import follow
from gc_jupyter.session.stores import Stores
from gc_jupyter.session.target import Target, check_readable, stays_here
from gc_jupyter.session.waiting import interrupted
from gc_jupyter.settings import Settings
from gc_jupyter.types import Endpoint, UUIDLike

if TYPE_CHECKING:
    from gc_jupyter.capture import Captured, CellFuture
    from gc_jupyter.client import Client
    from gc_jupyter.executor import Executor
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.journal import Entry, Journal
    from gc_jupyter.session.futures import NotebookFuture
    from gc_jupyter.session.shell import ShellFuture

Where = Target | Endpoint | UUIDLike | None


class Session:
    """Executors of one kernel, one per target, made at first use.

    Parameters
    ----------
    default_endpoint:
        The endpoint of cells that name none; by default the one in the settings.
    client:
        For endpoints of the web service; by default one of its own, which logs in when needed.
    label_of:
        Gives the label of a notebook file in tracebacks.
    settings:
        Has the aliases and the default endpoint.
    journal:
        Knows earlier kernels' tasks, and endpoints by name.
    """

    def __init__(
        self,
        default_endpoint: UUIDLike | None = None,
        client: Client | None = None,
        label_of: Callable[[str], str] = str,
        settings: Settings | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.default_endpoint = default_endpoint
        self.label_of = label_of
        self.settings = settings or Settings()
        #: Shows the user a line that isn't part of a cell's output.
        self.say: Callable[[str], object] = print
        self.use_journal(journal)
        self.stores = Stores(self)
        #: This kernel's tasks by serial, while they are open or referenced.
        self.tasks: weakref.WeakValueDictionary[int, TaskFuture] = weakref.WeakValueDictionary()
        #: Tasks whose results nobody has seen yet: interrupted, or not waited for.
        self.unseen: dict[int, TaskFuture] = {}
        self._client, self._own_client = client, client is None
        self._executors: dict[str, Executor] = {}
        #: The notebook's names of futures and values -> when their task was submitted.
        self.names: dict[str, float] = {}

    def use_journal(self, journal: Journal | None) -> None:
        """The journal of this kernel."""
        self.journal = journal
        self.directory = Directory(self.settings, self.signed_in, journal, lambda x: self.say(x))

    def use_client(self, client: Client | None) -> None:
        """Submit with this client from now on, through new executors. None: with the session's own
        client, which looks for a login again."""
        self.close_executors()
        if self._own_client and self._client is not None:
            self._client.close()
        self._client, self._own_client = client, client is None

    # --- endpoints -------------------------------------------------------------------------

    def resolve(self, name: UUIDLike | None = None, *, ask: bool = True) -> Endpoint:
        """The endpoint that a name means.

        Parameters
        ----------
        name:
            ``"local"``, a UUID, an alias, or a name that the service lists; None for the default.
        ask:
            Whether to ask the service for names that aren't known here.

        Raises
        ------
        UnknownEndpoint
            The name is none of these, or there is neither a name nor a default.
        """
        name = name or self.default_endpoint or self.settings.get("endpoint")
        if name is None:
            raise UnknownEndpoint(
                "No endpoint is named.",
                next_step="Name one: %%gcrun local runs on this machine, %%gcrun NAME on a"
                " Globus Compute endpoint; %gc use NAME makes it the default.",
            )
        return self.directory.resolve(str(name), ask=ask)

    def target(self, where: Where = None, **options: Any) -> Target:
        """An endpoint as `resolve` finds it, with `Target`'s options."""
        if isinstance(where, Target):
            return where
        endpoint = where if isinstance(where, Endpoint) else self.resolve(where)
        return Target(endpoint, **options)

    def executor(self, where: Where = None) -> Executor:
        """The target's executor, made at first use."""
        from gc_jupyter.executor import Executor

        target = self.target(where)
        if target.key not in self._executors:
            self._executors[target.key] = Executor(
                target.endpoint.endpoint_id,
                None if target.local else self._ready_client(),
                resource_specification=target.resources,
                user_endpoint_config=target.config,
                amqp_port=target.amqp_port,
            )
        return self._executors[target.key]

    @property
    def client(self) -> Client:
        """The web service's client, made at first use; making it prompts nobody."""
        from gc_jupyter.client import Client

        if self._client is None:
            self._client = Client(do_version_check=False)
        return self._client

    def signed_in(self) -> Client | None:
        """The client, if somebody is signed in, else None; prompts nobody."""
        return None if self.client.login().required else self.client

    def _ready_client(self) -> Client:
        client = self.client
        client.login().ensure()
        if self._own_client:
            client.check_version_beside()
        return client

    # --- cells and functions ---------------------------------------------------------------

    def submit_cell(
        self,
        text: str,
        namespace: Mapping[str, Any],
        endpoint: Where = None,
        *,
        label: str = "",
        note: Note | None = None,
        **options: Any,
    ) -> CellFuture:
        """Run a cell's text, with the variables of a namespace that it uses.

        Parameters
        ----------
        text:
            Python code.
        namespace:
            The variables; only those that the cell uses are sent.
        endpoint:
            As for `resolve`, or a `Target`.
        label:
            The task's label.
        note:
            What the journal records of it.
        **options:
            As for `gc_jupyter.capture.capture_cell`: `out`, `value`, `html`, ...

        Returns
        -------
        CellFuture
            At once. Its result is the last expression's value.
        """
        from gc_jupyter.capture import capture_cell

        target = self.target(endpoint)
        captured = capture_cell(text, namespace, **self.stores.sending(target), **options)
        return self.submit(captured, target, label=label, note=note)

    def submit_calls(
        self,
        name: str,
        calls: Sequence[tuple[tuple[Any, ...], dict[str, Any]]],
        namespace: Mapping[str, Any],
        endpoint: Where = None,
        *,
        html: bool = False,
        also: Sequence[str] = (),
        label: str = "",
        tb_limit: int | None = None,
        later: bool = False,
        say: Callable[[list[str]], object] | None = None,
    ) -> list[CellFuture]:
        """Call a namespace's function on an endpoint, once for each `(args, kwargs)`, in one batch.

        Parameters
        ----------
        name, calls, namespace, html, also: as for `gc_jupyter.capture.capture_calls`.
        endpoint, label: as for `submit_cell`; the label is by default the function's name.
        tb_limit, later: frames that a remote traceback shows at most; as for `Stores.sending`.
        say: called before they are sent, with sentences on what stays here (`stays_here`).
        """
        from gc_jupyter.capture import capture_calls

        target = self.target(endpoint)
        sending = self.stores.sending(target, later=later)
        captured = capture_calls(name, calls, namespace, html=html, also=also, **sending)
        if say:
            say(stays_here(captured, target, self.signed_in))
        options: Any = {"tb_limit": tb_limit, "fan_out": len(calls) > 1}
        return self.submit_all(captured, target, [label or name] * len(calls), **options)

    def submit_script(
        self,
        script: str,
        endpoint: Where = None,
        walltime: float | None = None,
        *,
        label: str = "",
        note: Note | None = None,
    ) -> ShellFuture:
        """Run a shell script; its result is a ShellResult.

        Parameters
        ----------
        script:
            The text for bash.
        walltime:
            Seconds after which the script, and all that it started, is ended.
        endpoint, label, note: as for `submit_cell`.
        """
        from gc_jupyter.session.futures import keeping
        from gc_jupyter.session.shell import ShellFuture, capture_script

        target = self.target(endpoint)
        captured = capture_script(script, walltime)
        future = ShellFuture(captured, target.name, self.label_of, label=label)
        future.script = script
        note = note or Note("shell")
        again = partial(self.submit_script, script, target, walltime, label=label)
        future.again = partial(keeping, self.keep, partial(again, note=replace(note)))
        self._send(future, captured, target, note=note)
        return future

    def submit(
        self,
        captured: Captured,
        target: Target,
        call: int | None = None,
        *,
        label: str = "",
        note: Note | None = None,
        tb_limit: int | None = None,
        run: str = "",
    ) -> NotebookFuture:
        """Submit a capture. `call` is the index of one of its calls or values, `run` the common
        part of a fan-out's nonces (`protocol.nonces`)."""
        from gc_jupyter.session.futures import NotebookFuture, keeping

        future = NotebookFuture(captured, target.name, self.label_of, label=label)
        future.tb_limit = tb_limit
        note = placed(note or Note("cell"), self.journal)  # also for a task that is run again
        again: dict[str, Any] = {"label": label, "note": replace(note), "tb_limit": tb_limit}
        submit = partial(self.submit, captured, target, call, **again)
        future.again = partial(keeping, self.keep, submit)
        self._send(future, captured, target, call, note=note, run=run)
        return future

    def submit_all(
        self,
        captured: Captured,
        target: Target,
        labels: Sequence[str],
        *,
        note: Callable[[], Note] | None = None,
        tb_limit: int | None = None,
        fan_out: bool = True,
    ) -> list[CellFuture]:
        """Submit all captured calls or values in one batch, with a label for each. `%gc attach`
        finds those of a fan-out together.

        Raises
        ------
        Interrupted
            The user has interrupted it: none of them is sent.
        """
        note, run = note or partial(Note, "cell"), new_run()
        self.stores.bring(captured, target)
        futures: list[CellFuture] = []
        with self.executor(target).gathering():
            try:
                for call, label in enumerate(labels):
                    options: Any = {"label": label, "note": note(), "tb_limit": tb_limit}
                    if fan_out:
                        options["note"].part = str(Part(run, call, len(labels)))
                    futures.append(self.submit(captured, target, call, run=run, **options))
            except KeyboardInterrupt:
                raise interrupted(futures, target.name) from None
        return futures

    def _send(
        self,
        future: NotebookFuture,
        captured: Captured,
        target: Target,
        call: int | None = None,
        *,
        note: Note,
        run: str = "",
    ) -> None:
        check_readable(target)
        future.fetching = self.stores.bring(captured, target)
        future.on_taken, future.fetcher = self.seen, self.stores.fetcher(target)
        note.endpoint = target.name
        ready = None if future.fetching is None else future.fetching.over
        future._describe(note, nonce_of(run or new_run(), call or 0), ready=ready)
        tag: dict[str, Any] = {"nonce": future.nonce, "kind": note.kind, "label": future.label}
        tag.update(bind=note.bind, part=note.part, config=target.config, sent=time.time())
        tag.update(endpoint=target.endpoint.endpoint_id)
        live = "" if target.local else future.nonce if target.live else None
        of = captured.arguments(call, tag, live)
        self.executor(target).submit_as(future, captured.function, *of)
        self.tasks[future.serial] = future
        if live is not None:
            follow(self, future, target)

    # --- what was seen ---------------------------------------------------------------------

    def keep(self, futures: Sequence[TaskFuture]) -> None:
        """Keep results that nobody has seen yet for `%gc attach`."""
        self.unseen.update((future.serial, future) for future in futures)

    def seen(self, futures: Sequence[TaskFuture]) -> None:
        """Note that these results were shown."""
        for future in futures:
            self.unseen.pop(future.serial, None)
        if self.journal is not None:
            self.journal.seen([one for one in futures if one.task_id])  # others have none

    def unconfirmed(self) -> list[Entry]:
        """This kernel's tasks that the service may or may not have, and that nobody waits for."""
        if (journal := self.journal) is None:
            return []
        entries: list[Entry] = journal.ask(lambda db: db.unconfirmed(journal.session.session), [])
        waited_for = {future.serial for future in self.open_tasks()}
        return [one for one in entries if one.serial not in waited_for]

    def open_tasks(self) -> list[TaskFuture]:
        """This kernel's open tasks, oldest first; any thread."""
        return [one for ref in self.tasks.valuerefs() if (one := ref()) and not one.done()]

    # --- end -------------------------------------------------------------------------------

    def drop_unsent(self, where: Where = None) -> int:
        """Drop the tasks of a target that no request carries yet; returns how many."""
        executor = self._executors.get(self.target(where).key)
        return 0 if executor is None else executor.cancel_unsent()

    def close_executors(self) -> None:
        """Drop the executors; tasks that were sent run on."""
        while self._executors:
            self._executors.popitem()[1].shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Drop executors and connections; tasks that were sent run on. Idempotent."""
        self.close_executors()
        if self._own_client:
            self.use_client(None)
        if self.journal is not None:
            self.journal.close()


_current: Session | None = None


def current_session() -> Session:
    """This process's session, made at first use and closed at exit."""
    global _current
    if _current is None:
        _current = Session()
        atexit.register(_current.close)
    return _current
