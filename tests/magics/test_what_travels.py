"""What comes back, and what is said of it, by `local` and by a real endpoint's process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.magics.conftest import Kernel, Shown
from tests.service.handle import Loopback

#: Task 2 fails, task 3 doesn't set what is asked for.
PARTLY = "r = x\nif x == 2: 1 / 0\nif x == 3: del r\nx * x"
MARKED = (
    "[0, 1, <no value: x=2: ZeroDivisionError: division by zero>,"
    " <no value: x=3: the cell has not set r>, 4]"
)


@pytest.fixture(scope="module")
def far(loopback_session: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that reaches the loopback service."""
    home = tmp_path_factory.mktemp("home")
    kernel = Kernel(home, loopback_session.environment, cwd=home)
    try:
        kernel.ok("%load_ext gc_jupyter")
        yield kernel
    finally:
        kernel.close()


@pytest.fixture(scope="module", params=["local", "process"])
def where(request: pytest.FixtureRequest, loopback_session: Loopback) -> str:
    """`local`, and the id of an endpoint whose workers are processes."""
    return "local" if request.param == "local" else loopback_session.endpoint("process")


# --- what arrived isn't lost ----------------------------------------------------------------------


def test_names_that_were_set_before_an_error(far: Kernel, where: str) -> None:
    cell = "losses = [3, 2]\nbest = losses[-1]\n1 / 0\nnever = 1"
    far.ok("best = losses = None")
    shown = far.run(f"%%gcrun {where} -q --out best,never,losses\n{cell}")
    assert shown.error["ename"] == "ZeroDivisionError"
    assert shown.stream("stderr") == "Bound before the error: best, losses.\n"
    assert far.ok("best, losses, 'never' in globals()").text == "(2, [3, 2], False)"


def test_names_of_a_failed_cell_that_was_not_waited_for(far: Kernel, where: str) -> None:
    far.ok("best = None")
    far.ok(f"%%gcrun {where} -q -a --out best,never --future kept\nbest = 7\n1 / 0\nnever = 1")
    assert far.ok("type(kept.exception(60)).__name__, best").text == "('ZeroDivisionError', 7)"


def test_names_of_a_failed_cell_that_is_attached_to(far: Kernel, where: str) -> None:
    far.ok("best = None")
    far.ok(f"%%gcrun {where} -q -a --out best,never --future kept\nbest = 7\n1 / 0\nnever = 1")
    task = far.ok("kept.exception(60); print(kept.task_id); del best").stream("stdout").strip()
    shown = far.run(f"%gc attach {task}")
    assert shown.error["ename"] == "ZeroDivisionError"
    assert shown.stream("stdout") == "Bound: best.\n"
    assert far.ok("best, 'never' in globals()").text == "(7, False)"


def test_a_misspelt_name_costs_itself(far: Kernel, where: str) -> None:
    shown = far.ok(f"%%gcrun {where} -q --out reslut,found\nresult = 1\nfound = 2\n'value'")
    assert shown.text == "'value'"
    said = "--out reslut: the cell has not set this variable.\n"
    assert shown.stream("stderr") == said
    assert far.ok("found, 'reslut' in globals()").text == "(2, False)"


def test_a_fan_out_with_a_failure(far: Kernel, where: str) -> None:
    shown = far.run(f"%%gcrun {where} -q --map x=range(5) --out r\n{PARTLY}")
    assert shown.error["ename"] == "FanOutFailed"
    assert shown.traceback.splitlines()[1] == (
        "Bound: r, with a NoValue in the place of each task that failed."
        " sys.last_value.tasks.values() has the 4 other results."
    )
    assert far.ok("print(r)").stream("stdout") == f"{MARKED}\n"
    kept = far.ok("import sys; print(sys.last_value.tasks.values())").stream("stdout")
    assert kept == "[0, 1, <no value: x=2: ZeroDivisionError: division by zero>, 9, 16]\n"


def test_a_fan_out_that_is_not_waited_for(far: Kernel, where: str) -> None:
    far.ok("r = None")
    far.ok(f"%%gcrun {where} -q -a --map x=range(5) --out r --future sweep\n{PARTLY}")
    assert far.run("sweep.result()").error["ename"] == "FanOutFailed"
    assert far.ok("print(r)").stream("stdout") == f"{MARKED}\n"


def test_a_fan_out_that_is_attached_to(far: Kernel, where: str) -> None:
    far.ok(f"%%gcrun {where} -q -a --map x=range(5) --out r --future lost\n{PARTLY}")
    far.run("lost.result()")
    group = far.ok("print(lost[0].info.task_group_id); del r, lost").stream("stdout").strip()
    shown = far.run(f"%gc attach {group}")
    assert "Bound: " in said(shown)
    assert far.run("lost.result()").error["ename"] == "FanOutFailed"
    assert far.ok("print(r)").stream("stdout") == f"{MARKED}\n"


# --- words ----------------------------------------------------------------------------------------


def test_a_table_that_is_displayed(far: Kernel, where: str) -> None:
    far.ok("class Table:\n    def _repr_html_(self): return '<table>'\ndf = Table()")
    shown = far.ok(f"%%gcrun {where} -q\ndisplay(df)")
    assert "run the cell with --html" in shown.stream("stderr")
    shown = far.ok(f"%%gcrun {where} -q --html\ndisplay(df)")
    assert shown.stream("stderr") == ""
    assert "<table" in shown.outputs[0]["data"]["text/html"]


