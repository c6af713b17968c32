"""The options of %%gcrun and %%gcshell, one by one, and what decides where the line is silent."""

from __future__ import annotations

import re
import uuid

import pytest

from tests.magics.conftest import Kernel


def test_the_timeout_stops_waiting_only(kernel: Kernel) -> None:
    kernel.ok("import os, tempfile; gate = os.path.join(tempfile.mkdtemp(), 'gate')")
    cell = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.01)\n'through'"
    shown = kernel.run(f"%%gcrun local --timeout 0.3 --future kept\n{cell}")
    assert shown.status == "error"
    said = re.fullmatch(
        r"Stopped waiting after 0\.3 s: task ([0-9a-f-]{36}) was sent to local and isn't over\."
        r" %gc attach \1 picks it up\.",
        shown.traceback.strip(),
    )
    assert said is not None, shown.traceback
    kernel.ok("open(gate, 'w').close(); kept.result()")
    assert kernel.ok(f"%gc attach {said[1]}").text == "'through'"


def test_progress(kernel: Kernel) -> None:
    slow = "import time; time.sleep(0.4)"
    assert "display_data" in kernel.ok(f"%%gcrun local --progress-after 0.1\n{slow}").order
    assert kernel.ok(f"%%gcrun local --progress-after -1\n{slow}").outputs == []
    assert kernel.ok(f"%%gcrun local --progress-after 0.1 -q\n{slow}").outputs == []
    assert kernel.ok("%%gcrun local --progress-after 30\n1;").outputs == []


def test_in_and_no_capture(kernel: Kernel) -> None:
    kernel.ok("hidden, seen = 1, 2")
    assert kernel.ok("%%gcrun local -i hidden\nglobals()['hidden'], seen").text == "(1, 2)"
    assert kernel.run("%%gcrun local --no-capture\nseen").error["ename"] == "NameError"
    assert kernel.ok("%%gcrun local --no-capture --in seen\nseen").text == "2"


def test_tb_limit(kernel: Kernel) -> None:
    kernel.ok("def one(): two()\ndef two(): three()\ndef three(): 1 / 0")
    shown = kernel.run("%%gcrun local --tb-limit 2\none()").traceback
    assert "in two" in shown
    assert "in three" in shown
    assert "in one" not in shown
    assert "in one" in kernel.run("%%gcrun local\none()").traceback


def test_label_and_verbose(kernel: Kernel) -> None:
    shown = kernel.ok('%%gcrun local -v --label "my task"\n1;').stream("stdout")
    assert re.fullmatch(
        r"Task [0-9a-f-]{36} on local, host \S+, Python 3[\d.]+, queued [\d.]+ m?s, ran .*\n",
        shown,
    )
    assert "my task" in kernel.ok("%gc tasks").stream("stdout")


def test_what_is_sent_is_listed(kernel: Kernel) -> None:
    kernel.ok("import math\nlarge, small = bytes(3_000_000), b'1'\ndef count(x): return len(x)")
    run = kernel.ok("%%gcrun local\nprint(count(large + small))")
    [listed] = [one["data"]["text/plain"] for one in run.outputs if "data" in one]
    assert re.fullmatch(r"Sent: large 3\.0 MB, \w+ \d+ B, \w+ \d+ B; 3\.0 MB in all\.", listed)
    assert run.stream("stdout") == "3000001\n"  # the cell's own, and nothing else
    assert kernel.ok("%%gcrun local -q\ncount(large + small);").outputs == []
    assert kernel.ok("%%gcrun local\nmath.pi;").outputs == []  # nothing of the notebook's


def test_of_many_names_the_largest_are_listed(kernel: Kernel) -> None:
    names = [f"name_{n}" for n in range(20)]
    kernel.ok("\n".join(f"{name} = bytes({n * 10})" for n, name in enumerate(names)))
    [listed] = kernel.ok(f"%%gcrun local\n[{', '.join(names)}];").outputs
    text = listed["data"]["text/plain"]
    assert re.match(r"Sent: name_19 \d+ B, name_18 \d+ B, ", text)
    assert re.search(r", name_12 \d+ B, 12 more; \d\.\d kB in all\.$", text)


