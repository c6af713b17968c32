"""Every code block of the five guides runs, with this package's names and this test's ids.

A document's blocks share one namespace and run in the document's order, as its reader would run
them. What is changed in a block, or not run, is listed here with its reason, and nothing else is.
"""

from __future__ import annotations

import io
import linecache
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.client.connection import Connection
from gc_jupyter.errors import TaskExecutionFailed
from tests.seeds.extract import Block, blocks, statements
from tests.service.globus_auth import GlobusAuth
from tests.service.handle import Loopback
from tests.service.known_auth import KnownAuth

#: The same names in this package.
NAMES = {
    r"\bglobus_compute_sdk\b": "gc_jupyter",
    r"\bfuncx(?=\.sdk\b| import\b)": "gc_jupyter",
}
ENDPOINT, GROUP = "<this test's endpoint>", str(uuid.uuid4())
#: What the documents ask their reader to fill in.
PLACEHOLDERS = {
    "4b116d3c-1703-4f8f-9f6f-39921e5864df": ENDPOINT,
    "<your_endpoint_id>": ENDPOINT,
    "<YOUR_ENDPOINT_UUID>": ENDPOINT,
    "<endpoint_id>": ENDPOINT,
    "<your-endpoint-id>": ENDPOINT,
    "your endpoint id": ENDPOINT,
    'endpoint_id="..."': f'endpoint_id="{ENDPOINT}"',
    'my_endpoint_id = "..."': f'my_endpoint_id = "{ENDPOINT}"',
    'my_client_id = "..."': f'my_client_id = "{uuid.uuid4()}"',
    'access_token="..."': 'access_token=os.environ["GLOBUS_COMPUTE_ACCESS_TOKEN"]',
    "group=<globus_group_id>": f'group="{GROUP}"',
    "\"Saved task group id from 'yesterday'\"": "gcc.session_task_group_id",
}
#: Names that the documents use without giving them a value: the reader's own.
GIVEN = """
import concurrent.futures, os, pprint, sys, time
from gc_jupyter import Executor

def func(): ...
def funcx(): ...

endpoint_id = "{endpoint}"
funcx_token = search_token = openid_token = os.environ["GLOBUS_COMPUTE_ACCESS_TOKEN"]
"""

_NO_ENDPOINT = "an Executor without an endpoint can't submit, in the official SDK either"
_CLOSED = "the executor of the block before was shut down by its `with`"
#: Mistakes and omissions of the documents: block, what stands there, what runs, and why.
MENDED = {
    "client_user_guide.txt:94": ("Executor()", "Executor(tutorial_endpoint)", _NO_ENDPOINT),
    "compute_sdk_user_guide.rst:152": ("Executor()", "Executor(tutorial_endpoint)", _NO_ENDPOINT),
    "client_user_guide.txt:113": ("offset=val", '"offset": val', "a syntax error in a dict"),
    "executor_user_guide.rst:128": ("...", "gce = Executor(ep_id)", _CLOSED),
    "executor_user_guide.rst:150": ("{exc})", '{exc}")', "an unterminated string"),
    "executor_user_guide.rst:188": (
        "time.sleep(x * random.random())",
        "time.sleep(x * random.random() / 100)",
        "ten tasks that sleep for 145 s together",
    ),
    "executor_user_guide.rst:322": ("(futs)", "(futures)", "`futs` is the name of other futures"),
    "executor_user_guide.rst:368": (
        'serializer.check_strategies(greet, "world", greeting="hello")\n# serializes',
        "gcx = Executor(ep_id)\n# serializes",
        _CLOSED,
    ),
}
#: What raises, on purpose.
RAISES = {"tutorial.rst:154": (TaskExecutionFailed, "deterministic failure")}
#: Not Python, or a process of its own: see the tests below.
ELSEWHERE = {
    "tutorial.rst:16": "installs the official SDK",
    "funcx_sdk_user_guide.rst:241": "the text of a scope",
    "executor_user_guide.rst:233": "kills its process: test_the_script_that_dies",
    "executor_user_guide.rst:299": "its tasks take a day: test_a_day_later",
    "executor_user_guide.rst:322": "the day after: test_a_day_later",
}
#: What some blocks print, as patterns.
PRINTS = {
    "tutorial.rst:104": r"15\n",
    "tutorial.rst:119": r"\d{4}-\d\d-\d\d\n",
    "tutorial.rst:136": r"Hello World\n\n",
    "tutorial.rst:174": r"Estimates: \[3\.\d+, 3\.\d+, 3\.\d+\]\nAverage: 3\.\d{5}\n",
    "tutorial.rst:221": r"Status: online\nWorkers: 1\nTasks: 0\n",
    "client_user_guide.txt:51": r"Linux\S+\n",
    "client_user_guide.txt:64": r"Hello Bob Smith\n",
    "client_user_guide.txt:195": r".*https://auth.globus.org/scopes/[-\w]+/all.*\n",
    "client_user_guide.txt:203": r"\{'status': 'online'.*\}\n"
    r"\{'uuid': '\S+', 'name': 'tutorial'.*\}\n",
    "compute_sdk_user_guide.rst:110": r"Hello Bob Smith\n",
    "compute_sdk_user_guide.rst:195": r"\{'[-\w]{36}': \{'pending': False, 'status': 'failed'.*\n",
    "funcx_sdk_user_guide.rst:108": r"Hello Bob Smith\n",
    "funcx_sdk_user_guide.rst:151": r"\[.*'description': 'My function'.*\]\n",
    "executor_user_guide.rst:20": r"14\n",
    "executor_user_guide.rst:82": r"Tasks all submitted.*\n"
    r"All sequences generated \(from 1 to 100\)\n"
    r"\[1\]\n\[2, 1\]\n(\[.*\]\n){98}",
    "executor_user_guide.rst:128": r"Status:  False\n",
    "executor_user_guide.rst:150": r"Oh no!  The task raised an exception: "
    r"(.|\n)*Sequence not terminated in 100 steps(.|\n)*",
    "executor_user_guide.rst:188": r"Results: \['0 -> 0', .*'9 -> 18'\]\n"
    r"(Received: \d+ -> \d+\n){10}",
}

