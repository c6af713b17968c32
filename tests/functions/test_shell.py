"""ShellFunction and MPIFunction, on workers that have only the official packages."""

from __future__ import annotations

import ast
import inspect
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client, Executor, MPIFunction, ShellFunction, ShellResult
from gc_jupyter.functions import shell_worker
from gc_jupyter.serialize import JSONData
from tests.service.handle import Loopback

TIMEOUT = 60
KINDS = ["inline", "process", "local"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is called here leaves its output in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    with Executor(loopback.endpoint("inline"), client=client) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_result(client: Client, loopback: Loopback, kind: str) -> None:
    where = {"endpoint_id": "local"} if kind == "local" else {"client": client}
    if kind != "local":
        where["endpoint_id"] = loopback.endpoint(kind)
    function = ShellFunction("echo {greeting} {{}}; echo oops >&2; exit {code}")
    with Executor(**where) as executor:
        result = executor.submit(function, greeting="hello", code=3).result(TIMEOUT)
    assert type(result) is ShellResult
    assert vars(result) == {
        "cmd": "echo hello {}; echo oops >&2; exit 3",
        "stdout": "hello {}\n",
        "stderr": "oops\n",
        "returncode": 3,
        "exception_name": "subprocess.CalledProcessError",
    }


class Shouting(ShellFunction):
    """A user's subclass: what it replaces must run on the worker."""

    word = "subclass"

    def execute_cmd_line(self, cmd: str) -> Any:
        result: Any = super().execute_cmd_line(cmd)
        return result.stdout.upper() + self.word

    def get_snippet(self, file_obj: Any) -> str:
        return super().get_snippet(file_obj) + "!"


@pytest.mark.parametrize("kind", KINDS)
def test_a_subclass(client: Client, loopback: Loopback, kind: str) -> None:
    where: dict[str, Any] = {"endpoint_id": "local"}
    if kind != "local":
        where = {"endpoint_id": loopback.endpoint(kind), "client": client}
    function = Shouting("echo {word}")
    with Executor(**where) as executor:
        assert executor.submit(function, word="loud").result(TIMEOUT) == "LOUD\n!subclass"
        function.word = "changed"  # it is an object like any other
        assert executor.submit(function, word="a").result(TIMEOUT) == "A\n!changed"
        function.execute_cmd_line = lambda cmd: cmd + cmd  # type: ignore[method-assign]
        assert executor.submit(function, word="a").result(TIMEOUT) == "echo aecho a"
    assert Shouting("echo {word}")(word="here") == "HERE\n!subclass"


def test_return_dict(client: Client, loopback: Loopback) -> None:
    """Plain values also pass an endpoint that answers in JSON only."""
    endpoint_id = loopback.endpoint("inline")
    with Executor(endpoint_id, client=client, result_serializers=[JSONData]) as executor:
        result = executor.submit(ShellFunction("echo hi", return_dict=True)).result(TIMEOUT)
    assert result == {
        "cmd": "echo hi",
        "stdout": "hi\n",
        "stderr": "",
        "returncode": 0,
        "exception_name": None,
    }


def test_files_and_snippets(executor: Executor, tmp_path: Path) -> None:
    out, err = tmp_path / "new/out.txt", tmp_path / "err.txt"
    function = ShellFunction(
        "seq {n}; seq {n} >&2", stdout=str(out), stderr=str(err), snippet_lines=2
    )
    result = executor.submit(function, n=5).result(TIMEOUT)
    assert (result.stdout, result.stderr) == ("4\n5\n", "4\n5\n")
    assert executor.submit(function, n=1).result(TIMEOUT).stdout == "5\n1\n"
    assert out.read_text() == "1\n2\n3\n4\n5\n1\n"
    assert err.read_text() == out.read_text()


def test_files_named_after_the_task(executor: Executor) -> None:
    """Where nothing is said, in the working directory of the task."""
    future = executor.submit(ShellFunction("pwd; ls"))
    directory, *names = future.result(TIMEOUT).stdout.splitlines()
    own = [name for name in names if name.startswith(f"{future.task_id}.")]
    assert sorted(name.rsplit(".", 1)[1] for name in own) == ["stderr", "stdout"]
    assert Path(directory).is_absolute()


@pytest.mark.parametrize("kind", KINDS)
def test_own_files_are_this_users_alone(client: Client, loopback: Loopback, kind: str) -> None:
    """A command may print secrets (`env`), and others have accounts on the machine."""
    where = {"endpoint_id": "local"} if kind == "local" else {"client": client}
    if kind != "local":
        where["endpoint_id"] = loopback.endpoint(kind)
    function = ShellFunction("umask 0; stat -L -c %a /proc/$$/fd/1 /proc/$$/fd/2")
    with Executor(**where) as executor:
        assert executor.submit(function).result(TIMEOUT).stdout.split() == ["600", "600"]


# where the command's output is, and its folder's mode
WHERE = "readlink /proc/$$/fd/1; stat -c %a $(dirname $(readlink /proc/$$/fd/1))"


def test_local_leaves_no_files(tmp_path: Path) -> None:
    with Executor(endpoint_id="local") as executor:
        file, mode = executor.submit(ShellFunction(WHERE)).result(TIMEOUT).stdout.split()
        assert mode == "700"
        assert not Path(file).parent.exists()
        kept = tmp_path / "kept.txt"
        asked_for = ShellFunction("echo hi", stdout=str(kept))
        assert executor.submit(asked_for).result(TIMEOUT).stdout == "hi\n"
        assert kept.read_text() == "hi\n"
        of_all_tasks = Path(file).parents[1]
        assert [of_all_tasks.stat().st_mode & 0o777, *of_all_tasks.iterdir()] == [0o700]


def test_local_leaves_no_files_of_a_stopped_task(tmp_path: Path) -> None:
    said = tmp_path / "said"
    os.mkfifo(said)
    running = ShellFunction(f"readlink /proc/$$/fd/1 >{said}; env; sleep 600")
    with Executor(endpoint_id="local") as executor:
        future = executor.submit(running)
        file = Path(said.read_text().strip())
        assert file.exists()
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result(TIMEOUT)
        assert not file.parent.exists()


def is_running(pid: int) -> bool:
    """Whether this process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    "command",
    [
        "bash -c 'echo $$; sleep 600; true'; true",
        "(echo $BASHPID; sleep 600) & sleep 600",
        "trap '' TERM; bash -c 'echo $$; sleep 600; true'; true",
    ],
    ids=["a grandchild", "in the background", "ignoring SIGTERM"],
)
@pytest.mark.parametrize("kind", ["inline", "local"])
def test_walltime_ends_everything(
    client: Client, loopback: Loopback, kind: str, command: str
) -> None:
    where = {"endpoint_id": "local"} if kind == "local" else {"client": client}
    if kind != "local":
        where["endpoint_id"] = loopback.endpoint(kind)
    with Executor(**where) as executor:
        executor.submit(ShellFunction("true")).result(TIMEOUT)  # the worker is up
        begin = time.monotonic()
        result = executor.submit(ShellFunction(command, walltime=0.3)).result(TIMEOUT)
    assert 0.3 <= time.monotonic() - begin < 20
    assert (result.returncode, result.exception_name) == (124, "subprocess.TimeoutExpired")
    grandchild = int(result.stdout.split()[0])
    assert not is_running(grandchild)


def test_a_command_may_clean_up(executor: Executor, tmp_path: Path) -> None:
    """SIGTERM comes first, and there is time to act on it."""
    end = tmp_path / "end"
    command = f"bash -c 'trap \"sleep 0.2; echo saved >{end}; exit\" TERM; sleep 600 & wait'; true"
    result = executor.submit(ShellFunction(command, walltime=0.3)).result(TIMEOUT)
    assert result.returncode == 124
    assert end.read_text() == "saved\n"


def test_mpi(client: Client, loopback: Loopback) -> None:
    """The launcher that GlobusMPIEngine puts into the environment stands before the command."""

    def set_launcher(value: str) -> None:
        import os

        os.environ["PARSL_MPI_PREFIX"] = value

    function = MPIFunction("bash -c 'echo $RANKS {word}'")
    with Executor(loopback.new_endpoint("inline"), client=client) as executor:
        executor.submit(set_launcher, "env RANKS=4").result(TIMEOUT)
        result = executor.submit(function, word="ranks").result(TIMEOUT)
    assert result.cmd == "$PARSL_MPI_PREFIX bash -c 'echo $RANKS ranks'"
    assert result.stdout == "4 ranks\n"


@pytest.mark.parametrize("name", ["os", "run_command", "signal"])
def test_any_name(executor: Executor, name: str) -> None:
    """Also one that the worker's own text uses."""
    assert executor.submit(ShellFunction("echo hi", name=name)).result(TIMEOUT).stdout == "hi\n"


def test_a_missing_argument(executor: Executor) -> None:
    with pytest.raises(Exception, match="KeyError: 'name'"):
        executor.submit(ShellFunction("echo {name}")).result(TIMEOUT)


def test_registered_by_the_client(client: Client, loopback: Loopback) -> None:
    loopback.result_fault(early=True)
    function_id = client.register_function(ShellFunction("echo {x}", name="say"))
    assert client.get_function(function_id)["function_name"] == "say"
    task_id = client.run(x=1, endpoint_id=loopback.endpoint("inline"), function_id=function_id)
    assert client.get_result(task_id).stdout == "1\n"


def test_as_an_argument(executor: Executor) -> None:
    """It arrives as the official class: a function there may call it."""

    def call(function: Callable[..., Any]) -> tuple[str, str]:
        return type(function).__module__, function(x=2).stdout

    module, stdout = executor.submit(call, ShellFunction("echo {x}")).result(TIMEOUT)
    assert (module, stdout) == ("globus_compute_sdk.sdk.shell_function", "2\n")


def test_called_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = ShellFunction("echo {} {x}; pwd", name="local_call")(1, x=2)
    assert result.stdout == f"1 2\n{tmp_path}\n"
    assert os.getcwd() == str(tmp_path)


BAD = {
    "walltime": ({"walltime": -1}, "Negative walltime=-1"),
    "lines": ({"snippet_lines": -1}, "Negative snippet_lines=-1"),
    "name": ({"name": "no name"}, "valid python name"),
    "keyword": ({"name": "class"}, "valid python name"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    options, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        ShellFunction("true", **options)


def test_shown() -> None:
    function = ShellFunction("true", walltime=2, stdout="o", name="one")
    assert repr(function) == (
        "ShellFunction(name='one', walltime=2, stdout='o', snippet_lines=1000, cmd='true')"
    )
    assert repr(MPIFunction("x")) == "MPIFunction(snippet_lines=1000, cmd='x')"
    failed = ShellResult("x", "\n".join(map(str, range(12))), "no\n", 1, "E")
    assert repr(failed).startswith("ShellResult(returncode=1, cmd='x', exception_name='E', ")
    assert str(failed) == (
        "exit code: 1\n   stdout:\n[... truncated; see .stdout for full output ...]\n"
        "2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n\n   stderr:\nno\n\nexception: E"
    )
    assert str(ShellResult("x", "out\n", "ignored", 0)) == "exit code: 0\n   stdout:\nout"


def test_what_travels_is_old_python() -> None:
    """Workers may run Python 3.8, and have the standard library alone."""
    tree = ast.parse(inspect.getsource(shell_worker), feature_version=(3, 8))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    assert imported == {
        *("collections", "contextlib", "os", "select", "signal", "subprocess", "uuid"),
    }
