"""%gc in a real kernel: login, status, tasks, cancel, doctor; and what loading costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc_jupyter.magics.tables import text_table
from tests.magics.conftest import Kernel
from tests.service.globus_auth import GlobusAuth
from tests.service.handle import Loopback
from tests.test_imports import HEAVY

GATE = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.01)\n'through'"


@pytest.fixture
def person(loopback: Loopback, tmp_path: Path) -> Iterator[tuple[Kernel, GlobusAuth]]:
    """A kernel of somebody who isn't signed in, and the Globus Auth to do it at."""
    with GlobusAuth() as auth:
        environment = {**loopback.environment, **auth.environ}
        environment["GLOBUS_COMPUTE_ACCESS_TOKEN"] = ""
        kernel = Kernel(tmp_path, environment)
        try:
            kernel.ok("%load_ext gc_jupyter")
            yield kernel, auth
        finally:
            kernel.close()


def test_login_by_the_widget(person: tuple[Kernel, GlobusAuth], loopback: Loopback) -> None:
    kernel, auth = person
    assert "Nobody is signed in" in kernel.ok("%gc whoami").stream("stdout")
    endpoint = loopback.endpoint("inline")
    shown = kernel.run(f"%%gcrun {endpoint}\n1")
    assert shown.status == "error"
    assert shown.traceback == (
        "Nobody is signed in to Globus. Sign in above: the cell then runs again."
    )
    (widget,) = [one for one in shown.outputs if one["kind"] == "display_data"]
    assert "application/vnd.jupyter.widget-view+json" in widget["data"]
    # what the button does, with the code that the page shows
    kernel.ok(
        "from gc_jupyter.session import current_session\n"
        "flow = current_session().client.login().flow(); url = flow.start(); print(url)"
    )
    url = kernel.ok("print(url)").stream("stdout").strip()
    kernel.ok(f"flow.finish({auth.approve(url)!r})")
    said = kernel.ok("%gc whoami").stream("stdout")
    assert said.startswith("Signed in as ")
    assert "already" not in said
    assert kernel.ok("%gc login").stream("stdout").startswith("Signed in as ")
    assert "Signed out" in kernel.ok("%gc logout").stream("stdout")
    assert "Nobody is signed in" in kernel.ok("%gc whoami").stream("stdout")


