"""What a table leaves behind: static HTML and text when all has ended, and where nobody watches."""

from __future__ import annotations

import pytest

from gc_jupyter import TaskFuture
from gc_jupyter.errors import TaskExecutionFailed
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.session import Tasks
from gc_jupyter.widgets import TaskTable
from gc_jupyter.widgets.live_widget import VIEW
from gc_jupyter.widgets.messages import LASTING_VIEW
from tests.widgets.conftest import RecordingComm, Runtime, Shell, flushed, futures_of, shown

pytestmark = pytest.mark.usefixtures("notebook")


def test_when_all_have_ended_the_output_is_static(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 3)
    table = TaskTable(futures)
    table._ipython_display_()
    table._ipython_display_()
    outputs = notebook.display_pub.outputs
    assert len(outputs) == 2
    for bundle in outputs.values():
        assert set(bundle) == {VIEW, LASTING_VIEW, "text/html", "text/plain"}
    flushed(table)
    futures[0].set_result(1)
    futures[1].set_exception(TaskExecutionFailed("Traceback\nValueError: no"))
    futures[2].set_result(3)
    flushed(table)
    assert table.settled
    assert len(notebook.display_pub.outputs) == 2
    for bundle in notebook.display_pub.outputs.values():
        assert set(bundle) == {LASTING_VIEW, "text/html", "text/plain"}
        assert "1 failed, 2 success" in bundle["text/plain"]
        assert "ValueError: no" in bundle["text/html"]
    assert runtime.listeners == []
    table.let_go()  # others last in its place
    assert RecordingComm.made[-1].sent[-1]["msg_type"] == "comm_close"
    for bundle in notebook.display_pub.outputs.values():
        assert set(bundle) == {"text/html", "text/plain"}


def test_finished_tasks_are_static_at_once(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 2)
    for future in futures:
        future.set_result("done")
    table = TaskTable(futures)
    flushed(table)
    table._ipython_display_()
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {LASTING_VIEW, "text/html", "text/plain"}
    comm = RecordingComm.made[-1]
    comm.receive({"type": "show", "request": "r", "row": 1})  # and can be used
    assert comm.custom[0]["text"] == "'done'"


def test_the_oldest_tables_give_way(
    runtime: Runtime, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc_jupyter.widgets.outputs._LASTING_ROWS", 5)
    tables = []
    for _ in range(3):
        futures = futures_of(runtime, 2)
        for future in futures:
            future.set_result("done")
        tables.append(TaskTable(futures))
        flushed(tables[-1])
        tables[-1]._ipython_display_()
    bundles = list(notebook.display_pub.outputs.values())
    assert [LASTING_VIEW in bundle for bundle in bundles] == [False, True, True]
    assert [table.comm is None for table in tables] == [True, False, False]


def test_what_is_run_again_after_the_end_is_live_again(runtime: Runtime, notebook: Shell) -> None:
    first, second = futures_of(runtime, 2)
    table = TaskTable([first], rerun=lambda _: second)
    table._ipython_display_()
    first.set_exception(TaskExecutionFailed("Traceback\nValueError: no"))
    comm = flushed(table)
    assert table.settled
    comm.receive({"type": "rerun", "row": 0})
    assert not table.settled
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {VIEW, LASTING_VIEW, "text/html", "text/plain"}
    second.set_result(7)
    assert shown(flushed(table))[0]["state"] == "success"
    assert table.settled
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {LASTING_VIEW, "text/html", "text/plain"}
    assert "1 success" in bundle["text/plain"]


def test_keep_keeps_the_widget(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 1)
    table = TaskTable(futures, keep=True)
    table._ipython_display_()
    futures[0].set_result(1)
    flushed(table)
    [bundle] = notebook.display_pub.outputs.values()
    assert VIEW in bundle
    assert not table.settled


@pytest.mark.parametrize("reason", ["environment", "nbclient", "python"])
def test_without_a_front_end_there_is_no_widget(
    runtime: Runtime, notebook: Shell, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "environment":
        monkeypatch.setenv("GC_JUPYTER_NONINTERACTIVE", "1")
    elif reason == "nbclient":
        notebook.kernel._allow_stdin = False
    else:
        del notebook.kernel
    futures = futures_of(runtime, 2)
    table = TaskTable(futures)
    table._ipython_display_()
    futures[0].set_result(1)
    futures[1].set_result(2)
    kernel_loop().ask(table.flush)
    assert RecordingComm.made == []
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {"text/html", "text/plain"}


def test_voila_shows_widgets_and_keeps_them(
    runtime: Runtime, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    notebook.kernel._allow_stdin = False
    futures = futures_of(runtime, 1)
    table = TaskTable(futures)
    table._ipython_display_()
    futures[0].set_result(1)
    assert shown(flushed(table))[0]["state"] == "success"
    [bundle] = notebook.display_pub.outputs.values()
    assert VIEW in bundle


def test_a_task_run_again_mends_a_static_table(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 2)
    sweep = Tasks(futures, ["a", "b"])
    table = TaskTable(sweep, title="Squares")
    table._ipython_display_()
    futures[0].set_result(1)
    futures[1].set_exception(TaskExecutionFailed("ValueError: no"))
    flushed(table)
    [before] = notebook.display_pub.outputs.values()
    assert before["text/plain"].startswith("Squares: 1 failed, 1 success\n")
    again = TaskFuture(serial=700)
    futures[1].again = lambda: again  # type: ignore[attr-defined]
    sweep.rerun()
    again.set_result(4)
    flushed(table)
    [after] = notebook.display_pub.outputs.values()
    assert after["text/plain"].startswith("Squares: 2 success\n")
    assert sweep.result() == [1, 4]
