"""Kernels that end by SIGKILL, and new ones that pick up what they left."""

from __future__ import annotations

import os
import re

from tests.magics.restarts import Start, start, told
from tests.service.handle import Loopback

__all__ = ["start"]


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
    assert re.search(rf"on the way to {offline} at \d\d:\d\d:\d\d, and no reply was read\.", said)
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


def test_the_first_reply_is_garbled(loopback: Loopback, start: Start) -> None:
    """In a kernel that lives on: nothing is said of its end."""
    inline, kernel = loopback.endpoint("inline"), start()
    told(kernel)
    loopback.fault(path=".*/submit", garble=True)
    shown = kernel.run(f"%%gcrun {inline} --future kept\n'accepted'")
    assert shown.error["ename"] == "SubmitUncertain"
    said = kernel.ok("%gc attach").stream("stdout")
    assert re.search(
        r"\(kept\): on the way to \S+ at \d\d:\d\d:\d\d, and no reply was read\.", said
    )
    assert "ended" not in said
    assert kernel.ok(f"%%gcrun {inline}\n'usable'").text == "'usable'"
    assert kernel.ok("%gc attach --forget").stream("stdout").startswith("1 task is forgotten.")
    assert "nothing to attach" in kernel.ok("%gc attach").stream("stdout")


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