def test_a_login_of_the_environment(loopback: Loopback, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, loopback.environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        assert "GLOBUS_COMPUTE_ACCESS_TOKEN" in kernel.ok("%gc whoami").stream("stdout")
        shown = kernel.ok(f"%%gcrun {loopback.endpoint('inline')}\n1")
        assert shown.order == ["execute_result"]
        said = kernel.ok(f"%gc doctor {loopback.endpoint('inline')}").stream("stdout")
        assert said.endswith("All is well.\n")
        assert re.search(r"^✓ Versions .*; at .* Python 3[\d.]+, dill \d", said, re.M)
        assert "✓ Widgets" in said
        shown = kernel.ok("%gc logout")
        assert shown.order == ["stdout"]
        assert shown.stream("stdout").startswith(
            "Nothing to sign out of: this kernel uses the access token in GLOBUS_COMPUTE_ACCESS_"
        )
        assert kernel.ok("%gc doctor").stream("stderr") == ""
    finally:
        kernel.close()


def test_status(kernel: Kernel) -> None:
    card = kernel.ok("%gc status local").outputs[0]["data"]
    assert "online" in card["text/plain"]
    assert "<table>" in card["text/html"]


def test_status_says_that_results_come_by_https(loopback: Loopback, tmp_path: Path) -> None:
    loopback.broker_fault(refuse=True)
    endpoint = loopback.endpoint("inline")
    kernel = Kernel(tmp_path, loopback.environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        assert kernel.ok(f"%gc status {endpoint}").stream("stdout") == ""
        assert kernel.ok(f"%%gcrun {endpoint}\n1").text == "1"
        offline = kernel.ok(f"%gc status {loopback.endpoint('offline')}").stream("stdout")
        assert offline.startswith("Not online: start it (globus-compute-endpoint start NAME")
        said = kernel.ok(f"%gc status {endpoint}").stream("stdout")
        assert re.fullmatch(
            r"The result stream is down: No connection to the broker \(.*: refused\)\."
            r" Ask for one of the ports .*; until then results are asked for by HTTPS\.\n",
            said,
        )
    finally:
        kernel.close()


def test_an_endpoint_from_a_variable(kernel: Kernel) -> None:
    kernel.ok("ENDPOINT = 'local'")
    assert "online" in kernel.ok("%gc status $ENDPOINT").outputs[0]["data"]["text/plain"]
    assert "✓ Endpoint  local" in kernel.ok("%gc doctor {ENDPOINT}").stream("stdout")
    assert "Set that variable" in kernel.run("%gc use $NOWHERE").stream("stderr")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("logi", "%gc has no 'logi'. Did you mean %gc login?"),
        ("hlep", "%gc has no 'hlep'. Did you mean %gc help?"),
        ("login --forc", "%gc login: unrecognized arguments: --forc. Did you mean --force?"),
        ("login me", "%gc login: unrecognized arguments: me. Write %gc login [--force | --own]"),
        ("result", "%gc result: the following arguments are required: ID. Write %gc result ID"),
        ("cancel 12345678 --all", "%gc cancel: either ids or --all."),
        ("cancel 12345678", "of another machine's task, write the whole id."),
        ("tail 12345678", "of another machine's task, write the whole id."),
        ("attach 12345678-12", "of another machine's task, write the whole id."),
        (
            "status --help",
            "%gc status: unrecognized arguments: --help. Write %gc status [ENDPOINT]",
        ),
        ("use --alias p", "Which endpoint is 'p' to be? Write %gc use UUID --alias p"),
        (
            "use local --alias local",
            "'local' is this machine's name. Write another one after --alias.",
        ),
        ("use --forget p", "There is no alias 'p'. The aliases: none."),
        ("config tb_limt 3", "There is no setting 'tb_limt'. Did you mean tb_limit?"),
        ("config block perhaps", "that is no value for it. Write %gc config block true"),
        (
            "config on_interrupt stop",
            "is no value for on_interrupt. Write detach or cancel-unsent.",
        ),
        ("attach 1", "%gc tasks --all lists those known here."),
    ],
)
def test_a_mistake_is_one_line_that_ends_with_the_fix(
    kernel: Kernel, line: str, message: str
) -> None:
    shown = kernel.run(f"%gc {line}")
    assert shown.status == "error"
    assert shown.order == ["stderr"]
    said = shown.stream("stderr")
    assert said.startswith("UsageError: ")
    assert said.count("\n") == 1
    assert said.rstrip().endswith(message)


def test_every_subcommand_is_in_the_manual(kernel: Kernel) -> None:
    manual = kernel.ok("%gc").stream("stdout")
    assert kernel.ok("%gc help").stream("stdout") == manual
    for name in kernel.complete("%gc "):
        assert f"\n%gc {name} " in manual


def test_settings_that_nobody_has_set(kernel: Kernel) -> None:
    shown = kernel.ok("%gc config").stream("stdout")
    assert re.search(r"^progress_after +2\.0 +built in$", shown, re.M)
    assert re.search(r"^collect_results +false +built in$", shown, re.M)
    assert re.search(r"^timeout +- +built in$", shown, re.M)


def test_a_column_with_nothing_in_it_is_left_out() -> None:
    assert text_table(("Task", "Error", "Label"), [["1", "", "a"], ["20", "", ""]]) == (
        "Task  Label\n1     a\n20"
    )


