"""What `%gc attach` binds and shows of the tasks of a kernel that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.magics.conftest import Kernel
from tests.magics.restarts import Start, start, told
from tests.service.handle import Loopback

__all__ = ["start"]


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


def test_the_newest_run_has_the_name_on_another_machine(
    loopback: Loopback, start: Start, tmp_path: Path
) -> None:
    """In whatever order the service lists them: their replies say when they were sent."""
    inline, kernel = loopback.endpoint("inline"), start()
    told(kernel)
    for word in ("older", "newer"):
        kernel.ok(f"%%gcrun {inline} -a -q --future kept --out a\na = {word!r}\na", "cell-1")
        kernel.ok("kept.exception(60)")
    group = kernel.ok("print(kept.info.task_group_id)").stream("stdout").strip()
    for listed in ("", "reversed"):
        loopback.result_fault(listed=listed)
        other = Kernel(tmp_path / f"machine {listed}", loopback.environment)
        try:
            told(other)
            said = other.ok(f"%gc attach {group}").stream("stdout")
            assert re.search(r"kept is a newer run's\. 1 task, sent \d\d:\d\d:\d\d: %gc", said)
            assert other.ok("kept.result(), a").text == "('newer', 'newer')"
            other.ok("%gc attach " + other.ok("print(kept.task_id)").stream("stdout"))
            assert other.ok("kept.result(), a").text == "('newer', 'newer')"
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


def test_plain_tasks_that_cannot_be_told_apart(loopback: Loopback, start: Start) -> None:
    """They are listed by their ids, and kept until somebody wants to hear of them no more."""
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    kernel = start()
    told(kernel)
    kernel.ok(f"%%gcrun {inline}\n1")
    kernel.ok("from gc_jupyter import Executor\ndef one(x): return x\ndef other(x): return -x")
    loopback.result_fault(early=True)  # the reply waits for the results, which don't come
    both = "executor.submit(one, 1)\n    executor.submit(other, 2)"
    kernel.ok(f"executor = Executor({offline!r})\nwith executor.gathering():\n    {both}")
    loopback.wait_for_submissions(2, answered=False)
    kernel.kill()
    loopback.reset()
    new = start()
    assert told(new) == "2 earlier tasks: 2 not over. %gc attach"
    said = new.ok("%gc attach").stream("stdout")
    assert "2 tasks are of plain functions, whose results say nothing of where they belong" in said
    ids = re.search(r"It can't be told whose these are: (\S+), (\S+)\. %gc result ID", said)
    assert ids is not None, said
    new.kill()
    third = start()
    assert told(third) == "2 earlier tasks: 2 can't be told from others. %gc attach"
    listed = third.ok("%gc tasks --all").stream("stdout")
    assert len(re.findall(r"can't be told from others at \d\d:\d\d:\d\d", listed)) == 2
    loopback.bring_online(offline)
    loopback.wait_for_results(list(ids.groups()))
    results = [third.ok(f"%gc result {one}").text for one in ids.groups()]
    assert sorted(results) == ["-2", "1"]
    assert third.ok("%gc attach --forget").stream("stdout").startswith("2 tasks are forgotten.")
    third.kill()
    assert told(start()) == ""


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
