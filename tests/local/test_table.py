"""The local service's table: states, results until acknowledged, a bounded memory."""

from __future__ import annotations

import pytest

from gc_jupyter.errors import NotFound
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.service.local_table import FAILED, RUNNING, SUCCESS, WAITING, LocalTaskTable


def result(task_id: str, error_code: str | None = None) -> bytes:
    return pack_result(ResultMessage(task_id, "data", {"os": "x"}, error_code=error_code))


def test_a_task_goes_from_waiting_to_done() -> None:
    table = LocalTaskTable()
    group = table.enter_group(None)
    (task,) = table.add(group, 1)
    assert table.statuses([task])[task].status == WAITING
    table.start(task, 1.5)
    assert table.statuses([task])[task].status == RUNNING
    assert not table.statuses([task])[task].done
    assert table.statuses([task])[task].started_at == 1.5
    assert table.finish(task, result(task), False) == group
    status = table.statuses([task])[task]
    assert (status.status, status.result, status.exception) == (SUCCESS, "data", None)
    assert status.details == {"os": "x"}
    assert float(status.completion_t or 0) > 0


def test_a_failed_task_has_an_exception() -> None:
    table = LocalTaskTable()
    (task,) = table.add(table.enter_group(None), 1)
    table.finish(task, result(task, "WorkerLost"), True)
    status = table.statuses([task])[task]
    assert (status.status, status.result, status.exception) == (FAILED, None, "data")


def test_the_first_result_counts() -> None:
    table = LocalTaskTable()
    group = table.enter_group(None)
    (task,) = table.add(group, 1)
    first = result(task)
    assert table.finish(task, first, False) == group
    assert table.finish(task, result(task, "TaskStopped"), True) is None
    table.start(task, 1.5)
    assert table.results(group) == [(task, first)]
    assert table.statuses([task])[task].status == SUCCESS


def test_an_acknowledged_result_is_freed_and_its_status_stays() -> None:
    table = LocalTaskTable()
    group = table.enter_group(None)
    (task,) = table.add(group, 1)
    table.finish(task, result(task), False)
    table.acknowledge([task, task, "unknown"])
    assert table.results(group) == []
    assert table.statuses([task])[task].status == SUCCESS
    assert table.task_ids(group) == [task]


def test_acknowledged_tasks_are_forgotten_oldest_first() -> None:
    table = LocalTaskTable(kept=3)
    group = table.enter_group(None)
    tasks = table.add(group, 6)
    for task in tasks[:5]:
        table.finish(task, result(task), False)
        table.acknowledge([task])
    assert table.task_ids(group) == tasks[2:]
    assert list(table.statuses(tasks)) == tasks[2:]
    assert table.unfinished() == tasks[5:]
    assert table.enter_group(group) == group


def test_an_unknown_group_says_so() -> None:
    table = LocalTaskTable()
    with pytest.raises(NotFound, match="no task group"):
        table.enter_group("x")
    with pytest.raises(NotFound, match="as long as the kernel"):
        table.task_ids("x")