def test_tasks_and_cancel(kernel: Kernel, tmp_path: Path) -> None:
    kernel.ok(f"gate = {str(tmp_path / 'gate')!r}")
    cell = kernel.ok(f"%%gcrun local -a -q --future slow --label cancelled-soon\n{GATE}").result
    kernel.wait_for_ids("[slow]")
    task = kernel.ok("print(slow.task_id)").stream("stdout").strip()
    (followed,) = kernel.ok("%gc tasks").outputs
    assert "application/vnd.jupyter.widget-view+json" in followed["data"]
    assert "cancelled-soon" in followed["data"]["text/html"]
    kernel.ok("import os; os.environ['GC_JUPYTER_NONINTERACTIVE'] = '1'")  # nobody watches
    listed = kernel.ok("%gc tasks").stream("stdout")
    assert re.search(
        rf"{task[:8]}  .*local.*In\[{cell['execution_count']}\] +cancelled-soon", listed
    )
    kernel.ok("del os.environ['GC_JUPYTER_NONINTERACTIVE']")
    assert f"task has no result yet: it isn't over; %gc attach {task}" in (
        kernel.run(f"%gc result {task}").traceback
    )
    assert kernel.ok(f"%gc cancel {task}").stream("stdout") == f"{task} is stopped.\n"
    assert kernel.run("slow.result()").error["ename"] == "TaskStopped"
    assert kernel.ok(f"%gc cancel {task}").stream("stdout") == f"{task} has ended already.\n"
    assert re.search(
        rf"{task[:8]}  cancelled .*cancelled-soon", kernel.ok("%gc tasks").stream("stdout")
    )


def test_a_local_task_of_an_earlier_kernel(kernel: Kernel) -> None:
    kernel.ok("%%gcrun local -q --future f\n1")
    task = kernel.ok("print(f.task_id)").stream("stdout").strip()
    later = Kernel(kernel.home, cwd=kernel.home)
    try:
        later.ok("%load_ext gc_jupyter")
        said = "1 task is gone: those of local, and their results, end with their kernel."
        assert said in later.ok(f"%gc attach {task}").stream("stdout")
    finally:
        later.close()


def test_a_remote_task_cannot_be_stopped(loopback: Loopback, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, loopback.environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(f"%%gcrun {loopback.endpoint('offline')} -a -q --future f\n1")
        kernel.wait_for_ids("[f]")
        said = kernel.ok(
            "import builtins\nget_ipython().run_line_magic('gc', 'cancel ' + f.task_id)"
        )
        assert "can't stop a task: it isn't over" in said.stream("stdout")
        assert "cancelled" not in said.stream("stdout")
    finally:
        kernel.close()


def test_rerun_from_the_table(kernel: Kernel) -> None:
    kernel.ok("n = 20\nfuture = None")
    kernel.ok("%%gcrun local -a -q --future first\nn + 1")
    kernel.ok("n = 'changed'")
    assert kernel.ok("first.result(), first.again().result()").text == "(21, 21)"
    kernel.ok("%%gcshell local -a -q --future script\necho again")
    assert kernel.ok("script.result().stdout == script.again().result().stdout").text == "True"


def test_a_caught_error(kernel: Kernel) -> None:
    """By its own type, where a program runs a cell."""
    kernel.ok(
        "try:\n    get_ipython().run_cell_magic('gcrun', 'local', 'int(\"x\")')\n"
        "except ValueError as error:\n    caught = error"
    )
    assert kernel.ok("type(caught.__cause__), str(caught)").text == (
        "(ValueError, \"invalid literal for int() with base 10: 'x'\")"
    )


def test_loading_takes_few_modules(tmp_path: Path) -> None:
    """Where earlier kernels have left a journal, too; `make bench` has the milliseconds."""
    first = Kernel(tmp_path)
    try:
        first.ok("%load_ext gc_jupyter")
        first.ok("%%gcrun local\n1")
    finally:
        first.close()
    kernel = Kernel(tmp_path)
    try:
        shown = kernel.ok(
            "import sys; before = set(sys.modules)\n"
            "get_ipython().run_line_magic('load_ext', 'gc_jupyter')\n"
            "print(*set(sys.modules) - before)"
        )
    finally:
        kernel.close()
    loaded = shown.stream("stdout").split()
    assert "gc_jupyter.magics" in loaded
    assert not set(HEAVY) & set(loaded)
    assert len(loaded) < 80, sorted(loaded)
