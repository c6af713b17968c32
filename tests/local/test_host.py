"""What the host says of workers that ended."""

from __future__ import annotations

import signal

import pytest

from gc_jupyter.service.local_host import describe_exit


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (0, "ended (exit code 0)"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-1000, "was ended by signal 1000"),
    ],
)
def test_how_a_worker_ended_in_words(exit_code: int, said: str) -> None:
    assert describe_exit(exit_code) == said
