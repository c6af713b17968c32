"""The task book: results before their ids, twice, or of others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gc_jupyter.protocol.task_book import Settled, TaskBook, Unclaimed

Book = TaskBook[str, str]


def test_a_result_after_its_id() -> None:
    book = Book()
    assert book.end(book.begin(), [("1", "A"), ("2", "B")]) == Settled([], [])
    assert (len(book), list(book), list(book.owners())) == (2, ["1", "2"], ["A", "B"])
    assert book.owner("1") == "A"
    assert book.deliver("1", "r1") == "A"
    assert (list(book), book.owner("1")) == (["2"], None)


def test_a_result_before_its_id() -> None:
    book = Book()
    submission = book.begin()
    assert book.deliver("1", "r1") is Unclaimed.KEPT
    assert book.early == 1
    assert book.end(submission, [("1", "A"), ("2", "B")]) == Settled([("A", "r1")], [])
    assert (list(book), book.early) == (["2"], 0)


def test_duplicates_are_dropped() -> None:
    book = Book()
    submission = book.begin()
    assert book.deliver("1", "first") is Unclaimed.KEPT
    assert book.deliver("1", "second") is Unclaimed.DROPPED
    assert book.end(submission, [("1", "A")]).matched == [("A", "first")]
    assert book.deliver("1", "third") is Unclaimed.DROPPED
    assert book.dropped == 2


def test_foreign_results_are_dropped() -> None:
    book = Book()
    assert book.deliver("foreign", "r") is Unclaimed.DROPPED
    submission = book.begin()
    assert book.deliver("foreign", "r") is Unclaimed.KEPT
    assert book.end(submission, [("1", "A")]) == Settled([], ["r"])
    assert (book.early, book.dropped) == (0, 2)


def test_an_early_result_waits_for_every_submission_under_way() -> None:
    book = Book()
    first, second = book.begin(), book.begin()
    assert book.deliver("2", "r2") is Unclaimed.KEPT
    third = book.begin()  # began after the result came: can't be its submission
    assert book.end(third, [("3", "C")]) == Settled([], [])
    assert book.end(first) == Settled([], [])  # failed
    assert book.early == 1
    assert book.end(second, [("2", "B")]) == Settled([("B", "r2")], [])
    assert list(book) == ["3"]


def test_a_later_submission_doesnt_keep_an_early_result() -> None:
    book = Book()
    first = book.begin()
    book.deliver("foreign", "r")
    second = book.begin()
    assert book.end(first, [("1", "A")]).dropped == ["r"]
    assert book.end(second) == Settled([], [])


def test_a_failed_submission_drops_what_came_early() -> None:
    book = Book()
    submission = book.begin()
    book.deliver("1", "r1")
    assert book.end(submission) == Settled([], ["r1"])
    assert book.deliver("1", "r1") is Unclaimed.DROPPED


def test_ending_twice_changes_nothing() -> None:
    book = Book()
    first, second = book.begin(), book.begin()
    book.end(first)
    book.deliver("1", "r1")
    assert book.end(first) == Settled([], [])
    assert book.end(second, [("1", "A")]).matched == [("A", "r1")]


def test_close() -> None:
    book = Book()
    book.end(book.begin(), [("1", "A")])
    book.close("1")
    book.close("1")
    assert len(book) == 0
    assert book.deliver("1", "late") is Unclaimed.DROPPED


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
    st.integers(0, 2),
)
def test_any_order_resolves_each_task_once_and_leaves_nothing(
    sizes: list[int], random: object, copies: int
) -> None:
    """Submissions all under way; their ends and all results in any order, with duplicates."""
    book = Book()
    batches = {
        book.begin(): [(f"{n}-{i}", f"owner {n}-{i}") for i in range(size)]
        for n, size in enumerate(sizes)
    }
    events: list[tuple[str, object]] = [("end", submission) for submission in batches]
    for tasks in batches.values():
        events += [("result", task_id) for task_id, _ in tasks] * (1 + copies)
    random.shuffle(events)  # type: ignore[attr-defined]
    resolved = []
    for kind, what in events:
        if kind == "end":
            resolved += [owner for owner, _ in book.end(what, batches[what]).matched]  # type: ignore[index]
        elif not isinstance(owner := book.deliver(str(what), "r"), Unclaimed):
            resolved.append(owner)
    assert sorted(resolved) == sorted(owner for tasks in batches.values() for _, owner in tasks)
    assert (len(book), book.early) == (0, 0)