def test_a_generator_of_random_numbers(far: Kernel, where: str) -> None:
    far.ok("import random; rng = random.Random(1)")
    shown = far.ok(f"%%gcrun {where} --map i=range(3)\nrng.random()")
    assert "the same random numbers from its copy of rng" in shown.stream("stderr")


def test_a_module_that_was_edited(far: Kernel, where: str) -> None:
    """It travels as the kernel has it, until it is reloaded; also where a body imports it."""
    name = f"edited_{abs(hash(where)) % 1000}"
    far.ok(f"%%writefile {name}.py\nV = 1\ndef f(): return V")
    far.ok(f"import {name}")
    far.ok(f"%%writefile {name}.py\nV = 222\ndef f(): return 'edited', V")
    cell = f"%%gcrun {where} -q\n{name}.f(), g()"
    far.ok(f"def g():\n    import {name}\n    from {name} import V\n    return {name}.f(), V")
    assert far.ok(cell).text == far.ok(f"{name}.f(), g()").text == "(1, (1, 1))"
    far.ok(f"import importlib; importlib.reload({name})")
    assert far.ok(cell).text == "(('edited', 222), (('edited', 222), 222))"


def test_functions_that_are_not_kept(far: Kernel, where: str) -> None:
    cell = "def f(): return 1\nprint(f())"
    shown = far.ok(f"%%gcrun {where}\n{cell}")
    assert "Not kept here: f." in shown.stream("stderr")
    assert "--out f brings back" in shown.stream("stderr")
    shown = far.ok(f"%%gcrun {where} --out f\n{cell}")
    assert "Not kept" not in shown.stream("stderr")
    assert far.ok("f()").text == "1"


@pytest.mark.parametrize(
    "option",
    ["--out a", "-a", "--map x=[1]", "--keep a", "--future a"],
)
def test_options_that_mean_nothing_for_definitions(far: Kernel, where: str, option: str) -> None:
    shown = far.run(f"%%gcrun {where} {option}\ndef f(): return 1")
    name = option.split()[0]
    assert f"{name}: this cell only defines, and has no task. Leave it out; " in said(shown)


def test_options_that_calls_keep(far: Kernel, where: str) -> None:
    line = "--label mine --tb-limit 1 --in hidden_one --timeout 60 -v"
    far.ok("hidden_one = 5")
    far.ok(
        f"%%gcrun {where} {line}\ndef first(): second()\ndef second(): 1 / 0\n"
        "def looks(): return globals()['hidden_one']"
    )
    shown = far.ok("looks()")
    assert shown.text == "5"
    assert "Task " in shown.stream("stdout")  # -v
    assert far.ok("looks.submit().label").text == "'mine looks'"
    traceback = far.run("first()").traceback
    assert "in second" in traceback
    assert "in first" not in traceback


def test_what_stayed_there(far: Kernel, where: str) -> None:
    """It is named for what it is, and not for a class of this package."""
    far.ok(f"%%gcrun {where} -q --out G\nG = (i for i in range(3))")
    refused = far.run(f"%%gcrun {where} -q\nlist(G)").traceback
    assert f"'G': its value (builtins.generator) stayed on {where}, and only its text" in refused
    assert "gc_jupyter" not in refused
    assert "Make it in this cell again, or keep it in a file there" in refused


def said(shown: Shown) -> str:
    """All that a cell has said."""
    errors = "".join("\n".join(one.get("traceback", ())) for one in shown.outputs)
    return shown.stream("stdout") + shown.stream("stderr") + errors


def test_what_a_call_leaves_here_is_said_once_before_it(far: Kernel, where: str) -> None:
    name = f"fractions.of_{where[:4]}"  # each is said once for a notebook
    far.ok(f"import fractions, os\n{name} = open(os.devnull)\ndef named(): return fractions")
    far.ok(f"%%gcrun {where}\ndef call(): return len(named().__name__)")
    shown = far.ok("call()")
    assert shown.text == "9"
    assert f"{name} stays here: " in shown.stream("stderr")
    assert "stays here" not in far.ok("call()").stream("stderr")
    far.ok(f"{name}.close(); del {name}")


def test_what_threads_cannot_have_is_said_before(far: Kernel, loopback_session: Loopback) -> None:
    """The service's record of an endpoint tells its engine."""
    engine = {"metadata": {"endpoint_config": "engine:\n  type: ThreadPoolEngine\n"}}
    threads = loopback_session.new_endpoint("inline", engine)
    far.ok("import decimal\ndecimal.getcontext().prec = 5")
    assert far.ok(f"%%gcrun {threads}\ndecimal.getcontext().prec").stream("stderr") == ""
    far.ok("import builtins\nbuiltins.own_of_this_test = 1")
    shown = far.ok(f"%%gcrun {threads}\n1")
    assert f"set in builtins stays here: tasks on {threads} are threads" in shown.stream("stderr")
    assert "stays here" not in far.ok(f"%%gcrun {threads}\n2").stream("stderr")
    far.ok("del builtins.own_of_this_test")
