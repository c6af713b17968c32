"""Runs a piece of Python with the official SDK, in the endpoint's environment."""

from __future__ import annotations

import json
import subprocess
import textwrap
from pathlib import Path
from typing import Any

from tests.service.handle import Loopback
from tests.service.workers import worker_environment

_TIME_LIMIT_S = 100

_PROLOGUE = """\
import json, os, sys, uuid
import globus_compute_sdk.sdk.client
import globus_sdk
from globus_compute_sdk import Client, Executor
from globus_compute_sdk.errors import TaskExecutionFailed, TaskPending

assert "gc_jupyter" not in sys.modules

# The official Client names its address itself, whatever globus-sdk is told.
globus_compute_sdk.sdk.client.get_web_service_url = (
    lambda *_: os.environ["GLOBUS_SDK_SERVICE_URL_COMPUTE"]
)

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

    `body` has `Client`, `Executor`, `client()`, the error classes, `endpoint` (an id), `given`
    and `report` at hand.
    """
    script = directory / "official.py"
    script.write_text(_PROLOGUE + textwrap.dedent(body) + _EPILOGUE)
    done = subprocess.run(
        [loopback.endpoint_python, str(script), endpoint_id, json.dumps(given)],
        env=worker_environment(directory) | loopback.environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT_S,
        check=False,
    )
    _, found, report = done.stdout.rpartition("\nREPORT ")
    assert found, f"the official SDK's script failed:\n{done.stdout}\n{done.stderr}"
    return dict(json.loads(report))
