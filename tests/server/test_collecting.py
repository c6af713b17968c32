"""Results that are collected while no kernel runs: real servers, kernels, brokers and workers."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from gc_jupyter.journal import Database, KernelSession
from tests.journal.test_journal import entry
from tests.magics.conftest import Kernel
from tests.server.conftest import Notices, Server, User
from tests.service.handle import Loopback
from tests.waiting import poll

ON = "--GCJupyter.collect_results=True"


def told(kernel: Kernel) -> str:
    """What %load_ext says."""
    return kernel.ok("%load_ext gc_jupyter").stream("stdout").strip()


def leave(user: User, endpoint: str, *cells: str, **environ: str) -> list[str]:
    """Have a kernel submit these as `f0`, `f1`, ..., and kill it; returns the tasks' ids."""
    kernel = user.kernel(**environ)
    told(kernel)
    for at, cell in enumerate(cells):
        kernel.ok(f"%%gcrun {endpoint} -a -q --future f{at}\n{cell}")
        kernel.wait_for_ids(f"[f{at}]")
    ids = [kernel.ok(f"print(f{at}.task_id)").stream("stdout").strip() for at in range(len(cells))]
    kernel.ok("%gc tasks")  # read after it was written
    kernel.kill()
    return ids


def wait_for(server: Server, notices: Notices, task_ids: list[str]) -> list[dict[str, Any]]:
    """Until the server has these tasks' results; their rows."""

    def rows() -> list[dict[str, Any]]:
        found = [server.task(task_id) for task_id in task_ids]
        return [one for one in found if one is not None and one["collected"]]

    return list(notices.wait_for(lambda: len(found := rows()) == len(task_ids) and found))


def abandon(loopback: Loopback, task_ids: list[str]) -> None:
    """What the service does half an hour after a result came."""
    for task_id in task_ids:
        loopback.change_task(task_id, status="abandoned", result=None, exception=None)


def test_a_result_that_only_the_server_has(loopback: Loopback, user: User) -> None:
    """Killed while it waits; the server listens, and the service then forgets the result."""
    server = user.server()
    notices = server.notices()
    server.collect()
    offline = loopback.new_endpoint("offline")
    ids = leave(user, offline, "class Big:\n    n = 7\nprint('a canary')\nBig.n * 6", "1 / 0")
    loopback.bring_online(offline)
    good, bad = wait_for(server, notices, ids)
    abandon(loopback, ids)
    assert (good["state"], good["seen"], good["kernel_alive"]) == ("success", False, False)
    assert bad["state"] == "success"  # what a cell came to is in its reply, which stays sealed
    assert server.ask("status") | {"version": ""} == {
        **{"version": "", "collecting": True, "open": 0, "collected": 2},
        **{"problem": "", "next_step": ""},
    }
    server.stop()
    _is_the_users_alone(user, server, "a canary")
    new = user.kernel()
    assert told(new) == "2 earlier tasks: 2 success. %gc attach"
    loopback.clear()
    new.ok("%gc attach")
    assert new.ok("f0.result(), f0.stdout").text == "(42, 'a canary\\n')"
    assert new.run("f1.result()").error["ename"] == "ZeroDivisionError"
    assert loopback.requests() == []  # nobody was asked
    new.kill()
    again = user.kernel(signed_in=False)  # nobody need be
    assert told(again) == ""
    assert again.ok(f"%gc result {ids[0]}").text == "42"  # kept, though it was shown


def test_results_that_came_before_the_server(loopback: Loopback, user: User) -> None:
    """Asked for at its start; the kernel had even acknowledged one of them."""
    inline = loopback.endpoint("inline")
    kernel = user.kernel()
    told(kernel)
    kernel.ok(f"%%gcrun {inline} -a -q --future kept\n'not seen'")
    kernel.ok("import concurrent.futures; concurrent.futures.wait([kept])")
    task = kernel.ok("print(kept.task_id)").stream("stdout").strip()
    kernel.kill()
    server = user.server(ON)
    notices = server.notices()
    (row,) = wait_for(server, notices, [task])
    assert row["state"] == "success"
    abandon(loopback, [task])
    assert _kinds(user) == {"status"}
    new = user.kernel()
    assert told(new) == "1 earlier task: 1 success. %gc attach"
    assert new.ok(f"%gc result {task}").text == "'not seen'"


