"""What users do to notebooks, kernels and journals in the midst of tasks: each name has its own
result after it, or it is said what isn't known."""

from __future__ import annotations

import re
from pathlib import Path

from tests.magics.conftest import Kernel
from tests.magics.restarts import Start, start, told
from tests.service.handle import Loopback

__all__ = ["start"]


def submit(kernel: Kernel, endpoint: str, name: str, value: str, options: str = "") -> str:
    """A cell that goes on after its kernel; its task's id."""
    kernel.ok(f"%%gcrun {endpoint} -a -q --future {name} {options}\n{value}")
    kernel.wait_for_ids(f"[{name}]")
    return kernel.ok(f"print({name}.task_id)").stream("stdout").strip()


def test_two_live_kernels_of_one_notebook(loopback: Loopback, start: Start) -> None:
    """A copy that is opened in another tab takes nothing of the one that lives."""
    offline = loopback.new_endpoint("offline")
    one, other = start("/same.ipynb"), start("/same.ipynb")
    told(one)
    submit(one, offline, "f", "'of one'")
    assert told(other) == ""
    assert "nothing to attach" in other.ok("%gc attach").stream("stdout")
    submit(other, offline, "f", "'of the other'")
    loopback.bring_online(offline)
    assert one.ok("f.result(60)").text == "'of one'"
    assert other.ok("f.result(60)").text == "'of the other'"


def test_two_attach_at_once(loopback: Loopback, start: Start) -> None:
    """Of two new kernels of one notebook, each has the results or says who has them."""
    offline = loopback.new_endpoint("offline")
    first = start("/one.ipynb")
    told(first)
    submit(first, offline, "f", "'the value'")
    first.kill()
    one, other = start("/one.ipynb"), start("/one.ipynb")
    told(one)
    told(other)
    asked = [(kernel, kernel.send("%gc attach")) for kernel in (one, other)]
    shown = [kernel.finish(request) for kernel, request in asked]
    loopback.bring_online(offline)
    has = [kernel.ok("'f' in dir()").text == "True" for kernel, _ in asked]
    assert any(has), [one.outputs for one in shown]
    for (kernel, _), there in zip(asked, has, strict=True):
        if there:
            assert kernel.ok("f.result(60)").text == "'the value'"


def test_a_renamed_notebook(loopback: Loopback, start: Start) -> None:
    offline = loopback.new_endpoint("offline")
    first = start("/before.ipynb")
    told(first)
    task = submit(first, offline, "f", "'the value'")
    first.kill()
    renamed = start("/after.ipynb")
    assert told(renamed) == ""
    said = renamed.ok("%gc attach").stream("stdout")
    others = "1 task is of other notebooks (before.ipynb): %gc attach --all."
    assert said == f"There is nothing to attach to. {others}\n"
    renamed.ok("%gc attach --all")
    loopback.bring_online(offline)
    assert renamed.ok("f.result(60), f.task_id").text == f"('the value', '{task}')"


def test_copied_cells_that_bind_one_name(loopback: Loopback, start: Start) -> None:
    """The newest has the name; of the other it is said how to get it."""
    offline = loopback.new_endpoint("offline")
    first = start()
    told(first)
    options = "--label same --out y"
    older = submit(first, offline, "f", "y = 'older'\ny", options)
    submit(first, offline, "f", "y = 'newer'\ny", options)
    first.kill()
    new = start()
    told(new)
    said = new.ok("%gc attach").stream("stdout")
    assert "f is a newer run's. 1 task of cell [2], sent " in said
    assert f"%gc attach {older} gives it." in said
    loopback.bring_online(offline)
    assert new.ok("f.result(60), y").text == "('newer', 'newer')"
    assert new.ok(f"%gc attach {older}").text == "'older'"
    assert new.ok("f.result(), y").text == "('newer', 'newer')"


def test_the_clock_was_set_back(loopback: Loopback, start: Start) -> None:
    """Tasks that seem to be of tomorrow, and a newer run that seems older."""
    offline = loopback.new_endpoint("offline")
    first = start()
    told(first)
    submit(first, offline, "f", "'first'")
    first.ok("import time; now = time.time; time.time = lambda: now() - 86_400")
    submit(first, offline, "g", "'after'")
    first.ok("time.time = lambda: now() + 86_400")
    submit(first, offline, "h", "'tomorrow'")
    first.kill()
    new = start()
    assert told(new) == "3 earlier tasks: 3 not over. %gc attach"
    new.ok("%gc attach")
    loopback.bring_online(offline)
    assert new.ok("[one.result(60) for one in (f, g, h)]").text == "['first', 'after', 'tomorrow']"
    new.ok("f = 'my own'")
    assert "nothing to attach" in new.ok("%gc attach").stream("stdout")
    assert new.ok("f").text == "'my own'"


def test_the_journal_is_deleted(loopback: Loopback, start: Start, tmp_path: Path) -> None:
    """What was submitted before is known to the service; what comes after is written down."""
    offline = loopback.new_endpoint("offline")
    first = start()
    told(first)
    task = submit(first, offline, "f", "'before'")
    for path in (tmp_path / "data").rglob("*.sqlite*"):
        path.unlink()
    submit(first, offline, "g", "'after'")
    submit(first, offline, "h", "'later'")
    first.kill()
    new = start()
    assert re.match(r"[12] earlier tasks?: [12] not over\. %gc attach", told(new))
    new.ok("%gc attach")
    loopback.bring_online(offline)
    assert new.ok("h.result(60)").text == "'later'"
    loopback.wait_for_results([task])
    assert new.ok(f"%gc attach {task}").text == "'before'"  # its reply says what it is
    assert new.ok("f.result()").text == "'before'"


def test_the_journal_cannot_be_opened(loopback: Loopback, start: Start, tmp_path: Path) -> None:
    """A warning, once; cells run, and the group is found by its id."""
    inline = loopback.endpoint("inline")
    first = start()
    told(first)
    submit(first, inline, "f", "'before'")
    group = first.ok("print(f.info.task_group_id)").stream("stdout").strip()
    first.kill()
    (journal,) = (tmp_path / "data").rglob("*.sqlite")
    journal.unlink()
    journal.mkdir()
    new = start()
    shown = new.ok("%load_ext gc_jupyter")
    ran = new.ok(f"%%gcrun {inline}\n6 * 7")
    assert ran.text == "42"
    warned = shown.stream("stderr") + ran.stream("stderr")
    assert warned.count("The journal ") == 1
    assert new.ok(f"%gc attach {group}").status == "ok"
    assert new.ok("f.result(60)").text == "'before'"
