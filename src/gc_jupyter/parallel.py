"""A joblib backend: scikit-learn and others run their `n_jobs` tasks on an endpoint."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import joblib
from joblib.parallel import ParallelBackendBase

from gc_jupyter.client import Client
from gc_jupyter.errors import ComputeError, PayloadTooLarge
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.future import TaskFuture
from gc_jupyter.service.shares import worker_count
from gc_jupyter.session import Session, current_session
from gc_jupyter.travel.sending import SendingPickler, dumps
from gc_jupyter.types import LOCAL_ENDPOINT_ID

#: Values from this many bytes on are sent once for all tasks of a call.
SHARED_FROM = 1_000
#: Parallel tasks where the endpoint doesn't say how many workers it has.
DEFAULT_JOBS = 8

_KERNEL = {"IPython", "ipykernel", "traitlets", "jupyter_client", "jupyter_core", "gc_jupyter"}

_SOURCE = """
import base64, io, pickle

SHARED = pickle.loads(base64.b64decode({data!r}))


class Reader(pickle.Unpickler):
    def persistent_load(self, key):
        return SHARED[key]


def run_batch(payload):
    return Reader(io.BytesIO(payload)).load()()
"""


def joblib_backend(
    endpoint: str = "local", *, jobs: int | None = None, client: Client | None = None
) -> joblib.parallel_config:
    """``with gc_jupyter.joblib_backend("polaris"):`` runs joblib's parallel calls on an endpoint.

    Parameters
    ----------
    endpoint:
        A name, an alias, a UUID, or ``"local"``.
    jobs:
        The number for `n_jobs=-1`: by default the number of the endpoint's workers, if that is
        known.
    client:
        The client that submits; by default the kernel's own.

    Raises
    ------
    UnknownEndpoint
        There is no endpoint of this name.

    Notes
    -----
    Arrays and tables of 1 kB and more that the first task of a call uses are sent once, with the
    function, up to 7.5 MB in all. The endpoint needs joblib, and what the tasks use.
    """
    return joblib.parallel_config(
        backend=EndpointBackend(endpoint, jobs=jobs, client=client), n_jobs=-1
    )


class EndpointBackend(ParallelBackendBase):  # type: ignore[misc]
    """See `joblib_backend`.

    Parameters
    ----------
    endpoint, jobs, client:
        As of `joblib_backend`.
    **options:
        joblib's own.
    """

    supports_retrieve_callback = True

    def __init__(
        self,
        endpoint: str = "local",
        *,
        jobs: int | None = None,
        client: Client | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        session = current_session() if client is None else Session(client=client)
        self._executor = session.executor(endpoint)
        self._jobs = jobs
        self._function: SourceFunction | None = None
        self._shared: dict[int, tuple[int, Any]] = {}  # id -> key and value
        self._futures: set[TaskFuture] = set()

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many tasks are under way at once.

        Parameters
        ----------
        n_jobs:
            As the caller of joblib gave it: -1 for all workers, None for one.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 has no meaning")
        if n_jobs is None or n_jobs > 0:
            return n_jobs or 1
        return max(1, self._workers() + 1 + n_jobs)

    def _workers(self) -> int:
        if self._jobs is None:
            self._jobs = self._ask_workers()
        return self._jobs

    def _ask_workers(self) -> int:
        endpoint_id = self._executor.endpoint_id
        if str(endpoint_id) == LOCAL_ENDPOINT_ID:
            return max(1, worker_count())
        try:
            details = self._executor.client.get_endpoint_status(str(endpoint_id))["details"]
            return int(details["total_workers"]) or DEFAULT_JOBS
        except (ComputeError, KeyError, TypeError, ValueError):
            return DEFAULT_JOBS

    def start_call(self) -> None:
        """Begin a call of joblib.Parallel, without shared values."""
        self._function = None
        self._shared = {}

    def stop_call(self) -> None:
        """End the call, and forget its shared values."""
        self.start_call()

    def submit(
        self, func: Any, callback: Callable[[Future[Any]], object] | None = None
    ) -> TaskFuture:
        """Send one batch of calls.

        Parameters
        ----------
        func:
            joblib's BatchedCalls.
        callback:
            Called with the future when it is done.
        """
        _leave_out_kernel_warnings(func)
        if self._function is None:
            self._share(func)
            values = [value for _, value in self._shared.values()]
            data = base64.b64encode(dumps(values)).decode()
            self._function = SourceFunction("run_batch", _SOURCE.format(data=data))
        try:
            payload = dumps(func, _SharingPickler, shared=self._shared)
            future = self._executor.submit(self._function, payload)
        except PayloadTooLarge as error:
            error.next_step = (
                "The data of one parallel call have room for 7.5 MB: use a part of them, or read"
                " them from a file in the function that runs there."
            )
            raise
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def _share(self, batch: Any) -> None:
        for _, args, kwargs in batch.items:
            for value in (*args, *kwargs.values()):
                if id(value) not in self._shared and _size(value) >= SHARED_FROM:
                    self._shared[id(value)] = (len(self._shared), value)

    def retrieve_result_callback(self, out: TaskFuture) -> Any:
        """The result of a future that is done.

        Parameters
        ----------
        out:
            As `submit` returned it.
        """
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002
        """Cancel tasks that were not sent, and stop those that run on this machine.

        Parameters
        ----------
        ensure_ready:
            Makes no difference: the backend stays usable.
        """
        for future in list(self._futures):
            future.cancel()


class _SharingPickler(SendingPickler):
    """Replaces values that all tasks share by their key."""

    def __init__(self, stream: Any, *, shared: dict[int, tuple[int, Any]], **options: Any) -> None:
        super().__init__(stream, **options)
        self._shared = shared

    def persistent_id(self, obj: Any) -> int | None:
        entry = self._shared.get(id(obj))
        return None if entry is None else entry[0]


def _leave_out_kernel_warnings(batch: Any) -> None:
    """Remove filters for IPython's warnings: scikit-learn sends this process's filters, and an
    endpoint has no IPython."""
    for function, _, _ in batch.items:
        filters = getattr(function, "warning_filters", None)
        if filters:
            function.warning_filters = [
                entry for entry in filters if entry[2].__module__.partition(".")[0] not in _KERNEL
            ]


def _size(value: Any) -> int:
    """The size of an array, a table or a sparse matrix, in bytes; 0 for anything else."""
    if type(value).__module__.partition(".")[0] not in ("numpy", "pandas", "scipy", "polars"):
        return 0
    usage = getattr(value, "memory_usage", None)  # pandas
    if callable(usage):
        return int(sum(usage()) if hasattr(value, "columns") else usage())
    data = getattr(value, "data", None)  # of a sparse matrix, or the array's own buffer
    size = getattr(value, "nbytes", None) or getattr(data, "nbytes", 0)
    return size if isinstance(size, int) else 0
