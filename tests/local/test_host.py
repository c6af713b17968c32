"""The host's parts that a run on this system doesn't reach."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import wait

import pytest

from gc_jupyter.service.local_host import bridge, describe_exit


def test_the_bridge_for_windows_hands_bytes_on_until_the_end() -> None:
    ours, theirs = os.pipe()
    inbox, read = bridge(ours)
    assert wait([inbox], 0) == []
    os.write(theirs, b"one")
    assert wait([inbox], 10) == [inbox]
    assert read() == b"one"
    os.close(theirs)
    assert wait([inbox], 10) == [inbox]
    with pytest.raises(EOFError):
        read()
    os.close(ours)


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (0, "ended (exit code 0)"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-1000, "was ended by signal 1000"),
        (0xC0000005, "ended (exit code 3221225477)"),
        (None, "ended (exit code unknown)"),
    ],
)
def test_how_a_worker_ended_in_words(exit_code: int | None, said: str) -> None:
    assert describe_exit(exit_code) == said
