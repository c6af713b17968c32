"""Session: endpoints by name, and cells without magics."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc_jupyter import Client
from gc_jupyter.capture import capture_cell
from gc_jupyter.errors import CaptureError, UnknownEndpoint
from gc_jupyter.journal import Note
from gc_jupyter.session import Directory, Interrupted, Session, show_output
from gc_jupyter.settings import Settings
from gc_jupyter.types import LOCAL_ENDPOINT_ID
from tests.service.handle import Loopback

SOME_ID = "4b116d3c-1703-4f8f-9f6f-39921e5864df"


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("local", LOCAL_ENDPOINT_ID),
        (LOCAL_ENDPOINT_ID, LOCAL_ENDPOINT_ID),
        (SOME_ID, SOME_ID),
        (SOME_ID.upper(), SOME_ID),
        (f" {SOME_ID} ", SOME_ID),
    ],
)
def test_resolve(session: Session, name: str, expected: str) -> None:
    assert session.resolve(name).endpoint_id == expected


@pytest.fixture(autouse=True)
def _nobody_is_signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))


@pytest.mark.parametrize("name", ["Local", "locl", "polaris", "123"])
def test_unknown_endpoint(session: Session, name: str) -> None:
    with pytest.raises(UnknownEndpoint, match="no endpoint's name, alias or UUID") as caught:
        session.resolve(name)
    assert ("Did you mean 'local'?" in caught.value.reason) == (name in ("Local", "locl"))
    assert caught.value.next_step


def test_default_endpoint() -> None:
    with pytest.raises(UnknownEndpoint, match="No endpoint is named"):
        Session().resolve()
    assert Session("local").resolve().name == "local"


def test_an_interrupt_while_many_tasks_are_submitted(session: Session) -> None:
    captured = capture_cell("x", {}, variable="x", values=range(3))
    notes = iter([Note("cell"), Note("cell")])

    def note() -> Note:
        for made in notes:
            return made
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="none of the 2 tasks was sent"):
        session.submit_all(captured, session.target("local"), ["a", "b", "c"], note=note)
    assert session.submit_cell("1 + 1", {}, "local").result() == 2


def test_the_endpoints_that_the_settings_name_are_listed_first(
    client: Client, loopback: Loopback, tmp_path: Path
) -> None:
    others = {loopback.new_endpoint("offline") for _ in range(2)}
    record = {"endpoint_name": "the-last-of-many"}
    default, aliased = loopback.new_endpoint("offline", record), loopback.new_endpoint("offline")
    settings = Settings(tmp_path / "settings.toml", tmp_path)
    settings.set("endpoint", "the-last-of-many")
    settings.set_alias("mine", aliased)
    listed = Directory(settings, lambda: client).refresh()
    assert listed is not None
    assert {one.endpoint_id for one in listed[:2]} == {default, aliased}
    assert others <= {one.endpoint_id for one in listed[2:]}


def test_one_executor_per_endpoint(session: Session) -> None:
    assert session.executor("local") is session.executor(LOCAL_ENDPOINT_ID)


def test_cell_without_magics(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    future = session.submit_cell("print('there')\nn + 1", {"n": 2}, "local")
    assert future.result(60) == 3
    show_output(future)
    assert capsys.readouterr().out == "there\n"


def test_a_cell_that_cannot_be_sent_leaves_the_session_usable(session: Session) -> None:
    with pytest.raises(CaptureError):
        session.submit_cell("sum(n)", {"n": (i for i in range(3))}, "local")
    assert session.submit_cell("1", {}, "local").result(60) == 1


def test_what_a_cell_raises(session: Session) -> None:
    future = session.submit_cell("print('before')\nint('x')", {}, "local")
    with pytest.raises(ValueError, match="invalid literal"):
        future.result(60)
    assert future.stdout == "before\n"
    assert future.info.worker is not None


def test_close_twice(session: Session) -> None:
    session.executor("local")
    session.close()
    session.close()


KEEPS = """
import sys
from types import SimpleNamespace
from gc_jupyter.session.keeping import remember

sys.stdin.readline()
for n in range(40):
    told = {"id": f"{sys.argv[1]} {n}"}
    record = SimpleNamespace(endpoint_id="an endpoint", endpoint="polaris", ident=told["id"])
    remember(record, told)
"""


def test_kernels_that_keep_at_once_lose_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    kernels = [
        subprocess.Popen([sys.executable, "-c", KEEPS, name], stdin=subprocess.PIPE, text=True)
        for name in ("one", "two", "three")
    ]
    for kernel in kernels:
        assert kernel.stdin is not None
        kernel.stdin.write("\n")
        kernel.stdin.flush()
    for kernel in kernels:
        kernel.communicate(timeout=60)
        assert kernel.returncode == 0
    (path,) = (tmp_path / "gc_jupyter/stores").glob("kept-*.json")
    found = {one["id"] for one in json.loads(path.read_text("utf-8"))["records"]}
    assert found == {f"{name} {n}" for name in ("one", "two", "three") for n in range(40)}
