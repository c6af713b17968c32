"""The tests that may run again when they fail, each with the reason; every other failure stands.

A test stands here only while something outside of this project makes it fail now and then. A race
of the test's own is mended instead. A run prints which of them ran again (tests/conftest.py).
"""

from __future__ import annotations

from collections.abc import Iterable

_HUB = "a hub, its proxy, servers and kernels start in turn, within JupyterHub's own time limits"
_CULLER = "the culler's clock runs on while the machine starts kernels"
_LAB = "JupyterLab passes over answers that a busy machine gives late: completion, a page's load"
_KILLED = "kernels, workers and brokers are killed, of which the system tells in its own time"
#: The beginning of a test's id -> why it may fail without a fault of ours.
MAY_RUN_AGAIN: dict[str, str] = {
    "tests/browser/test_": _LAB,
    "tests/faults/test_broker.py::": _KILLED,
    "tests/faults/test_kill.py::": _KILLED,
    "tests/faults/test_model.py::": _KILLED,
    "tests/faults/test_sleep.py::": "processes are stopped and connections dropped meanwhile",
    "tests/faults/test_stores.py::test_a_worker_dies_at_each_step": _KILLED,
    "tests/faults/test_values.py::": _KILLED,
    "tests/magics/test_attach.py::": _KILLED,
    "tests/magics/test_restart.py::": _KILLED,
    "tests/server/test_collecting.py::": _KILLED,
    "tests/hub/test_hub.py::": _HUB,
    "tests/hub/test_culling.py::test_a_server_with_an_open_task": f"{_HUB}; {_CULLER}",
    "tests/server/test_culling.py::test_the_culler_of_jupyter_server": _CULLER,
    "tests/takers/test_libraries.py::": "dask, emcee, libEnsemble and others have their own clocks",
}
AGAIN = 2


def reason(test_id: str) -> str:
    """Why a test may run again; empty where it may not."""
    return next((why for start, why in MAY_RUN_AGAIN.items() if test_id.startswith(start)), "")


def lines(again: Iterable[str]) -> list[str]:
    """What a run says of the tests that ran again, by their ids; one id for each time."""
    return [f"{test_id}: {reason(test_id)}" for test_id in dict.fromkeys(again)]
