"""At most four messages a second, whatever happens; the test moves the clock."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from gc_jupyter.widgets.flusher import INTERVAL_S, Flusher


class Clock:
    """An event loop's clock and timers, without an event loop."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self.timers, (when, next(self._numbers), callback))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            when, _, callback = heapq.heappop(self.timers)
            self.now = max(self.now, when)
            callback()
        self.now = end


class Widget:
    def __init__(self, clock: Clock, messages: int = 1) -> None:
        self.clock, self.messages = clock, messages
        self.sent: list[float] = []

    def flush(self) -> bool:
        self.sent.append(self.clock.now)
        self.messages -= 1
        return self.messages > 0


def test_the_first_news_is_sent_at_once() -> None:
    clock = Clock()
    widget = Widget(clock)
    Flusher(clock).mark(widget)
    clock.run(0)
    assert widget.sent == [100.0]


def test_a_burst_is_one_message() -> None:
    clock = Clock()
    flusher, widget = Flusher(clock), Widget(clock)
    for _ in range(10_000):
        flusher.mark(widget)
    clock.run(10)
    assert len(widget.sent) == 1


def test_steady_news_of_five_widgets_are_four_messages_a_second_in_all() -> None:
    clock = Clock()
    flusher = Flusher(clock)
    widgets = [Widget(clock) for _ in range(5)]
    for _ in range(999):  # just under 10 s
        for widget in widgets:
            flusher.mark(widget)
        clock.run(0.01)
    times = sorted(time for widget in widgets for time in widget.sent)
    assert len(times) == 40
    assert min(b - a for a, b in itertools.pairwise(times)) >= INTERVAL_S - 1e-6
    assert {len(widget.sent) for widget in widgets} == {8}  # in turn


def test_what_does_not_fit_follows() -> None:
    clock = Clock()
    widget = Widget(clock, messages=3)
    Flusher(clock).mark(widget)
    clock.run(10)
    assert widget.sent == [100.0, 100.25, 100.5]


def test_no_timer_while_idle() -> None:
    clock = Clock()
    Flusher(clock).mark(Widget(clock))
    clock.run(1)
    assert clock.timers == []


def test_one_broken_widget_does_not_stop_the_others() -> None:
    clock = Clock()
    flusher, widget = Flusher(clock), Widget(clock)
    broken = Widget(clock)
    broken.flush = lambda: 1 / 0  # type: ignore[assignment, method-assign, return-value]
    flusher.mark(broken)
    flusher.mark(widget)
    clock.run(1)
    assert len(widget.sent) == 1


def test_a_widget_that_ended_is_left_out() -> None:
    clock = Clock()
    flusher, widget = Flusher(clock), Widget(clock)
    flusher.mark(widget)
    flusher.forget(widget)
    clock.run(1)
    assert widget.sent == []