DOCUMENTS = [
    "client_user_guide.txt",
    "compute_sdk_user_guide.rst",
    "executor_user_guide.rst",
    "funcx_sdk_user_guide.rst",
    "tutorial.rst",
]


@pytest.fixture
def reader(
    to_loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GlobusAuth]:
    """The machine of somebody who reads the guides: logged in, and waiting as long as told.

    Every task has ended when the reply to its submission comes: what the documents' `time.sleep`
    waits for, which takes no time here. The limit of requests is lifted.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    defaults = Connection.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "rate_limited", False)
    to_loopback.result_fault(early=True)
    with KnownAuth(to_loopback) as auth:
        for name, value in auth.environ.items():
            monkeypatch.setenv(name, value)
        auth.sit_down(monkeypatch)
        yield auth


def source(block: Block, endpoint_id: str) -> str:
    """What is run for a block."""
    text = block.text
    if block.name in MENDED:
        old, new, _reason = MENDED[block.name]
        assert text.count(old) == 1
        text = text.replace(old, new)
    for pattern, name in NAMES.items():
        text = re.sub(pattern, name, text)
    for old, new in PLACEHOLDERS.items():
        text = text.replace(old, new)
    return text.replace(ENDPOINT, endpoint_id)


def run(block: Block, endpoint_id: str, namespace: dict[str, Any]) -> str:
    """Run a block; returns what it printed."""
    text = source(block, endpoint_id)
    interactive = text.startswith(">>> ")
    text = statements(text)
    # as in a notebook, functions find their source
    linecache.cache[block.name] = (len(text), None, text.splitlines(True), block.name)
    printed = io.StringIO()
    with redirect_stdout(printed):
        if interactive:
            for line in text.splitlines():
                exec(compile(line, block.name, "single"), namespace)
        else:
            exec(compile(text, block.name, "exec"), namespace)
    return printed.getvalue()


def set_variables(block: Block, auth: GlobusAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carry out a block of `export`s of client credentials, and be that client once."""
    exported = dict(re.findall(r'^\$ export (\w+)="(.*)"$', block.text, re.MULTILINE))
    assert len(exported) == len(block.text.splitlines()) == 2
    auth.add_client(*exported.values())
    with monkeypatch.context() as patch:
        for name, value in exported.items():
            patch.setenv(name, value)
        client = Client()  # which asks the service for its version
        assert next(iter(exported)) in client.login().source


