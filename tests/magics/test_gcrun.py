"""%%gcrun in a real kernel, on the embedded local endpoint."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel

PLAIN = re.compile(r"\x1b\[[0-9;]*m")


def test_a_cell_like_a_local_one(kernel: Kernel) -> None:
    kernel.ok("n = 4\ndef helper(x):\n    return x * n")
    shown = kernel.ok(
        "%%gcrun local\nimport os, sys\nprint('out')\nprint('err', file=sys.stderr)\n"
        "[helper(3), os.getpid()]"
    )
    assert shown.stream("stdout") == "out\n"
    assert shown.stream("stderr") == "err\n"
    value = kernel.ok("import os; (_[0], _[1] != os.getpid())")
    assert value.text == "(12, True)"


def test_out_n(kernel: Kernel) -> None:
    shown = kernel.ok("%%gcrun local\n{'a': 1}")
    number = shown.result["execution_count"]
    assert kernel.ok(f"Out[{number}] == _ == {{'a': 1}}").text == "True"


@pytest.mark.parametrize("cell", ["x = 1", "None", "5;", "!true", "# nothing"])
def test_no_value_no_out(kernel: Kernel, cell: str) -> None:
    assert kernel.ok(f"%%gcrun local\n{cell}").outputs == []


def test_streams_and_displays_in_order(kernel: Kernel) -> None:
    shown = kernel.ok(
        "%%gcrun local\nimport sys\nprint(1); sys.stdout.flush(); display('a'); print(2)\n"
        "print(3, file=sys.stderr)\ndisplay('b')\n4"
    )
    kinds = [kind for kind in shown.order if kind != "stderr"]
    assert kinds == ["stdout", "display_data", "stdout", "display_data", "execute_result"]


def test_a_figure_is_a_picture(kernel: Kernel) -> None:
    # -q: on a slow machine the import takes so long that progress would be shown too
    shown = kernel.ok("%%gcrun local -q\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    (figure,) = shown.outputs
    assert figure["data"]["image/png"].startswith("iVBORw0KGgo")


def test_remote_text_is_never_markup(kernel: Kernel) -> None:
    cell = "from IPython.display import HTML, display\ndisplay(HTML('<script>1</script>'))"
    shown, said = kernel.ok(f"%%gcrun local --progress-after -1\n{cell}").outputs
    assert set(shown["data"]) == {"text/plain"}
    assert said["text"].endswith("run the cell with --html.\n")
    (shown,) = kernel.ok(f"%%gcrun local --html --progress-after -1\n{cell}").outputs
    assert shown["data"]["text/html"] == "<script>1</script>"


def test_a_value_is_no_markup_either(kernel: Kernel) -> None:
    cell = "from IPython.display import HTML\nHTML('<script>1</script>')"
    shown = kernel.ok(f"%%gcrun local\n{cell}")
    assert set(shown.result["data"]) == {"text/plain"}
    assert shown.stream("stderr").endswith("run the cell with --html.\n")
    assert kernel.ok("_.data").text == "'<script>1</script>'"
    shown = kernel.ok(f"%%gcrun local --html\n{cell}")
    assert shown.result["data"]["text/html"] == "<script>1</script>"
    frame = "import pandas as pd\npd.DataFrame({'a': [1]})"  # data, shown by what is installed here
    assert "text/html" in kernel.ok(f"%%gcrun local\n{frame}").result["data"]


@pytest.mark.parametrize(
    ("cell", "hidden"),
    [
        ("import pandas as pd\ndisplay(pd.DataFrame({'a': [1]}))", True),
        ("import pandas as pd\ndisplay(pd.Series([1]))", False),
        ("display({'text/html': '<b>'}, raw=True)", True),
        ("display({'text/html': '<b>', 'text/plain': 'b'}, raw=True)", False),
        ("display(object())", False),
    ],
)
def test_tables_and_what_has_no_text_are_said_to_be_hidden(
    kernel: Kernel, cell: str, hidden: bool
) -> None:
    assert ("--html" in kernel.ok(f"%%gcrun local\n{cell}").stream("stderr")) == hidden


def test_shell_commands(kernel: Kernel) -> None:
    kernel.ok("word = 'hello'")
    shown = kernel.ok("%%gcrun local\nfiles = !echo a; echo b\n!echo {word} $word\nfiles")
    assert shown.stream("stdout") == "hello hello\n"
    assert shown.text == "['a', 'b']"


def test_traceback_has_the_cells_own_lines(kernel: Kernel) -> None:
    defined = kernel.ok("def inner(x):\n    y = x\n    return 1 / y\n42")
    where = defined.result["execution_count"]
    shown = kernel.run("%%gcrun local\na = 1\n\ninner(0)")
    assert shown.status == "error"
    assert shown.error["ename"] == "ZeroDivisionError"
    lines = shown.traceback.splitlines()
    assert re.fullmatch(r"ZeroDivisionError on local \([^,]*\)", lines[0])
    assert f"Cell In[{where + 1}], line 4" in lines
    assert "----> 4 inner(0)" in lines
    assert f"Cell In[{where}], line 3, in inner" in lines
    assert "----> 3     return 1 / y" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "gc_jupyter" not in shown.traceback
    assert "IPython" not in shown.traceback


def test_a_remote_error_stops_run_all(kernel: Kernel, tmp_path: Path) -> None:
    both_sent = tmp_path / "sent"
    wait = f"import os, time\nwhile not os.path.exists({str(both_sent)!r}): time.sleep(0.01)"
    first = kernel.send(f"%%gcrun local\n{wait}\n1 / 0")
    second = kernel.send("print('ran all the same')")
    both_sent.touch()
    assert kernel.finish(first).status == "error"
    after = kernel.finish(second)
    assert after.status == "aborted"
    assert after.outputs == []


def test_syntax_error_as_ipython_shows_it(kernel: Kernel) -> None:
    shown = kernel.run("%%gcrun local\nx = 1\ny = (2,\n")
    assert shown.status == "error"
    assert shown.error["ename"] == "SyntaxError"
    text = PLAIN.sub("", shown.traceback)
    assert re.search(r"Cell In\[\d+\], line 3", text)
    assert "SyntaxError: '(' was never closed" in text
    assert "gc_jupyter" not in text


def test_exit(kernel: Kernel) -> None:
    shown = kernel.run("%%gcrun local\nexit()")
    assert shown.status == "error"
    assert "ended itself by exit()" in shown.traceback
    assert kernel.ok("%%gcrun local\n1").text == "1"


def test_a_worker_that_dies(kernel: Kernel) -> None:
    shown = kernel.run("%%gcrun local\nimport os\nos._exit(1)")
    assert shown.error["ename"] == "WorkerLost"
    assert re.match(r"WorkerLost on local: ", shown.traceback)
    assert kernel.ok("%%gcrun local\n1").text == "1"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%gcrun locl\n1", "Did you mean 'local'?"),
        ("%%gcrun not-a-uuid\n1", "is no endpoint's name, alias or UUID (not signed in"),
        ("%%gcrun\n1", "Name one: %%gcrun local"),
        ("%%gcrun $nowhere\n1", "Set that variable"),
        ("%%gcrun local --nonsense\n1", "unrecognized arguments: --nonsense. %%gcrun? shows"),
        ("%%gcrun local --futur x --verbos3\n1", "Did you mean --verbose?"),
        ("%%gcrun local --out 1a\n1", "write A,B"),
        ("%%gcrun local --future 1a\n1", "'1a' is not a variable's name"),
        ("%%gcrun local --map x\n1", "write --map x=range(10)"),
        ("%%gcrun local --map x=nothing\n1", "NameError"),
        ("%%gcrun local --timeout soon\n1", "soon is no number; write 60"),
        ("%%gcrun local --timeout -1\n1", "-1 is not 0 or more"),
        ("%%gcrun local --tb-limit -1\n1", "-1 is not 1 or more"),
        ("%%gcrun local --amqp-port 99999999\n1", "99999999 is not from 1 to 65535"),
        ("%%gcrun local --future f\ndef g(): pass", "f.submit(…) of a function f"),
        ("%%gcrun local -a\ndef g(): pass", "-a: this cell only defines"),
        ("%%gcrun local --map i=range(2)\ndef g(): pass", "--map: this cell only defines"),
        ("%%gcrun local --out a\ndef g(): pass", "a function's value is what f(…) returns"),
        ("%%gcrun local -a --out a --label x\ndef g(): pass", "-a, --out: this cell only"),
        ("%%gcrun local --resources {1}\n1", 'write {"name": value}'),
        ("%%gcrun local --config '[1]'\n1", 'write {"name": value}'),
        ("%%gcrun local --on-interrupt never\n1", "never is not detach or cancel-unsent"),
        ("%%gcrun local --in nothing_here\n1", "Set it first."),
        ('%%gcrun local --label "open\nquote', "is missing at the end of"),
        ("%%gcshell nowhere\n1", "is no endpoint's name"),
        ("%gc atach", "Did you mean %gc attach?"),
        ("%gc nonsense", "There are: login"),
        ("%gc result", "required: ID"),
        ("%gc result 1234", "%gc tasks --all lists those known here"),
        ("%gc use --forget nobody", "There is no alias"),
        ("%gc config nonsense 1", "There are: endpoint"),
        ("%gc config tb_limit many", "Write %gc config tb_limit 3"),
    ],
)
def test_a_mistake_is_one_line(kernel: Kernel, cell: str, said: str) -> None:
    shown = kernel.run(cell)
    assert shown.status == "error"
    message = shown.stream("stderr").strip()
    assert message.startswith("UsageError: ")
    assert said in message
    assert "\n" not in message
    assert "error" not in shown.order


@pytest.mark.parametrize("magic", ["%who", "x?"])
def test_magics_that_mean_nothing_there(kernel: Kernel, magic: str) -> None:
    shown = kernel.run(f"%%gcrun local\n{magic}")
    assert "works in the notebook only" in shown.traceback
    assert "File" not in shown.traceback


def test_what_cannot_be_sent(kernel: Kernel) -> None:
    kernel.ok("numbers = (i for i in range(3))")
    shown = kernel.run("%%gcrun local\nsum(numbers)")
    assert shown.error["ename"] == "CaptureError"
    assert len(shown.traceback.splitlines()) == 2
    kernel.ok("big = bytes(9_000_000)")  # goes by a store, whatever its size
    assert kernel.ok("%%gcrun local\nlen(big)").text == "9000000"


def test_history_names(kernel: Kernel) -> None:
    number = kernel.ok("[1, 2]").result["execution_count"]
    assert kernel.ok("%%gcrun local\nlen(_)").text == "2"
    assert (
        kernel.ok(f"%%gcrun local\n_{number}, __, _i{number}").text == "([1, 2], [1, 2], '[1, 2]')"
    )
    assert kernel.ok("%%gcrun local\nfor _ in range(3): pass\n_").text == "2"


@pytest.mark.parametrize("name", ["Out", "In", "_oh", "_ih", "_dh"])
def test_the_history_as_a_whole(kernel: Kernel, name: str) -> None:
    shown = kernel.run(f"%%gcrun local\n{name}[1]")
    assert shown.error["ename"] == "NameError"
    assert "write _3 for Out[3]" in shown.traceback
    assert kernel.ok(f"%%gcrun local\n{name} = [0, 1]\n{name}[1]").text == "1"


def test_names_of_ipython_that_the_notebook_has_taken(kernel: Kernel) -> None:
    kernel.ok("def display(x): return ('mine', x)\nOut_, Out = Out, {1: 'mine'}")
    try:
        assert kernel.ok("%%gcrun local\ndisplay(1), Out[1]").text == "(('mine', 1), 'mine')"
    finally:
        kernel.ok("Out = Out_; del display")


def test_endpoint_from_a_variable(kernel: Kernel) -> None:
    kernel.ok("where = ['local']")
    assert kernel.ok("%%gcrun {where[0]}\n'$where {where}'").text == "'$where {where}'"
    kernel.ok("where = 'local'")
    assert kernel.ok("%%gcrun $where\n2").text == "2"


def test_outputs(kernel: Kernel) -> None:
    shown = kernel.ok("%%gcrun local --out a,b --future kept\na = 1\nb = [2]\na + 1")
    assert shown.text == "2"
    assert kernel.ok("a, b, kept.result(), kept.task_id is not None").text == "(1, [2], 2, True)"


def test_a_misspelt_name_costs_itself_alone(kernel: Kernel) -> None:
    shown = kernel.ok("%%gcrun local --out reslut,found,nothing\nresult = 1\nfound = 2\n'value'")
    assert shown.text == "'value'"
    assert shown.stream("stderr").splitlines() == [
        "--out reslut: the cell has not set this variable.",
        "--out nothing: the cell has not set this variable.",
    ]
    assert kernel.ok("found, 'nothing' in globals()").text == "(2, False)"


def test_what_was_set_before_an_error_is_bound(kernel: Kernel) -> None:
    cell = "losses = [3, 2]\nbest = losses[-1]\n1 / 0\nnever = 1"
    shown = kernel.run(f"%%gcrun local --out best,never,losses --future kept\n{cell}")
    assert shown.error["ename"] == "ZeroDivisionError"
    assert shown.stream("stderr") == "Bound before the error: best, losses.\n"
    assert kernel.ok("best, losses, sorted(kept.out)").text == "(2, [3, 2], ['best', 'losses'])"
    kernel.ok("del best, losses")
    kernel.ok(f"%%gcrun local -q -a --out best,losses --future kept\n{cell}")
    assert kernel.ok("type(kept.exception()).__name__, best").text == "('ZeroDivisionError', 2)"


def test_async(kernel: Kernel) -> None:
    kernel.ok("import os, tempfile; gate = os.path.join(tempfile.mkdtemp(), 'gate')")
    cell = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.01)\nprint('there')"
    shown = kernel.ok(f"%%gcrun local -a --out a --future kept\n{cell}\na = 5\na + 1")
    assert shown.order == ["display_data", "display_data"]
    sent, table = [one for one in shown.outputs if one["kind"] == "display_data"]
    assert sent["data"]["text/plain"].startswith("Sent: gate ")
    assert "<table>" in table["data"]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in table["data"]
    value = kernel.ok("open(gate, 'w').close(); (kept.result(), kept.out['a'], kept.stdout)")
    assert value.text == "(6, 5, 'there\\n')"
    assert kernel.ok("a").text == "5"


def test_async_binds_no_name_that_was_set_meanwhile(kernel: Kernel) -> None:
    cell = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.01)\nmine, other = 1, 2"
    kernel.ok("import os, tempfile; gate = os.path.join(tempfile.mkdtemp(), 'gate')")
    kernel.ok(f"%%gcrun local -q -a --out mine,other --future kept\n{cell}")
    kernel.ok("mine = 'set here'; open(gate, 'w').close(); kept.result()")
    assert kernel.ok("mine, other").text == "('set here', 2)"


def test_async_with_an_error(kernel: Kernel) -> None:
    kernel.ok("%%gcrun local -q -a --future broken\n1 / 0")
    shown = kernel.ok("try:\n    broken.result()\nexcept ZeroDivisionError as e:\n    print(e)")
    assert shown.stream("stdout") == "division by zero\n"


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (
            "%%gcrun local -a -q --future lost\nn = 0\n1 / n",
            ["ZeroDivisionError on local (", "Cell In[", "----> 3 1 / n", "division by zero"],
        ),
        (
            "lost = halve.submit(0)",
            ["ZeroDivisionError on local (", "in halve", "1 / n", "division by zero"],
        ),
        ("%%gcshell local -a -q --future lost\nexit 3", ["exit status 3"]),
    ],
    ids=["cell", "function", "script"],
)
def test_a_tables_traceback_is_the_remote_one(kernel: Kernel, make: str, parts: list[str]) -> None:
    kernel.ok("%%gcrun local\ndef halve(n):\n    return 1 / n")
    kernel.ok(make)
    kernel.ok("lost.exception()\nfrom gc_jupyter.widgets.outcomes import whole_text")
    text = kernel.ok("print(whole_text(lost))").stream("stdout")
    for part in parts:
        assert part in text, text


GROUP = "def f(): 1 / 0\ntry: f()\nexcept Exception as e: raise ExceptionGroup('g', [e])"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="ExceptionGroup is of Python 3.11")
@pytest.mark.parametrize(
    ("cell", "name", "shown"),
    [
        ("exec('a b')", "SyntaxError", "SyntaxError: invalid syntax"),
        ("raise ExceptionGroup('g', [KeyError('k')])", "ExceptionGroup", "  | KeyError: 'k'"),
        (GROUP, "ExceptionGroup", "  | ----> 2 def f(): 1 / 0"),
    ],
)
def test_errors_that_ipython_shows_in_its_own_way(
    kernel: Kernel, cell: str, name: str, shown: str
) -> None:
    for code in (
        f"%%gcrun local\n{cell}",
        f"%%gcrun local -q -a --future kept\n{cell}\n\n#",
    ):
        error = kernel.run(code)
        if "-a" in code:
            error = kernel.run("kept.result()")
        assert error.error["ename"] == name
        assert shown in error.traceback.splitlines()
        everything = error.traceback + error.stream("stderr")
        assert "gc_jupyter" not in everything
        assert "concurrent" not in everything


def test_which_values_are_shown_is_up_to_ipython(kernel: Kernel) -> None:
    """`ast_node_interactivity`, as in a local cell."""
    cell = "%%gcrun local\n1 + 1\nNone\nx = 5\n[x] * 2\nif x: 'no'\nx * 2"
    choose = "get_ipython().ast_node_interactivity = "
    for mode, expected in (("all", ["2", "[5, 5]", "10"]), ("none", []), ("last_expr", ["10"])):
        kernel.run(f"{choose}{mode!r}")
        shown = kernel.run(cell)
        assert [one["data"]["text/plain"] for one in shown.outputs if "data" in one] == expected
    kernel.run(f"{choose}'last_expr_or_assign'")
    assert kernel.run("%%gcrun local\ny = 3").text == "3"
    assert kernel.run("%%gcrun local\ny = 3;").outputs == []
    kernel.run(f"{choose}'last_expr'")
