"""Endpoints, labels, functions and errors with markup, newlines and terminal codes in their names,
everywhere that shows them: in a real kernel, against the loopback service."""

from __future__ import annotations

import html.parser
import json
import logging
from collections.abc import Iterator

import pytest

from gc_jupyter.errors import DeserializationError
from gc_jupyter.protocol.messages import unpack_result
from tests.magics.conftest import Kernel, Shown
from tests.service.handle import Loopback

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>"
CODES = "\x1b]0;title\x07\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J\x9d0;t\x9c"
NAME = f"evil\n{MARKUP}\r{CODES} end"
#: Names that would become code or options, if completion offered them as they are.
TYPED = [
    '{open("made", "w")}',
    "$made",
    "--html",
    '" -a "',
    "two\n!touch made",
    'x" --label "y',
]


class Elements(html.parser.HTMLParser):
    """The elements and attributes of an HTML text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def harmless(shown: Shown) -> str:
    """All that a cell has shown as text; it has no codes, and no elements but ours."""
    texts: list[str] = []
    for output in shown.outputs:
        data = output.get("data", {})
        texts += [output.get("text", ""), *output.get("traceback", []), data.get("text/plain", "")]
        known = {"table", "caption", "strong", "tbody", "thead", "tr", "th", "td", "style", "scope"}
        known |= {"details", "open", "summary", "pre", "colspan", "p"}
        assert Elements(data.get("text/html", "")).found <= known
        assert "\x1b]" not in json.dumps(data, ensure_ascii=False)
    text = "\n".join(texts)
    assert not set(text) & set("\x07\x9d\x9c\x00")
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    return text


@pytest.fixture(scope="module")
def evil(loopback_session: Loopback) -> str:
    """An endpoint whose owner has chosen its name, and more."""
    record = {"display_name": NAME, "metadata": {"python_version": f"3.1{CODES}"}}
    return loopback_session.new_endpoint("inline", record)


@pytest.fixture(scope="module")
def signed_in(
    loopback_session: Loopback, evil: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    """A kernel of somebody who may use that endpoint."""
    home = tmp_path_factory.mktemp("home")
    (home / "config").mkdir()
    aliases = "".join(f"{json.dumps(name)} = {json.dumps(evil)}\n" for name in TYPED)
    (home / "config/gc_jupyter.toml").write_text(f"[aliases]\n{aliases}")
    kernel = Kernel(home, loopback_session.environment, cwd=home)
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok("made = 7")
        yield kernel
    finally:
        kernel.close()


def test_endpoints_are_one_line_each(signed_in: Kernel, evil: str) -> None:
    text = harmless(signed_in.ok("%gc endpoints"))
    (line,) = [line for line in text.splitlines() if evil in line]
    assert MARKUP in line  # as text


def test_completion_offers_what_is_a_name(signed_in: Kernel) -> None:
    signed_in.ok("%gc endpoints")
    for line in ("%%gcrun ", "%gc use ", "%gc doctor "):
        offered = signed_in.complete(line)
        assert "local" in offered
        assert any(one.startswith('"evil <script>') for one in offered)
        for one in offered:
            assert one.isprintable()
            assert not set(one) & set("{}$")
            assert one.count('"') in (0, 2)
            assert not one.startswith('"-')
        for name in TYPED:
            assert f'"{name}"' not in offered
    assert not (signed_in.home / "made").exists()


def test_a_card(signed_in: Kernel, evil: str) -> None:
    text = harmless(signed_in.ok(f"%gc status {evil}"))
    assert "evil" in text


def test_a_cell_and_its_table(signed_in: Kernel, evil: str) -> None:
    signed_in.ok(f"hostile = {CODES + MARKUP!r}")
    label = f"--label {'label' + MARKUP.replace(' ', '')}"
    shown = signed_in.run(
        f"%%gcrun {evil} --progress-after 0 {label} --map x=[hostile]\n"
        "print(x)\nraise ValueError(x)"
    )
    assert shown.status == "error"
    assert "ValueError" in harmless(shown)


def test_a_function_with_a_hostile_name(signed_in: Kernel, evil: str) -> None:
    signed_in.ok(
        "from gc_jupyter import Executor\n"
        "def f(): raise ValueError(hostile)\n"
        "f.__name__ = f.__qualname__ = 'f' + hostile\n"
        f"with Executor({evil!r}) as executor: future = executor.submit(f)\n"
        "from gc_jupyter.widgets import TaskTable\n"
        "error = future.exception()"
    )
    for cell in ("future", "print(error)", "future.result()", "display(TaskTable([future]))"):
        assert "ValueError" in harmless(signed_in.run(cell)) or cell == "future"


def test_lists_and_reports(signed_in: Kernel, evil: str) -> None:
    for command in ("tasks", "tasks --all", "tasks --failed", f"doctor {evil}", f"use {evil}"):
        harmless(signed_in.ok(f"%gc {command}"))
    shown = signed_in.run("%gc status evi")
    assert shown.status == "error" or "evil" in harmless(shown)
    harmless(shown)
    harmless(signed_in.ok(f"%%gcrun {evil} --dry-run\n1"))
    harmless(signed_in.ok(f"%%gcrun {evil} -v\n1"))


def test_hostile_text_in_a_project(signed_in: Kernel) -> None:
    """A project's pyproject.toml comes with a clone."""
    text = json.dumps({"a": NAME}, ensure_ascii=True)[6:-1]
    file = signed_in.home / "pyproject.toml"
    file.write_text(f'[tool.gc_jupyter]\nlabel = {text}\n[tool.gc_jupyter.aliases]\n{text} = "x"\n')
    try:
        for command in ("endpoints", "trust", "trust --list", "config", "use", "config label"):
            harmless(signed_in.ok(f"%gc {command}"))
        for one in signed_in.complete("%%gcrun "):
            assert one.isprintable()
        harmless(signed_in.ok("%%gcrun local --progress-after 0\nprint(1)"))
        harmless(signed_in.ok("%%gcrun local -a\n1"))
    finally:
        file.unlink()


def test_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    """What a hostile worker can have logged here is one line each."""
    for body in (CODES.encode(), b"\x01" + CODES.encode(), b"\x01" + json.dumps(NAME).encode()):
        with pytest.raises(DeserializationError) as caught:
            unpack_result(body)
        logging.getLogger("gc_jupyter").warning("dropped: %s", caught.value.reason)
    envelope = json.dumps({"message_type": NAME, "data": {}}).encode()
    with pytest.raises(DeserializationError) as caught:
        unpack_result(b"\x01" + envelope)
    logging.getLogger("gc_jupyter").warning("dropped: %s", caught.value.reason)
    assert len(caplog.messages) == 4
    assert all(message.isprintable() for message in caplog.messages)
