"""Metrics for administrators, on Jupyter Server's own ``/metrics`` page.

They are Prometheus metrics, like jupyter_server's own. They contain no names of notebooks,
endpoints or tasks. The numbers of tasks come from the journal. Requests and the stream are those of
the server's keeper. Kernels are not included, since a kernel has no address to ask for metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from gc_jupyter.types import TaskState

if TYPE_CHECKING:
    from gc_jupyter.server.keeper import Keeper

_TASKS = Gauge("gc_jupyter_tasks", "Tasks in the user's journal, by state.", ["state"])
_COLLECTED = Gauge("gc_jupyter_collected_results", "Results that the server keeps.")
_COLLECTING = Gauge("gc_jupyter_collecting", "1 while the server collects results.")
_STREAM = Gauge("gc_jupyter_stream_up", "1 while the collector's connection to the broker is up.")
_REQUESTS = Gauge("gc_jupyter_status_requests", "Status requests that the server has sent.")
_ERRORS = Gauge("gc_jupyter_status_request_errors", "Status requests that failed.")


def show_tasks(counts: Mapping[str, int], collected: int) -> None:
    """Set the metrics that come from the journal.

    Parameters
    ----------
    counts:
        State -> the number of tasks in it. Keys that are not states are ignored.
    collected:
        The number of stored results.
    """
    for state in TaskState:
        _TASKS.labels(state.value).set(counts.get(state.value, 0))
    _COLLECTED.set(collected)


def show_keeper(keeper: Keeper | None) -> None:
    """Have the metrics read this keeper whenever they are requested; None: nothing collects."""
    _COLLECTING.set(keeper is not None)
    _STREAM.set_function(lambda: float(keeper is not None and keeper.stream_up))
    if keeper is not None:
        _REQUESTS.set_function(lambda: keeper.questions)
        _ERRORS.set_function(lambda: keeper.failures)
