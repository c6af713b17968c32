"""Kernels that end by SIGKILL, and new ones that pick up what they left."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

Start = Callable[..., Kernel]


@pytest.fixture
def start(loopback: Loopback, tmp_path: Path, kernels: Callable[..., Kernel]) -> Start:
    """Starts kernels of one user, who is signed in at the loopback."""

    def make(notebook: str = "") -> Kernel:
        return kernels(tmp_path, {**loopback.environment, "JPY_SESSION_NAME": notebook})

    return make


def told(kernel: Kernel) -> str:
    """What %load_ext says. Requests then wait for the journal, however busy the machine is."""
    patient = "__import__('gc_jupyter.journal.recorder', fromlist=['_']).PATIENCE_S = 60"
    return kernel.ok(f"%load_ext gc_jupyter\n{patient}").stream("stdout").strip()


def test_a_kernel_killed_while_100_tasks_run(loopback: Loopback, start: Start) -> None:
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    kernel = start()
    assert told(kernel) == ""
    kernel.ok(f"%%gcrun {inline}\n1")
    loopback.clear()
    kernel.send(f"%%gcrun {offline} --map x=range(100) --future sweep\nprint('at', x)\nx * x")
    loopback.wait_for_submissions(1)
    kernel.kill()  # perhaps before it has read the reply

    new = start()
    assert told(new) == "100 earlier tasks: 100 not over. %gc attach"
    new.ok("%gc attach")
    assert new.ok("len(sweep)").text == "100"
    loopback.bring_online(offline)
    assert new.ok("sweep.result() == [x * x for x in range(100)]").text == "True"
    assert new.ok("len({f.task_id for f in sweep})").text == "100"
    assert new.ok("sorted(f.stdout for f in sweep)[0]").text == "'at 0\\n'"
    new.kill()

    again = start()
    assert told(again) == ""


def test_the_reply_is_lost(loopback: Loopback, start: Start) -> None:
    """Killed between the request and its reply: the task group knows the tasks."""
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline}\n1")
    loopback.result_fault(early=True)  # the reply waits for the results, which don't come
    kernel.send(f"%%gcrun {offline} --map x=range(20) --future sweep\nx")
    loopback.wait_for_submissions(2, answered=False)
    kernel.kill()
    loopback.reset()

    new = start()
    assert told(new) == "20 earlier tasks: 20 not over. %gc attach"
    loopback.bring_online(offline)
    new.ok("%gc attach")
    assert new.ok("len(sweep), sorted(sweep.result()) == list(range(20))").text == "(20, True)"
    assert "nothing to attach" in new.ok("%gc attach").stream("stdout")


def test_the_first_reply_is_lost(loopback: Loopback, start: Start) -> None:
    """No task group is known then: it is said, until somebody wants to hear it no more."""
    offline = loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    loopback.result_fault(early=True)
    kernel.send(f"%%gcrun {offline}\n1")
    loopback.wait_for_submissions(1, answered=False)
    kernel.kill()
    loopback.reset()

    new = start()
    assert told(new) == "1 earlier task: 1 not over. %gc attach"
    said = new.ok("%gc attach").stream("stdout")
    assert said.startswith("1 task of cell [2]")
    assert f"on the way to {offline} when the kernel ended (" in said
    assert "The service can't be asked whether it accepted these tasks" in said
    assert f"they run at {offline} all the same" in said
    assert "Running the cell again runs them a second time." in said
    new.kill()
    third = start()
    assert told(third) == "1 earlier task: 1 not seen at the service. %gc attach"
    assert third.ok("%gc attach").stream("stdout").startswith("1 task of cell [2]")
    assert third.ok("%gc attach --forget").stream("stdout").startswith("1 task is forgotten.")
    third.kill()
    assert told(start()) == ""
    loopback.bring_online(offline)  # or the service would wait for it at its end


def test_the_connection_breaks_after_the_request(loopback: Loopback, start: Start) -> None:
    """The cell has its result all the same: the task group is asked, and the result says whose."""
    inline = loopback.endpoint("inline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline}\n1")
    for fault in ({"drop": "after"}, {"drop": "midway"}, {"status": 502, "late_s": 0.5}):
        loopback.fault(path=".*/submit", **fault)
        shown = kernel.ok(f"%%gcrun {inline} --future kept\n'accepted all the same'")
        assert shown.text == "'accepted all the same'"
    assert kernel.ok("kept.task_id is None").text == "False"
    kernel.kill()
    assert told(start()) == ""


def test_what_was_not_accepted_is_kept_until_it_is_forgotten(
    loopback: Loopback, start: Start
) -> None:
    """One cell isn't accepted, the next one's reply is lost: each name has its own, or says so."""
    inline = loopback.endpoint("inline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline}\n1")
    kernel.ok("from gc_jupyter.runtime import recovery; recovery.LATE_S = 0.1")
    loopback.fault(path=".*/submit", status=502)
    shown = kernel.run(f"%%gcrun {inline} --future alpha --out a\na = 'alpha'")
    assert shown.error["ename"] == "SubmitUncertain"
    assert "the group had none of them" in shown.traceback
    group = re.search(r"%gc attach (\S+) in a notebook looks once more", shown.traceback)
    assert group is not None
    loopback.result_fault(early=True)  # the reply waits for the results, which don't come
    offline = loopback.new_endpoint("offline")
    kernel.send(f"%%gcrun {offline} --future beta --out b\nb = 'of beta'\nb")
    loopback.wait_for_submissions(3, answered=False)
    kernel.kill()
    loopback.reset()
    loopback.bring_online(offline)

    new = start()
    assert told(new) == "2 earlier tasks: 2 not over. %gc attach"
    said = new.ok("%gc attach")
    new.ok("beta.result(60)")
    assert new.ok("beta.result(), b").text == "('of beta', 'of beta')"
    assert new.run("a").error["ename"] == "NameError"
    text = said.stream("stdout")
    if "waited for" not in text:  # beta's result was there already
        assert re.search(r"1 task of cell \[4\][^:]*\(alpha\): not seen at the service at", text)
        assert new.run("alpha").error["ename"] == "NameError"
    else:
        assert new.run("alpha.result(60)").error["ename"] == "SubmitUncertain"
    again = new.ok(f"%gc attach {group[1]}").stream("stdout")
    assert "(alpha): not seen at the service at" in again
    assert "%gc attach --forget" in again
    new.kill()
    third = start()
    assert told(third) == "1 earlier task: 1 not seen at the service. %gc attach"
    assert "not seen at the service" in third.ok("%gc tasks --all").stream("stdout")
    third.ok("%gc attach --forget")
    third.kill()
    assert told(start()) == ""


def test_the_group_lists_its_tasks_in_another_order(loopback: Loopback, start: Start) -> None:
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline}\n1")
    loopback.result_fault(early=True)
    kernel.send(f"%%gcrun {offline} --map x=range(13) --future sweep\nx * x")
    loopback.wait_for_submissions(2, answered=False)
    kernel.kill()
    loopback.reset()
    loopback.result_fault(listed="reversed")
    new = start()
    told(new)
    new.ok("%gc attach")
    (table,) = new.ok("sweep").outputs
    assert ": 13 not confirmed, as of" in table["data"]["text/plain"]
    assert new.ok("sweep[0].task_id, sweep[0].cancel()").text == "(None, False)"
    said = new.ok(f"%gc cancel {new.ok('print(sweep.run)').stream('stdout')}").stream("stdout")
    assert said == "13 tasks were sent, and the service can't stop a task: they aren't over.\n"
    loopback.bring_online(offline)
    assert new.ok("sweep.result(60) == [x * x for x in range(13)]").text == "True"
    assert new.ok("all(one.task_id for one in sweep)").text == "True"
    assert new.ok("sweep.labels[12], sweep[12].result()").text == "('x=12', 144)"


def test_a_machine_without_the_journal(loopback: Loopback, start: Start, tmp_path: Path) -> None:
    """The service knows the group, and the replies say the rest."""
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline} -a -q --map x=range(4) --future sweep\nprint(x)\nx * x")
    kernel.ok("sweep.result(60)")
    kernel.ok(f"%%gcrun {inline} -a -q --future word --out a\na = 5\n'a word'")
    kernel.ok(f"%%gcshell {inline} -a -q --future listed\necho shell; exit 3")
    kernel.ok("word.exception(60), listed.exception(60)")
    kernel.ok(f"%%gcrun {offline} -a -q --future later\n'later'")
    kernel.wait_for_ids("[later]")
    group = kernel.ok("print(later.info.task_group_id)").stream("stdout").strip()
    task = kernel.ok("print(sweep[2].task_id)").stream("stdout").strip()
    kernel.kill()
    loopback.result_fault(listed="reversed")
    other = Kernel(tmp_path / "another machine", loopback.environment)
    try:
        told(other)
        said = other.ok(f"%gc attach {group}").stream("stdout")
        assert "1 task is not over" in said
        assert other.ok("sweep.result(), sweep.labels").text == (
            "([0, 1, 4, 9], ['x=0', 'x=1', 'x=2', 'x=3'])"
        )
        assert other.ok("word.result(), a, sweep[3].stdout").text == "('a word', 5, '3\\n')"
        assert other.run("listed.result()").error["ename"] == "CommandFailed"
        assert other.run("later").error["ename"] == "NameError"
        loopback.bring_online(offline)
        other.ok("get_ipython().run_line_magic('gc', 'attach').exception(60)")
        other.ok(f"%gc attach {group}")
        assert other.ok("later.result(60)").text == "'later'"
        third = Kernel(tmp_path / "a third machine", loopback.environment)
        told(third)
        shown = third.ok(f"%gc attach {task}")
        one = "x=2 is one of 4 tasks of sweep.\n2\n"
        assert (shown.text, shown.stream("stdout")) == ("4", one)
        assert third.run("sweep").error["ename"] == "NameError"
        unknown = "00000000-0000-4000-8000-000000000000"
        third.close()
        shown = other.run(f"%gc attach {unknown}")
        assert f"No task or task group {unknown} is known" in shown.stream("stderr")
    finally:
        other.close()


def test_attach_binds_and_shows(loopback: Loopback, start: Start) -> None:
    offline = loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok("class Point:\n    def __init__(self, x): self.x = x\np = Point(2)")
    kernel.ok(f"%%gcrun {offline} -a -q -o a --future kept\nprint('hi')\na = 5\nPoint(p.x + 1)")
    kernel.ok(f"%%gcrun {offline} -a -q --future broken\n1 / 0")
    kernel.ok(f"%%gcshell {offline} -a -q --future listed\necho shell")
    kernel.wait_for_ids("[kept, broken, listed]")
    kernel.kill()
    new = start()
    assert told(new) == "3 earlier tasks: 3 not over. %gc attach"
    new.ok("class Point:\n    def __init__(self, x): self.x = x")
    shown = new.ok("%gc attach")
    assert shown.stream("stdout") == (
        "Bound: kept, broken, listed.\nBound when all have ended: a.\n"
    )
    (table,) = [one for one in shown.outputs if one["kind"] == "display_data"]
    assert re.search("3 (waiting for endpoint|endpoint offline)", table["data"]["text/plain"])
    loopback.bring_online(offline)
    assert new.ok("kept.result().x, type(kept.result()) is Point, a").text == "(3, True, 5)"
    assert new.ok("kept.stdout, listed.result().stdout").text == "('hi\\n', 'shell\\n')"
    shown = new.run("broken.result()")
    assert shown.error["ename"] == "ZeroDivisionError"


def test_one_task_of_a_group(loopback: Loopback, start: Start) -> None:
    """Who attaches to one listens for all: what comes for the others is kept for later."""
    offline = loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    for name in ("one", "other"):
        kernel.ok(f"%%gcrun {offline} -a -q --future {name}\n'the value of {name}'")
        kernel.wait_for_ids(f"[{name}]")
    ids = kernel.ok("print(one.task_id, other.task_id)").stream("stdout").split()
    kernel.kill()
    new = start()
    told(new)
    new.ok(f"%gc attach {ids[0]}")
    assert new.run("other").error["ename"] == "NameError"
    loopback.bring_online(offline)
    assert new.ok("one.result(60)").text == "'the value of one'"
    loopback.wait_for_results([ids[1]])
    loopback.change_task(ids[1], status="abandoned", result=None)
    new.ok("%gc attach")
    assert new.ok("other.result(15)").text == "'the value of other'"  # before anybody asks


def test_a_fan_out_keeps_its_order(loopback: Loopback, start: Start) -> None:
    offline = loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {offline} -a -q --map x=range(300) --future sweep\nx")
    kernel.wait_for_ids("sweep")
    kernel.kill()
    new = start()
    assert told(new) == "300 earlier tasks: 300 not over. %gc attach"
    new.ok("%gc attach")
    loopback.bring_online(offline)
    assert new.ok("sweep.result() == list(range(300)), sweep.labels[7]").text == "(True, 'x=7')"


def test_results_that_came_before_the_kernel_ended(loopback: Loopback, start: Start) -> None:
    """Seen ones are not offered again; those of -a cells are."""
    inline = loopback.endpoint("inline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline}\n'seen'")
    kernel.ok(f"%%gcrun {inline} -a -q --future kept\n'not seen'")
    kernel.ok(f"%%gcrun {inline} -a --future taken\n'seen'")
    kernel.ok("taken.result(), kept.exception()")
    kernel.close()
    new = start()
    assert told(new) == "1 earlier task: 1 success. %gc attach"
    assert new.ok("%gc attach").text == "'not seen'"


def test_tasks_belong_to_their_notebook(loopback: Loopback, start: Start) -> None:
    offline = loopback.new_endpoint("offline")
    one, other = start("/one.ipynb"), start("/other.ipynb")
    for kernel in (one, other):
        told(kernel)
        kernel.ok(f"%%gcrun {offline} -a -q --future f\n1")
    loopback.wait_for_submissions(2)
    third = start("/one.ipynb")
    assert told(third) == ""  # both live
    one.kill()
    other.kill()
    assert told(start("/one.ipynb")) == "1 earlier task: 1 not over. %gc attach"
    new = start("/new.ipynb")
    assert told(new) == ""
    listed = new.ok("%gc tasks --all").stream("stdout")
    assert listed.count("waiting for endpoint") == 2
    attached = new.ok("%gc attach --all")
    assert attached.text.count("not over>") == 2
    assert "f is a newer run's. 1 task of cell" in attached.stream("stdout")
    new.ok("runs = _")
    assert new.ok("len(runs), f is runs[1]").text == "(2, True)"


def test_running_a_cell_again_warns(loopback: Loopback, start: Start) -> None:
    offline = loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    cell = f"%%gcrun {offline} -a -q --future kept\n1"
    assert kernel.ok(cell, "cell-1").stream("stderr") == ""
    loopback.wait_for_submissions(1)
    assert kernel.ok(cell, "cell-2").stream("stderr") == ""
    warning = kernel.ok(cell, "cell-1").stream("stderr")
    assert re.match(rf"Task \S+ of an earlier run of this cell isn't over at {offline}: ", warning)
    kernel.wait_for_ids("[kept]")
    kernel.kill()
    new = start()
    assert "3 earlier tasks" in told(new)
    assert "earlier run" in new.ok(cell, "cell-2").stream("stderr")
    assert new.ok(cell, "cell-3").stream("stderr") == ""


def test_local_tasks_end_with_their_kernel(start: Start) -> None:
    kernel = start()
    told(kernel)
    kernel.ok("%%gcrun local -a -q --future f\nimport time; time.sleep(60)")
    assert kernel.ok("%gc tasks").outputs  # read after it was written
    kernel.kill()
    new = start()
    assert told(new) == ""
    assert "local" in new.ok("%gc tasks --all").stream("stdout")


def test_the_journal_is_the_users_alone(loopback: Loopback, start: Start) -> None:
    kernel = start()
    told(kernel)
    kernel.ok("secret = 'argument-canary'")
    kernel.ok(f"%%gcrun {loopback.endpoint('inline')}\nlen(secret)")
    kernel.close()
    journal = kernel.home / "data/gc_jupyter/journal.sqlite"
    content = journal.read_bytes()
    assert b"argument-canary" not in content
    assert loopback.token.encode() not in content
    if os.name == "posix":
        for path in journal.parent.rglob("*"):
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
        assert journal.parent.stat().st_mode & 0o777 == 0o700


def test_two_runs_of_one_cell_stay_two(loopback: Loopback, start: Start) -> None:
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline}\n1")
    cell = f"%%gcrun {offline} -a -q --map x=range(first, first + 3) --future sweep --out w\nw = x"
    for first in (0, 10):
        kernel.ok(f"first = {first}")
        kernel.ok(cell, "cell-1")
    kernel.wait_for_ids("sweep")
    kernel.kill()

    new = start()
    assert told(new) == "6 earlier tasks: 6 not over. %gc attach"
    said = new.ok("%gc attach").stream("stdout")
    older = re.search(
        r"sweep is a newer run's\. 3 tasks of cell \[\d+\], sent \d\d:\d\d:\d\d:"
        r" (%gc attach gcj-[0-9a-f]{8}) gives them\.\n",
        said,
    )
    assert older is not None, said
    assert "w is a newer run's." in said
    assert "Bound: sweep.\nBound when all have ended: w.\n" in said
    loopback.bring_online(offline)
    assert new.ok("sweep.result()").text == "[None, None, None]"
    new.wait_for_callbacks()
    assert new.ok("w").text == "[10, 11, 12]"
    again = new.ok(older[1]).stream("stdout")
    assert "sweep is a newer run's." in again
    assert new.ok("old = _; old.result(); old.out('w'), w").text == "([0, 1, 2], [10, 11, 12])"


def test_a_map_of_one_is_a_list_after_a_restart(loopback: Loopback, start: Start) -> None:
    offline = loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {offline} -a -q --map x=[7] --future sweep --out w\nw = x\nx")
    kernel.wait_for_ids("sweep")
    kernel.kill()
    new = start()
    told(new)
    assert "Bound when all have ended: w." in new.ok("%gc attach").stream("stdout")
    loopback.bring_online(offline)
    assert new.ok("sweep.result()").text == "[7]"
    new.wait_for_callbacks()
    assert new.ok("w").text == "[7]"


def test_what_was_shown_of_a_sweep_comes_back_with_what_failed(
    loopback: Loopback, start: Start
) -> None:
    inline = loopback.endpoint("inline")
    kernel = start()
    told(kernel)
    shown = kernel.run(f"%%gcrun {inline} --map x=range(3) --out w --future sweep\nw = 1 / (x - 1)")
    assert "1 of 3 tasks failed" in shown.traceback
    kernel.kill()
    new = start()
    assert told(new) == "1 earlier task: 1 failed. %gc attach"
    assert "Bound: sweep, w." in new.ok("%gc attach").stream("stdout")
    assert new.ok("str(w)").text == repr(
        "[-1.0, <no value: x=1: ZeroDivisionError: division by zero>, 1.0]"
    )


def test_executors_that_were_used_before_the_extension(loopback: Loopback, start: Start) -> None:
    """Their open tasks are written down, and their later ones."""
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    kernel = start()
    kernel.ok("from gc_jupyter import Executor\ndef same(x): return x")
    kernel.ok(f"one = Executor({inline!r}); one.submit(same, 1).result(60)")
    kernel.ok(f"waiting = Executor({offline!r}, one.client).submit(same, 2)")
    kernel.wait_for_ids("[waiting]")
    told(kernel)
    kernel.ok("later = one.submit(same, 3); later.result(60)")
    listed = kernel.ok("%gc tasks --all").stream("stdout")
    ids = kernel.ok("print(waiting.task_id, later.task_id)").stream("stdout").split()
    assert all(one[:8] in listed for one in ids), listed
    loopback.bring_online(offline)
    assert kernel.ok("waiting.result(60)").text == "2"
