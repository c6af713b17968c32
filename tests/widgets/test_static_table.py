"""What stays in a notebook: markup that is ours alone, bounded, most urgent first."""

from __future__ import annotations

from concurrent.futures import Future
from html.parser import HTMLParser
from typing import Any

from gc_jupyter.errors import TaskExecutionFailed
from gc_jupyter.types import Endpoint, TaskInfo, TaskState
from gc_jupyter.widgets.endpoint_card import EndpointCard
from gc_jupyter.widgets.outcomes import outcome
from gc_jupyter.widgets.static_table import static_table
from gc_jupyter.widgets.task_rows import TaskRows

HOSTILE = "<script>document.title='x'</script><img src=x onerror=alert(1)>"
OURS = {
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre"),
    "strong",
}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def table_of(count: int, failing: tuple[int, ...] = ()) -> dict[str, str]:
    rows, futures = TaskRows(0.0), []
    for number in range(count):
        future: Future[Any] = Future()
        if number in failing:
            future.set_exception(TaskExecutionFailed(f"Traceback:\n{HOSTILE}\nE: {HOSTILE}"))
        else:
            future.set_result(HOSTILE)
        rows.add(f"{HOSTILE} {number}", HOSTILE)
        state, text = outcome(future)
        rows.update(number, state, TaskInfo(HOSTILE, None, HOSTILE, None, 1.0, 2.0, 3.5), text)
        futures.append(future)
    return static_table(rows, futures, f"Title {HOSTILE}", 0.0)


def test_remote_text_is_never_markup() -> None:
    tags = parse(table_of(5, failing=(2,))["text/html"])
    assert set(tags.tags) <= OURS
    assert tags.attributes <= {"scope", "style", "colspan", "open"}
    assert HOSTILE in tags.text


def test_failures_come_first_and_a_fan_out_leaves_little() -> None:
    bundle = table_of(10_000, failing=(9_000, 9_999))
    lines = bundle["text/plain"].splitlines()
    assert "2 failed, 9,998 success" in lines[0]
    assert ["✗ failed" in line for line in lines[2:5]] == [True, True, False]
    assert lines[-1] == "… and 9,980 more"
    assert len(bundle["text/html"]) < 80_000
    assert bundle["text/html"].count("<details>") == 1  # their tracebacks are the same
    assert "(the same in 2 tasks)" in bundle["text/html"]


def test_few_tasks_stay_in_their_order() -> None:
    lines = table_of(3, failing=(2,))["text/plain"].splitlines()
    assert ["✗ failed" in line for line in lines[2:]] == [False, False, True]


def test_headers_have_their_scope() -> None:
    html = table_of(2)["text/html"]
    assert html.count('scope="col"') == 6
    assert html.count('scope="row"') == 2


def test_no_tasks() -> None:
    assert static_table(TaskRows(0.0), [], "Tasks", 0.0)["text/plain"] == "Tasks: no tasks"


def test_times_are_the_workers() -> None:
    assert "1.0 s" in table_of(1)["text/plain"]
    assert "1.5 s" in table_of(1)["text/plain"]


def test_an_endpoint_card_reads_as_text_and_as_html() -> None:
    endpoint = Endpoint("uuid-1", f"polaris {HOSTILE}", "online", "3.11.7")
    card = EndpointCard(endpoint, workers=64, idle_workers=60, waiting=1200, at=0.0)
    plain = repr(card)
    for text in ("online", "64 (60 idle)", "1,200 waiting", "3.11.7", "uuid-1"):
        assert text in plain
    bundle = card._repr_mimebundle_()
    assert bundle["text/plain"] == plain
    tags = parse(bundle["text/html"])
    assert set(tags.tags) <= OURS
    assert "polaris" in tags.text


def test_an_endpoint_card_says_only_what_is_known() -> None:
    plain = repr(EndpointCard(Endpoint("uuid-1")))
    assert plain.startswith("uuid-1\n")
    assert "unknown" in plain
    assert "Workers" not in plain


def test_every_state_has_a_word_and_an_icon() -> None:
    for state in TaskState:
        rows = TaskRows(0.0)
        rows.add("one")
        rows.update(0, state, TaskInfo())
        line = static_table(rows, [Future()], "T", 0.0)["text/plain"].splitlines()[2]
        assert line.split(maxsplit=2)[2] == state.value


def test_what_has_ended_is_a_line_that_unfolds() -> None:
    good, bad = table_of(30)["text/html"], table_of(30, failing=(3,))["text/html"]
    assert good.startswith("<details><summary>✓ Title ")
    assert ": 30 tasks · 2.5 s · " in good[: good.index("</summary>")]
    assert good.count("<tr>") == 31  # whole
    assert bad.startswith("<details open><summary>✗ Title ")
    assert ": 1 of 30 tasks failed · " in bad[: bad.index("</summary>")]
