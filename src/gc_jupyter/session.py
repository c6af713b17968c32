"""Session: endpoints by name, an executor for each, and cells and notebook functions run on them.

This is what the magics call, and the plain Python API for hosts without magics.
"""

from __future__ import annotations

import atexit
import difflib
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import UnknownEndpoint
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, Endpoint, UUIDLike

if TYPE_CHECKING:
    from gc_jupyter.capture import Captured, CellFuture
    from gc_jupyter.client import Client
    from gc_jupyter.executor import Executor


class Session:
    """Executors of one kernel, one per endpoint, made at first use.

    Parameters
    ----------
    default_endpoint:
        Used where none is named.
    client:
        For endpoints of the web service; by default one of its own, which logs in when needed.
    label_of:
        Names the notebook's files in tracebacks.
    """

    def __init__(
        self,
        default_endpoint: UUIDLike | None = None,
        client: Client | None = None,
        label_of: Callable[[str], str] = str,
    ) -> None:
        self.default_endpoint = default_endpoint
        self.label_of = label_of
        self._client = client
        self._own_client = client is None
        self._executors: dict[str, Executor] = {}

    # --- endpoints -------------------------------------------------------------------------

    def resolve(self, name: UUIDLike | None = None) -> Endpoint:
        """The endpoint that a user means.

        Parameters
        ----------
        name:
            ``"local"`` or a UUID; None for the default.

        Raises
        ------
        UnknownEndpoint
            Neither, or none given and no default set.
        """
        name = self.default_endpoint if name is None else name
        if name is None:
            raise UnknownEndpoint(
                "No endpoint is named.",
                next_step="Name one: %%gcrun local runs on this machine, %%gcrun UUID on a"
                " Globus Compute endpoint.",
            )
        text = str(name).strip()
        if text in (LOCAL_NAME, LOCAL_ENDPOINT_ID):
            return Endpoint(LOCAL_ENDPOINT_ID, LOCAL_NAME)
        try:
            return Endpoint(str(uuid.UUID(text)))
        except ValueError:
            close = difflib.get_close_matches(text.lower(), [LOCAL_NAME], cutoff=0.5)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            raise UnknownEndpoint(
                f"{text!r} is not an endpoint: neither 'local' nor a UUID.{meant}",
                next_step="An endpoint's UUID is shown by `globus-compute-endpoint list` and at"
                " app.globus.org/compute; 'local' runs on this machine.",
            ) from None

    def executor(self, endpoint: UUIDLike | None = None) -> Executor:
        """The endpoint's executor, made at first use."""
        from gc_jupyter.executor import Executor

        target = self.resolve(endpoint).endpoint_id
        if target not in self._executors:
            client = None if target == LOCAL_ENDPOINT_ID else self.client
            self._executors[target] = Executor(target, client)
        return self._executors[target]

    @property
    def client(self) -> Client:
        """The web service's client, made at first use."""
        from gc_jupyter.client import Client

        if self._client is None:
            self._client = Client()
        return self._client

    # --- cells and functions ---------------------------------------------------------------

    def submit_cell(
        self,
        text: str,
        namespace: Mapping[str, Any],
        endpoint: UUIDLike | None = None,
        **options: Any,
    ) -> CellFuture:
        """Run a cell's text with what it uses of a namespace.

        Parameters
        ----------
        text:
            Python code.
        namespace:
            The variables that it may use; only those that it does use are sent.
        endpoint:
            As for `resolve`.
        **options:
            As for `gc_jupyter.capture.capture_cell`: `out`, `value`, `html`, ...

        Returns
        -------
        CellFuture
            At once. Its result is the last expression's value.
        """
        from gc_jupyter.capture import capture_cell

        target = self.resolve(endpoint)
        return self._submit(capture_cell(text, namespace, **options), target)

    def submit_calls(
        self,
        name: str,
        calls: Sequence[tuple[tuple[Any, ...], dict[str, Any]]],
        namespace: Mapping[str, Any],
        endpoint: UUIDLike | None = None,
    ) -> list[CellFuture]:
        """Call a namespace's function on an endpoint, once per `(args, kwargs)`; one batch."""
        from gc_jupyter.capture import capture_calls

        target = self.resolve(endpoint)
        captured = capture_calls(name, calls, namespace)
        return [self._submit(captured, target, index, name) for index in range(len(calls))]

    def _submit(
        self, captured: Captured, target: Endpoint, call: int | None = None, label: str = ""
    ) -> CellFuture:
        from gc_jupyter.capture import CellFuture

        where = target.name or target.endpoint_id
        future = CellFuture(captured, where, self.label_of, label=label)
        executor = self.executor(target.endpoint_id)
        executor.submit_as(future, captured.function, *captured.arguments(call))
        return future

    # --- end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of executors and connections; what was sent runs on. Idempotent."""
        executors = list(self._executors.values())
        self._executors.clear()
        for executor in executors:
            executor.shutdown(wait=False, cancel_futures=True)
        if self._own_client and self._client is not None:
            self._client.close()
            self._client = None


def show_output(future: CellFuture) -> None:
    """Show here what a task wrote and displayed, in order; a notebook gets its pictures."""
    for kind, content in future.events:
        if kind == "stdout":
            sys.stdout.write(content)
        elif kind == "stderr":
            sys.stderr.write(content)
        elif kind == "display":
            _display(content)
    for name, value in future.undecoded.items():
        what = f"{name} stays on {future.endpoint}" if name else "The value can't be brought back"
        sys.stderr.write(f"{what}: {value.reason}. What is shown is its text.\n")


def _display(bundle: dict[str, Any]) -> None:
    if "IPython" in sys.modules:
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.display import display

        if InteractiveShell.initialized():
            display(bundle, raw=True)  # type: ignore[no-untyped-call]
            return
    sys.stdout.write(bundle["text/plain"] + "\n")


_current: Session | None = None


def current_session() -> Session:
    """This process's session, made at first use and closed at exit."""
    global _current
    if _current is None:
        _current = Session()
        atexit.register(_current.close)
    return _current
