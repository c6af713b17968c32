"""Rows in, update messages out."""

from __future__ import annotations

import itertools
import json
import math

import pytest

from gc_jupyter.types import LOCAL_ENDPOINT_ID, TaskInfo, TaskState
from gc_jupyter.widgets.messages import PAGE_ROWS
from gc_jupyter.widgets.task_rows import FIRST_PAGES, UPDATE_PAGES, TaskRows

INFO = TaskInfo(task_id="id-1", endpoint_id="ep-1", submitted_at=1002.0)


def rows_of(count: int) -> TaskRows:
    rows = TaskRows(1000.0)
    for number in range(count):
        rows.add(f"task {number}")
    return rows


def row_as_dict(rows: TaskRows, row: int = 0) -> dict[str, object]:
    return rows.rows[row]._asdict()


def drain(rows: TaskRows) -> list[dict[str, object]]:
    sent = []
    while rows.dirty:
        sent.append(rows.take())
    return sent


def test_a_task_from_beginning_to_end() -> None:
    rows = TaskRows(1000.0, {"ep-1": "polaris"})
    rows.add("square")
    assert rows.state(0) is TaskState.UNSENT
    rows.update(0, TaskState.WAITING_NODES, INFO)
    rows.update(0, TaskState.RUNNING, INFO, running_since=1005.5)
    assert row_as_dict(rows)["started"] == 5500  # as seen from here
    ended = TaskInfo("id-1", None, "ep-1", None, 1002.0, 1004.0, 1006.5)
    rows.update(0, TaskState.SUCCESS, ended, "49")
    assert row_as_dict(rows) == {
        "state": list(TaskState).index(TaskState.SUCCESS),
        "label": "square",
        "endpoint": rows.endpoints.index("polaris"),
        "submitted": 2000,
        "started": 4000,  # the worker's own
        "ended": 6500,
        "task_id": "id-1",
        "text": "49",
        "progress": None,
    }


def test_what_a_task_prints_and_how_far_it_is() -> None:
    rows = rows_of(1)
    rows.update(0, TaskState.RUNNING, INFO)
    drain(rows)
    rows.say(0, "epoch\t1\x1b[0m", (1.0, math.nan))
    assert (rows.field(0, "text"), rows.field(0, "progress")) == ("epoch 1[0m", (1.0, None))
    rows.say(0, "epoch 2", (2.0, 3.0))
    rows.update(0, TaskState.RUNNING, INFO)  # as the service says again and again
    assert (rows.field(0, "text"), rows.field(0, "progress")) == ("epoch 2", (2.0, 3.0))
    json.dumps(drain(rows), allow_nan=False)
    rows.say(0, "epoch 2", None)
    assert not rows.dirty
    rows.update(0, TaskState.SUCCESS, INFO, "")
    rows.say(0, "late", (3.0, 3.0))
    assert (rows.field(0, "text"), rows.field(0, "progress")) == ("", None)


@pytest.mark.parametrize("end", [TaskState.SUCCESS, TaskState.FAILED, TaskState.CANCELLED])
def test_nothing_follows_an_end(end: TaskState) -> None:
    rows = rows_of(1)
    rows.update(0, end, INFO, "over")
    drain(rows)
    rows.update(0, TaskState.RUNNING, INFO, "late news")
    assert rows.state(0) is end
    assert rows.field(0, "text") == "over"
    assert not rows.dirty
    assert rows.done


def test_the_same_news_again_is_no_news() -> None:
    rows = rows_of(1)
    rows.update(0, TaskState.RUNNING, INFO, running_since=1005.0)
    drain(rows)
    rows.update(0, TaskState.RUNNING, INFO, running_since=1007.0)
    assert not rows.dirty
    assert rows.field(0, "started") == 5000


def test_counts_follow_the_states() -> None:
    rows = rows_of(3)
    assert not rows.done
    rows.update(0, TaskState.FAILED, INFO)
    rows.update(1, TaskState.RUNNING, INFO)
    counts = dict(zip(TaskState, rows.counts, strict=True))
    assert counts == dict.fromkeys(TaskState, 0) | {
        TaskState.FAILED: 1,
        TaskState.RUNNING: 1,
        TaskState.UNSENT: 1,
    }


def test_a_table_without_rows_is_never_done() -> None:
    assert not TaskRows(0.0).done


def test_an_update_holds_only_the_pages_that_changed() -> None:
    rows = rows_of(1000)
    drain(rows)
    rows.update(250, TaskState.RUNNING, INFO)
    update = rows.take()
    assert [key for key in update if key.startswith("page_")] == ["page_2"]
    assert len(update["page_2"]) == PAGE_ROWS
    assert not rows.dirty


def test_an_update_is_bounded_and_nothing_is_lost() -> None:
    rows = rows_of(10_050)
    sent = drain(rows)
    pages = [[key for key in update if key.startswith("page_")] for update in sent]
    assert max(map(len, pages)) == UPDATE_PAGES
    assert sorted(itertools.chain(*pages)) == sorted(f"page_{page}" for page in range(101))
    assert [update["seq"] for update in sent] == list(range(1, len(sent) + 1))
    assert sum(len(update[key]) for update in sent for key in update if "page_" in key) == 10_050


def test_what_is_looked_at_goes_first_and_the_rest_gets_on() -> None:
    rows = rows_of(10_000)
    rows.look_at(range(60, 90))
    keys = [key for key in rows.take() if "page_" in key]
    assert keys[0] == "page_60"
    assert len(keys) == UPDATE_PAGES
    assert "page_0" in keys
    assert len({key for update in drain(rows) for key in update if "page_" in key}) == 88
    rows.update(9_999, TaskState.RUNNING, INFO)
    rows.update(6_000, TaskState.RUNNING, INFO)
    assert next(key for key in rows.take() if "page_" in key) == "page_60"


def test_what_changes_again_waits_its_turn() -> None:
    rows = rows_of(10_000)
    rows.take()
    rows.update(0, TaskState.RUNNING, INFO)
    assert "page_0" not in rows.take()
    assert any("page_0" in update for update in drain(rows))


def test_the_first_state_is_bounded_too() -> None:
    first = rows_of(100_000).first()
    assert sum(key.startswith("page_") for key in first) == FIRST_PAGES
    assert first["size"] == 100_000


def test_a_sent_row_does_not_change_afterwards() -> None:
    rows = rows_of(1)
    update = rows.take()
    rows.update(0, TaskState.RUNNING, INFO)
    assert update["page_0"][0][0] == 0


def test_pages_are_sent_again_when_asked_for() -> None:
    rows = rows_of(250)
    drain(rows)
    rows.touch([1, 7, -1])
    assert [key for key in rows.take() if "page_" in key] == ["page_1"]
    rows.touch_all()
    assert [key for key in rows.take() if "page_" in key] == ["page_0", "page_1", "page_2"]


def test_local_has_its_name_and_labels_are_one_line() -> None:
    rows = TaskRows(0.0)
    rows.add("two\nlines\x1b[31m", LOCAL_ENDPOINT_ID)
    assert rows.endpoints == ["local"]
    assert rows.field(0, "label") == "two lines[31m"
