"""What a cell says while the service's limit holds it up, in a real kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

WAITING = re.compile(r"waiting (\d+) s: the service takes 20 submissions in 10 s")


@pytest.fixture
def far(loopback: Loopback, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that reaches the loopback service, and has sent nothing."""
    kernel = Kernel(tmp_path, loopback.environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        yield kernel
    finally:
        kernel.close()


def test_the_wait_is_said_while_it_lasts(far: Kernel, loopback: Loopback) -> None:
    endpoint = loopback.endpoint("inline")
    loopback.limit(path=r"/v3/endpoints/.*/submit")
    far.ok(f"%%gcrun {endpoint}\ndef double(x):\n    return 2 * x")
    for number in range(20):
        assert far.ok(f"double({number})").outputs == [
            {
                "kind": "execute_result",
                "data": {"text/plain": str(2 * number)},
                "metadata": {},
                "execution_count": number + 3,
            }
        ]
    texts: list[str] = []

    def look(kind: str, content: Any) -> None:
        if kind in ("display_data", "update_display_data"):
            texts.append(content["data"].get("text/plain", str(content)))

    far.on_output = look
    # twice as long as the table would wait; a remote function has none
    shown = far.ok(f"%%gcrun {endpoint} --progress-after 1.5\n'late'")
    assert shown.text == "'late'"
    assert [one["kind"] for one in shown.outputs] == ["display_data", "execute_result"]
    first, *_, last = texts
    assert WAITING.fullmatch(first)
    assert last == ""
    assert all(WAITING.fullmatch(one) for one in texts[:-1])
    assert not [one for one in loopback.requests() if one["status"] == 429]


def test_quiet_says_nothing(far: Kernel, loopback: Loopback) -> None:
    endpoint = loopback.endpoint("inline")
    loopback.fault(path=r"/v3/endpoints/.*/submit", status=429, headers={"Retry-After": "3"})
    shown = far.ok(f"%%gcrun {endpoint} -q\n1")
    assert [one["kind"] for one in shown.outputs] == ["execute_result"]


def test_what_the_table_says_of_tasks_on_their_way(far: Kernel, loopback: Loopback) -> None:
    """Held up, sent and not answered, at the service: each by its own word, where a table is."""
    endpoint, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    far.ok(f"%%gcrun {endpoint}\n1")
    far.ok(WORDS)
    loopback.fault(path=r"/v3/endpoints/.*/submit", status=429, headers={"Retry-After": "3"})
    loopback.result_fault(early=True)  # the reply waits for the result
    far.ok(f"%%gcrun {offline} -a -q --future late\n1")
    far.ok("table, reached = show(late, 'waiting for request limit')")
    assert far.ok("reached.wait(60)").text == "True"
    assert far.ok("reached = until(table, 'not confirmed'); reached.wait(60)").text == "True"
    far.ok("again, reached = show(late, 'not confirmed')")  # shown when it was under way
    assert far.ok("reached.wait(60)").text == "True"
    loopback.bring_online(offline)
    assert far.ok("late.result(60)").text == "1"


WORDS = """\
import threading
from gc_jupyter import TaskTable
from gc_jupyter.runtime.loop import kernel_loop

def until(table, word):
    reached = threading.Event()
    def look():
        if table._rows.state(0).value == word:
            reached.set()
        else:
            kernel_loop().aio.call_later(0.02, look)
    kernel_loop().call(look)
    return reached

def show(future, word):
    table = TaskTable([future])
    return table, until(table, word)
"""


def test_a_pause_that_the_service_asks_for(far: Kernel, loopback: Loopback) -> None:
    endpoint = loopback.endpoint("inline")
    loopback.fault(path=r"/v3/endpoints/.*/submit", status=429, headers={"Retry-After": "4"})
    shown = far.ok(f"%%gcrun {endpoint}\n1")
    assert [one["kind"] for one in shown.outputs] == ["display_data", "execute_result"]
    assert shown.outputs[0]["data"]["text/plain"].endswith(" s: the service asks for a pause")
