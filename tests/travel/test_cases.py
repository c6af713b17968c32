"""What was found by invented notebooks, by public ones and by hand: each cause has a name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.handle import Loopback
from tests.travel.cases import read_cases
from tests.travel.kernel import History, Kernel


@pytest.fixture(scope="module")
def far(loopback_session: Loopback) -> Iterator[Kernel]:
    """A kernel whose cells run by the official `execute_task`, in the endpoint's environment."""
    with Kernel(loopback_session.endpoint("inline"), loopback_session.environment) as kernel:
        yield kernel


CASES = [*read_cases("found"), *read_cases("modules")]


@pytest.mark.parametrize("history", CASES, ids=lambda one: one.kinds[0])
def test_the_same(far: Kernel, history: History) -> None:
    answer = far.see(history)
    assert not answer.before, "a cell before it fails"
    differences = answer.differences()
    assert not differences, "\n\n".join([str(history), *differences])