def test_values_over_the_services_limit(kernel: Kernel) -> None:
    kernel.ok("big, half = bytes(8_000_000), bytes(3_000_000)")
    for line, cell in (("", "len(big)"), ("--map x=[half + big]", "len(x) - len(half)")):
        shown = kernel.ok(f"%%gcrun local {line}\n{cell}")
        assert shown.text.strip("[]") == "8000000"


def test_shell(kernel: Kernel) -> None:
    shown = kernel.ok(
        "%%gcshell local --future done\nfor i in 1 2; do echo $i {braces}; done\necho bad >&2"
    )
    assert shown.stream("stdout") == "1 {braces}\n2 {braces}\n"
    assert shown.stream("stderr") == "bad\n"
    assert "execute_result" not in shown.order
    assert kernel.ok("done.result().returncode, done.result().stdout[:1]").text == "(0, '1')"


def test_shell_failures(kernel: Kernel) -> None:
    shown = kernel.run("%%gcshell local\necho before; exit 3")
    assert shown.status == "error"
    assert shown.stream("stdout") == "before\n"
    assert "ended with exit status 3, on local (" in shown.traceback
    assert len(shown.traceback.splitlines()) == 2
    shown = kernel.run("%%gcshell local --walltime 0.2\necho first; sleep 60 & sleep 60")
    assert "its walltime was over" in shown.traceback
    assert shown.stream("stdout") == "first\n"


def test_shell_async(kernel: Kernel) -> None:
    kernel.ok("%%gcshell local -a -q\necho there")
    assert kernel.ok("_.result()").text.startswith("ShellResult(returncode=0")


def test_settings_in_their_order(kernel: Kernel) -> None:
    """Option, then %config, then the project's file, then the user's."""
    project = kernel.home / "pyproject.toml"
    kernel.ok("def deep(n): return deep(n - 1) if n else 1 / 0")

    def frames(line: str = "") -> int:
        return kernel.run(f"%%gcrun local {line}\ndeep(8)").traceback.count("---->")

    try:
        assert frames() > 5
        kernel.ok("%gc config tb_limit 5")
        assert frames() == 5
        project.write_text("[tool.gc_jupyter]\ntb_limit = 4\n")
        assert frames() == 5
        kernel.ok("%gc trust")
        assert frames() == 4
        assert str(project) in kernel.ok("%gc config tb_limit").stream("stdout")
        kernel.ok("%config GCMagics.tb_limit = 3")
        assert kernel.ok("%gc config tb_limit").stream("stdout") == (
            "tb_limit  3  %config GCMagics\n"
        )
        assert frames() == 3
        assert frames("--tb-limit 2") == 2
        kernel.ok("%config GCMagics.tb_limit = None")
        project.write_text("[tool.gc_jupyter]\ntb_limit = 'four'\n")
        shown = kernel.ok("%%gcrun local\n1")
        assert "tb_limit is str, not int. It isn't used." in shown.stream("stderr")
        assert shown.text == "1"
        project.write_text("no toml, but gc_jupyter")
        assert "can't be read" in kernel.ok("%%gcrun local\n1").stream("stderr")
        assert kernel.ok("%%gcrun local\n1").stream("stderr") == ""  # once
    finally:
        project.unlink(missing_ok=True)
        kernel.run("%gc config tb_limit none")
    assert frames() > 5


def test_a_setting_of_jupyter_server(kernel: Kernel) -> None:
    try:
        assert "true" in kernel.ok("%gc config collect_results true").stream("stdout")
        assert "collect_results = true" in (kernel.home / "config/gc_jupyter.toml").read_text()
    finally:
        kernel.ok("%gc config collect_results none")


