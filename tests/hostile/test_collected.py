"""What the server keeps of tasks, whatever a worker or the service says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gc_jupyter.journal import Database, KernelSession
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.server.collected import of_message, of_status
from gc_jupyter.server.messages import JournalState
from gc_jupyter.server.panel import Filter, tasks_json
from gc_jupyter.service.base import TaskStatus
from tests.journal.test_journal import entry

CODES = "Traceback\nError: \x1b]0;t\x07 \ud800\n"


@pytest.mark.parametrize("at", ["1e999", "-inf", "nan", "9" * 5000, "soon", "", "10000-01-01"])
def test_times_that_json_lacks(tmp_path: Path, at: str) -> None:
    database = Database(tmp_path / "j/journal.sqlite")
    here = KernelSession.here()
    with database:
        database.add_session(here)
        database.add_tasks([entry(task_id="t"), entry(serial=2, task_id="u")])
        database.results.take_group("g", here.session)
        status = TaskStatus("t", "failed", completion_t=at, exception=CODES)
        message = ResultMessage("u", CODES, error_code="E")
        found = [of_status(status, "g"), of_message(pack_result(message), message, "g")]
        assert database.results.store(here, found) in (set(), {"g"})
    state = JournalState(path="", problem="", next_step="")
    shown = json.loads(
        tasks_json(database, here, Filter(limit=10), state), parse_constant=pytest.fail
    )
    assert shown["total"] == len(shown["rows"]) == 2
    for one in found:
        assert one.error == "Error: ]0;t"
