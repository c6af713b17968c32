"""Programs that import `globus_compute_sdk` or `funcx`, run unchanged on this package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.handle import Loopback

PROGRAM = """
import sys
from globus_compute_sdk import Client, Executor, ShellFunction, __version__
from globus_compute_sdk.errors import TaskExecutionFailed
from globus_compute_sdk.sdk.login_manager import AuthorizerLoginManager
from globus_compute_sdk.sdk.login_manager.manager import ComputeScopeBuilder
from globus_compute_sdk.serialize import CombinedCode, ComputeSerializer
import globus_compute_sdk.sdk.executor
import globus_sdk

FACTOR = 3


def triple(x):
    return FACTOR * x


class Loud(ShellFunction):
    def execute_cmd_line(self, cmd):
        return super().execute_cmd_line(cmd).stdout.upper()


def main():
    endpoint, token = sys.argv[1:]
    logins = AuthorizerLoginManager(
        {ComputeScopeBuilder().resource_server: globus_sdk.AccessTokenAuthorizer(token)}
    )
    logins.ensure_logged_in()
    client = Client(login_manager=logins)
    with globus_compute_sdk.sdk.executor.Executor(endpoint, client=client) as executor:
        executor.serializer = ComputeSerializer(strategy_code=CombinedCode())
        print(executor.submit(fn=triple, x=14).result(30), __name__, __version__)
        print(executor.submit(Loud("echo {word}"), word="loud").result(30).strip())
        assert client.fx_serializer is executor.serializer
    try:
        client.get_function("11111111-1111-4111-8111-111111111111")
    except globus_sdk.GlobusAPIError as error:
        print(error.http_status, error.code, "reason" in error.raw_json, bool(error.text))


if __name__ == "__main__":
    main()
"""
FUNCX = """
import sys
from funcx import FuncXClient, FuncXExecutor
from funcx.sdk.executor import FuncXExecutor as Same
import globus_sdk

assert FuncXExecutor is Same
client = FuncXClient(authorizer=globus_sdk.AccessTokenAuthorizer(sys.argv[2]))
executor = FuncXExecutor(client)
print(executor.submit(lambda x: x + 1, 41, endpoint_id=sys.argv[1]).result(30))
"""


def run(loopback: Loopback, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    program = folder / "program.py"
    program.write_text(text)
    arguments = [str(program), loopback.endpoint("inline"), loopback.token]
    return subprocess.run(
        [sys.executable, "-m", "gc_jupyter.compat", *arguments],
        env={**os.environ, **loopback.environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_program(loopback: Loopback, tmp_path: Path) -> None:
    done = run(loopback, tmp_path, PROGRAM)
    assert done.stdout == "42 __main__ 4.19.0\nLOUD\n404 3 True True\n", done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("globus_compute_sdk is gc_jupyter ")


def test_a_program_of_funcx(loopback: Loopback, tmp_path: Path) -> None:
    done = run(loopback, tmp_path, FUNCX)
    assert done.stdout == "42\n", done.stderr


def test_a_program_that_fails(loopback: Loopback, tmp_path: Path) -> None:
    done = run(loopback, tmp_path, "import globus_compute_sdk\nraise SystemExit(3)")
    assert done.returncode == 3


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_no_program(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gc_jupyter.compat", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "usage: python -m gc_jupyter.compat program.py [arguments…]\n"