def test_the_default_endpoint_is_this_kernels_until_it_is_said(kernel: Kernel) -> None:
    other = Kernel(kernel.home, cwd=kernel.home)
    try:
        other.ok("%load_ext gc_jupyter")
        said = kernel.ok("%gc use local --alias here").stream("stdout")
        assert said.startswith("here is the default endpoint of this kernel now.")
        shown = kernel.ok("%%gcrun\nn = 1\nn")
        assert shown.order == ["display_data", "execute_result"]
        assert shown.outputs[0]["data"] == {"text/plain": "On local, the default by %gc use."}
        assert kernel.ok("%%gcrun -q\n1").order == ["execute_result"]
        assert kernel.ok("%%gcrun local\n1").order == ["execute_result"]
        said = kernel.ok("%gc use").stream("stdout")
        assert "here is the default endpoint, by %gc use." in said
        assert "by %gc use" in str(kernel.ok("%%gcrun\ndef f(): pass").outputs)
        assert "by %gc use" in str(kernel.ok("%%gcshell\ntrue").outputs)

        assert "Name one" in other.run("%%gcrun\n1").stream("stderr")
        assert other.ok("%%gcrun here\n3").text == "3"
        kernel.ok("%gc use here --default")
        shown = other.ok("x = 2\n") and other.ok("%%gcrun\nx")
        assert shown.text == "2"
        (line,) = [one["data"]["text/plain"] for one in shown.outputs if "data" in one][:1]
        assert line.startswith("On local, the default by ")
        assert line.endswith("gc_jupyter.toml. Sent: x 5 B.")
        said = other.ok("%gc use").stream("stdout")
        assert "here is the default endpoint, by" in said
        assert "here is local." in said
        said = other.ok("%gc use --forget here").stream("stdout")
        assert "It is still the default endpoint; %gc use NAME sets another." in said
        other.ok("%gc config endpoint none")
        assert "Name one" in other.run("%%gcrun\n1").stream("stderr")
    finally:
        other.close()
        kernel.ok(
            "from gc_jupyter.session import current_session as s; s().default_endpoint = None"
        )


def test_completion(kernel: Kernel) -> None:
    assert "local" in kernel.complete("%%gcrun lo")
    assert kernel.complete("%%gcrun local --fut") == ["--future"]
    assert "--walltime" in kernel.complete("%%gcshell --")
    assert {"attach", "doctor", "tasks"} <= set(kernel.complete("%gc "))
    assert kernel.complete("%gc att") == ["attach"]
    assert kernel.complete("%gc ")[0] == "login"  # and none of Python's names
    assert kernel.complete("%gc use --") == ["--alias", "--forget", "--default", "--results"]
    assert "progress_after" in kernel.complete("%gc config prog")
    assert "local" not in kernel.complete("%%gcrun local ")


def test_completion_says_what_each_is(kernel: Kernel) -> None:
    assert kernel.kinds("%%gcrun lo") == {"local": "online"}
    assert kernel.kinds("%%gcrun local --fut") == {"--future": "option"}
    assert kernel.kinds("%gc who") == {"whoami": "command"}
    endpoint = str(uuid.uuid4())
    kernel.ok(f"%gc use {endpoint} --alias cluster")
    try:
        assert kernel.kinds("%gc use clu") == {"cluster": "endpoint"}  # nothing was heard of it
    finally:
        kernel.ok("%gc use --forget cluster\n%gc use local")


def test_shift_tab(kernel: Kernel) -> None:
    cell = "%%gcrun local --map x=range(3) -a\nf(x)"
    assert "Run this cell on an endpoint" in kernel.inspect(cell, 4)
    assert kernel.inspect(cell, 10) == "local: worker processes on this machine."
    one_task_each = kernel.inspect(cell, 16)
    assert one_task_each.startswith("--map VAR=ITERABLE\n\n")
    assert kernel.inspect(cell, 24) == one_task_each  # on its value
    assert kernel.inspect(cell, cell.index("-a") + 1).startswith("-a, --async\n\n")
    line = "x = 1\n%gc use local --default"
    assert "Manage logins, endpoints, tasks" in kernel.inspect(line, 8)
    use = kernel.inspect(line, 11)
    assert use.startswith("%gc use [ENDPOINT] [--alias NAME]")
    assert "this kernel's default endpoint" in use
    assert kernel.inspect(line, 16).startswith("local: ")
    assert kernel.inspect("%gc nothing", 6).startswith("Manage logins")
    kernel.ok("def f(x):\n    'Doubles.'")
    assert "Doubles." in kernel.inspect(cell, len(cell) - 3)  # everything else as before
    assert kernel.inspect("of_nobody", 4) == ""


