"""The tests that may run again when they fail, each with the reason; every other failure stands.

A test stands here only while something outside of this project makes it fail now and then. A race
of the test's own is mended instead. A run prints which of them ran again (tests/conftest.py).
"""

from __future__ import annotations

from collections.abc import Iterable

_SHARED = (
    "it starts kernels, browsers, brokers or endpoints, which share the cores with all other tests"
)
#: The beginning of a test's id -> why it may fail without a fault of ours.
MAY_RUN_AGAIN: dict[str, str] = dict.fromkeys(
    (
        *("tests/browser/", "tests/hub/", "tests/magics/", "tests/network/", "tests/notebooks/"),
        *("tests/binder/", "tests/faults/", "tests/local/", "tests/official/", "tests/server/"),
        *("tests/seeds/", "tests/service/", "tests/takers/", "tests/runtime/", "tests/widgets/"),
        *("tests/travel/", "tests/functions/", "tests/journal/", "tests/doctor/", "tests/auth/"),
        *("tests/hostile/", "tests/client/", "tests/capture/test_corpus.py", "tests/test_executor"),
        *("tests/capture/test_much_output.py", "tests/test_future.py", "tests/test_session.py"),
    ),
    _SHARED,
)
AGAIN = 2


def reason(test_id: str) -> str:
    """Why a test may run again; empty where it may not."""
    return next((why for start, why in MAY_RUN_AGAIN.items() if test_id.startswith(start)), "")


def lines(again: Iterable[str]) -> list[str]:
    """What a run says of the tests that ran again, by their ids; one id for each time."""
    return [f"{test_id}: {reason(test_id)}" for test_id in dict.fromkeys(again)]
