"""What an administrator can watch: numbers at Jupyter Server's own ``/metrics``.

They are Prometheus's, as jupyter_server's are, and name nothing of a user's: no notebook, no
endpoint, no task. Those of tasks are the journal's; those of requests and of the stream are of
results that the server collects. (A kernel has no address at which it could be asked.)
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
_REQUESTS = Gauge("gc_jupyter_status_requests", "Questions for tasks that the server has sent.")
_ERRORS = Gauge("gc_jupyter_status_request_errors", "Those that failed.")


def show_tasks(counts: Mapping[str, int], collected: int) -> None:
    """Set the numbers of the journal.

    Parameters
    ----------
    counts:
        State -> how many tasks have it; a text that is no state isn't shown.
    collected:
        How many results are kept.
    """
    for state in TaskState:
        _TASKS.labels(state.value).set(counts.get(state.value, 0))
    _COLLECTED.set(collected)


def show_keeper(keeper: Keeper | None) -> None:
    """Show the numbers of the one that collects now, as they are whenever somebody asks."""
    _COLLECTING.set(keeper is not None)
    _STREAM.set_function(lambda: float(keeper is not None and keeper.stream_up))
    if keeper is not None:
        _REQUESTS.set_function(lambda: keeper.questions)
        _ERRORS.set_function(lambda: keeper.failures)