def test_help(kernel: Kernel) -> None:
    for name, words in (
        ("%%gcrun", ("--map VAR=ITERABLE", "--dry-run", "Run this cell on an endpoint")),
        ("%%gcshell", ("--walltime S", "as a shell script")),
        ("%gc", ("%gc attach [ID…]", "%gc doctor")),
    ):
        request = kernel.client.execute(f"{name}?")
        reply = kernel.client.get_shell_msg(timeout=30)
        while reply["parent_header"].get("msg_id") != request:
            reply = kernel.client.get_shell_msg(timeout=30)
        (page,) = reply["content"]["payload"]
        for word in words:
            assert word in page["data"]["text/plain"]
    assert "%gc whoami" in kernel.ok("%gc").stream("stdout")


def test_dry_run(kernel: Kernel) -> None:
    kernel.ok("import math as m\ndef area(r): return m.pi * r ** 2\nsizes = [1, 2]")
    shown = kernel.ok("%%gcrun local --dry-run -o total\ntotal = sum(map(area, sizes))")
    text = shown.stream("stdout")
    assert shown.order == ["stdout"]
    assert re.search(r"^Endpoint +local: worker processes on this machine$", text, re.M)
    assert re.search(r"^Data +sizes \d+ B$", text, re.M)
    assert re.search(r"^Imports +import math as m$", text, re.M)
    assert re.search(r"^Defined +area \d+ B$", text, re.M)
    assert re.search(r"^Brought back +total$", text, re.M)
    assert text.endswith("    total = sum(map(area, sizes))\n")
    assert kernel.run("total").error["ename"] == "NameError"
    many = kernel.ok("%%gcrun local --dry-run --map x=range(7)\nx").stream("stdout")
    assert re.search(r"^Tasks +7, in one batch$", many, re.M)


def test_a_name_that_the_cell_was_not_seen_to_use(kernel: Kernel) -> None:
    kernel.ok("hidden, name = 1, 'hidden'")
    hint = "--in hidden sends it along."
    for cell in ("eval(name)", "globals()[name]", "vars()[name]", "exec('y = ' + name)"):
        assert kernel.run(f"%%gcrun local\n{cell}").traceback.splitlines()[-1].endswith(hint)
        kernel.ok(f"%%gcrun local --in hidden\n{cell};")
    for cell in ("eval('nowhere')", "{}[name]", "globals()['nowhere']"):
        assert "--in" not in kernel.run(f"%%gcrun local\n{cell}").traceback
    shown = kernel.run("%%gcrun local\nimport __main__\ngetattr(__main__, name)").traceback
    assert shown.splitlines()[-1].endswith(hint)


@pytest.mark.parametrize(
    ("made", "warned"),
    [
        ("import random; rng = random.Random(1)", True),
        ("import numpy; rng = numpy.random.default_rng(1)", True),
        ("import numpy; rng = [{'a': numpy.random.RandomState(1)}]", True),
        ("class Model: pass\nrng = Model(); import random; rng.r = random.Random(1)", True),
        ("import random; rng = random.SystemRandom", False),
        ("rng = [1, {'a': 2}]", False),
    ],
)
def test_a_captured_random_generator(kernel: Kernel, made: str, warned: bool) -> None:
    kernel.ok(made)
    shown = kernel.ok("%%gcrun local --map i=range(2)\nrng; i").stream("stderr")
    assert shown.startswith("Each task draws the same random numbers") == warned
    assert ("default_rng([seed, i])" in shown) == warned
    assert "same random numbers" not in kernel.ok("%%gcrun local\nrng; 1").stream("stderr")
