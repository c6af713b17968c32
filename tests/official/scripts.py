"""Runs a piece of Python with the official SDK or with this package, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.service.handle import Loopback
from tests.service.workers import worker_environment

_TIME_LIMIT_S = 100

_OFFICIAL = """\
import globus_compute_sdk.sdk.client
from globus_compute_sdk import Client, Executor
from globus_compute_sdk.errors import TaskExecutionFailed, TaskPending
from globus_compute_sdk.serialize import JSONData

# The official Client names its address itself, whatever globus-sdk is told.
globus_compute_sdk.sdk.client.get_web_service_url = (
    lambda *_: os.environ["GLOBUS_SDK_SERVICE_URL_COMPUTE"]
)
assert "gc_jupyter" not in sys.modules
"""
_OURS = """\
from gc_jupyter.client import Client
from gc_jupyter.errors import TaskExecutionFailed, TaskPending
from gc_jupyter.executor import Executor
from gc_jupyter.serialize import JSONData
"""
_PROLOGUE = """
def client():
    token = os.environ["GLOBUS_COMPUTE_ACCESS_TOKEN"]
    return Client(authorizer=globus_sdk.AccessTokenAuthorizer(token))

endpoint, given = sys.argv[1], json.loads(sys.argv[2])
report = {}
"""
_EPILOGUE = '\nprint("\\nREPORT " + json.dumps(report))\n'


def run_official(
    loopback: Loopback, directory: Path, endpoint_id: str, body: str, given: object = None
) -> dict[str, Any]:
    """Run `body` against the loopback; returns the dict `report` that it filled.

    `body` has `Client`, `Executor`, `client()`, error classes, `JSONData`, `endpoint` (an id),
    `given` and `report` at hand.
    """
    arguments = (endpoint_id, json.dumps(given))
    return _run(loopback, loopback.endpoint_python, directory, _OFFICIAL, body, arguments)


def run_ours(
    loopback: Loopback, directory: Path, endpoint_id: str, body: str, given: object = None
) -> dict[str, Any]:
    """As `run_official`, with this package."""
    arguments = (endpoint_id, json.dumps(given))
    return _run(loopback, sys.executable, directory, _OURS, body, arguments)


def _run(
    loopback: Loopback,
    python: str,
    directory: Path,
    imports: str,
    body: str,
    arguments: tuple[str, str],
) -> dict[str, Any]:
    head = "import json, os, sys, uuid\nimport globus_sdk\n"
    script = directory / "script.py"
    script.write_text(head + imports + _PROLOGUE + textwrap.dedent(body) + _EPILOGUE)
    done = subprocess.run(
        [python, str(script), *arguments],
        env=worker_environment(directory) | loopback.environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT_S,
        check=False,
    )
    _, found, report = done.stdout.rpartition("\nREPORT ")
    assert found, f"the script failed:\n{done.stdout}\n{done.stderr}"
    return dict(json.loads(report))