def test_a_kernel_takes_its_tasks_back(loopback: Loopback, user: User) -> None:
    """While the server listens; nothing is lost between them, and nothing comes late."""
    server = user.server(ON)
    notices = server.notices()
    offline = loopback.new_endpoint("offline")
    kernel = user.kernel()
    told(kernel)
    kernel.ok(f"%%gcrun {offline} -a -q --map x=range(200) --future sweep\nx")
    kernel.wait_for_ids("sweep")
    (task,) = leave(user, offline, "'the server collects it'")
    kernel.kill()
    notices.wait_for(lambda: len(_claims(user)) == 2)
    new = user.kernel()
    assert told(new) == "201 earlier tasks: 201 not over. %gc attach"
    group = kernel_group(user, task)
    new.ok(f"sweep_ids = [one for one in {_ids(user, group)!r}]")
    new.ok("get_ipython().run_line_magic('gc', 'attach ' + ' '.join(sweep_ids))")
    assert new.ok("len(sweep), len({f.task_id for f in sweep})").text == "(200, 200)"
    loopback.bring_online(offline)
    assert new.ok("sweep.result(60) == list(range(200))").text == "True"
    wait_for(server, notices, [task])  # the other group is still the server's
    with sqlite3.connect(user.journal) as connection:
        kept = connection.execute("SELECT task_id FROM results").fetchall()
    assert kept == [(task,)]


def test_kernels_that_live_are_left_alone(loopback: Loopback, user: User) -> None:
    """Two kernels, one server, two who watch: all agree."""
    server = user.server(ON)
    one, other = server.notices(), server.notices()
    offline = loopback.new_endpoint("offline")
    living = user.kernel()
    told(living)
    living.ok(f"%%gcrun {offline} -a -q --future own\n'mine'")
    living.wait_for_ids("[own]")
    own = living.ok("print(own.task_id)").stream("stdout").strip()
    (left,) = leave(user, offline, "'left behind'")
    one.wait_for(lambda: _claims(user))
    assert list(_claims(user)) == [kernel_group(user, left, same=True)]
    loopback.bring_online(offline)
    assert living.ok("own.result(60)").text == "'mine'"
    wait_for(server, one, [left])
    other.wait_for(lambda: (server.task(own) or {}).get("state") == "success")
    row = server.task(own)
    assert row is not None
    assert (row["collected"], row["kernel_alive"]) == (False, True)


def test_nothing_is_collected_unless_it_is_wanted(loopback: Loopback, user: User) -> None:
    server = user.server()
    notices = server.notices()
    offline = loopback.new_endpoint("offline")
    (task,) = leave(user, offline, "1")
    notices.wait_for(lambda: (server.task(task) or {}).get("kernel_alive") is False)
    assert server.ask("status")["collecting"] is False
    assert _claims(user) == {}
    loopback.clear()
    server.collect()
    notices.wait_for(lambda: _claims(user))
    server.collect(False)
    assert _claims(user) == {}
    loopback.bring_online(offline)  # or the service would wait for it at its end


def test_nobody_is_signed_in(user: User) -> None:
    database = Database(user.journal)
    with database:
        database.add_session(KernelSession(session="old", pid=2**22 + 1))
        database.add_tasks([entry(task_id="waits")])
    database.close()
    server = user.server(ON, signed_in=False)
    status = poll(lambda: (said := server.ask("status"))["problem"] and said)
    assert status["problem"] == "Nobody is signed in."
    assert "%gc login" in status["next_step"]
    row = server.task("waits")
    assert row is not None
    assert not row["collected"]


def _is_the_users_alone(user: User, server: Server, canary: str) -> None:
    log = "".join(server.log)
    assert canary not in log
    assert user.token not in log
    assert user.token.encode() not in user.journal.read_bytes()
    if os.name == "posix":
        for one in user.journal.parent.rglob("*"):
            assert one.stat().st_mode & 0o777 == (0o700 if one.is_dir() else 0o600), one


def _claims(user: User) -> dict[str, str]:
    if not user.journal.exists():
        return {}
    database = Database(user.journal)
    found = dict(database.select("SELECT group_id, session FROM claims"))
    database.close()
    return found


def _kinds(user: User) -> set[str]:
    database = Database(user.journal)
    found = {row[0] for row in database.select("SELECT DISTINCT form FROM results")}
    database.close()
    return found


def kernel_group(user: User, task_id: str, same: bool = False) -> str:
    """The group of a task, or the one that it isn't in."""
    database = Database(user.journal)
    ((mine,),) = database.select("SELECT group_id FROM tasks WHERE task_id = ?", [task_id])
    others = database.select("SELECT DISTINCT group_id FROM tasks WHERE group_id != ?", [mine])
    database.close()
    return str(mine if same else others[0][0])


def _ids(user: User, group: str) -> list[str]:
    database = Database(user.journal)
    found = [one.task_id for one in database.tasks("group_id = ?", [group])]
    database.close()
    return found