@pytest.mark.filterwarnings("ignore:Globus Compute has no function search")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_document(
    document: str,
    loopback: Loopback,
    reader: GlobusAuth,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = "thread" if document.startswith("executor") else "inline"
    endpoint_id = loopback.new_endpoint(kind, {"endpoint_name": "tutorial"})
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(GIVEN.format(endpoint=endpoint_id), namespace)

    for block in blocks(document):
        if block.name in ELSEWHERE:
            continue
        if block.language == "bash":
            set_variables(block, reader, monkeypatch)
        elif block.name in RAISES:
            kind_of_error, words = RAISES[block.name]
            with pytest.raises(kind_of_error, match=words):
                run(block, endpoint_id, namespace)
        else:
            printed = run(block, endpoint_id, namespace)
            if block.name in PRINTS:
                assert re.fullmatch(PRINTS[block.name], printed), f"{block.name}: {printed}"
    check_what_is_left(document, namespace)


def check_what_is_left(document: str, names: dict[str, Any]) -> None:
    """The values that the documents describe without printing them."""
    if document == "client_user_guide.txt":
        assert [one["status"] for one in names["batch_status"].values()] == ["success"] * 7
        assert list(names["batch_status"]) == names["task_ids"]
    elif document in ("compute_sdk_user_guide.rst", "funcx_sdk_user_guide.rst"):
        assert isinstance(names["batch_res"], list)
        assert list(names["results"]) == names["batch_res"]
    elif document == "tutorial.rst":
        found = names["gcc"].get_batch_result(names["batch_res"])
        assert [found[one]["result"] for one in names["batch_res"]] == [n**2 for n in range(10)]


def test_the_lists_name_existing_blocks() -> None:
    every = {block.name for document in DOCUMENTS for block in blocks(document)}
    assert len(every) == 69
    assert {*MENDED, *RAISES, *ELSEWHERE, *PRINTS} <= every


def test_the_mistakes_are_mistakes() -> None:
    """What is mended doesn't run as it stands."""
    by_name = {block.name: block for document in DOCUMENTS for block in blocks(document)}
    for name in ("client_user_guide.txt:113", "executor_user_guide.rst:150"):
        with pytest.raises(SyntaxError):
            compile(by_name[name].text, name, "exec")
    with pytest.raises(ValueError, match="No endpoint_id set"):
        Executor().submit(len, "")
    with Executor(endpoint_id=uuid.uuid4()) as closed:
        pass
    with pytest.raises(RuntimeError, match="is shutdown"):
        closed.submit(len, "")


def test_the_script_that_dies(to_loopback: Loopback, tmp_path: Path) -> None:
    """Executor guide, "Reloading Tasks": the script kills itself, and finds its tasks again."""
    (block,) = (one for one in blocks("executor_user_guide.rst") if "SIGKILL" in one.text)
    script = tmp_path / "globus_compute_executor_reload_tasks.py"
    script.write_text(source(block, to_loopback.endpoint("inline")))

    def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-u", str(script), *arguments],
            env=os.environ | to_loopback.environment | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    first = run_script()
    assert first.returncode == -signal.SIGKILL, first.stderr
    group = first.stdout.split()[-1]
    second = run_script(group)
    assert (
        second.stdout.splitlines()
        == [
            f"Reloading tasks from Task Group ID: {group}",
            "Results:",
            *(f"  your Globus Compute logic result, from task: {n}" for n in range(1, 6)),
        ]
        or second.stderr
    )


@pytest.mark.usefixtures("reader")
def test_a_day_later(loopback: Loopback) -> None:
    """Executor guide: a batch that takes a day, picked up later by an executor.

    The endpoint is offline until the day is over, and then answers at once.
    """
    submit, pick_up = (
        block
        for block in blocks("executor_user_guide.rst")
        if block.name in ELSEWHERE and "SIGKILL" not in block.text
    )
    loopback.result_fault(early=False)
    endpoint_id = loopback.new_endpoint("offline")
    namespace: dict[str, Any] = {}
    exec(GIVEN.format(endpoint=endpoint_id), namespace)
    assert run(submit, endpoint_id, namespace).startswith("Task Group ID")
    loopback.bring_online(endpoint_id, "instant")
    assert run(pick_up, endpoint_id, namespace) == "Received: None\n" * 10
