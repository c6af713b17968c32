"""Invented notebooks give the same here and on a worker: value, output, errors, files.

`make test` runs a few hundred, the same ones each time. GC_JUPYTER_HISTORIES=5000 runs so many, and
others each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.handle import Loopback
from tests.travel import (
    of_class_kinds,
    of_classes,
    of_data,
    of_decorators,
    of_functions,
    of_instances,
    of_modules,
)
from tests.travel.histories import STEPS, History, histories
from tests.travel.kernel import Kernel, KernelDied

_MANY = int(os.environ.get("GC_JUPYTER_HISTORIES", "0"))
#: Steps of a woven history.
_MOST = 5
_KINDS = sorted(STEPS)
#: Kinds that `make histories` alone weaves with others: modules, the order of a class's names, and
#: objects whose class has a say in how they are made.
_ALONE = {
    "about_the_class",
    "attributes_that_are_shared",
    "containers_of_their_own",
    "installed_module_set",
    "keys_that_hold_themselves",
    "made_by_its_own_new",
    "module_changed",
    "module_edited",
    "module_made_by_hand",
    "module_reloaded",
    "module_taken_from",
    "module_with_effects",
    "modules_of_each_other",
}
_WOVEN = _KINDS if _MANY else sorted(set(STEPS) - _ALONE)


def invented(few: int, share: float) -> settings:
    """`few` examples in `make test`, else this share of what the environment asks for."""
    return settings(
        max_examples=max(few, int(_MANY * share)),
        derandomize=not _MANY,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def far(loopback_session: Loopback) -> Iterator[Kernel]:
    """A kernel whose cells run by the official `execute_task`, in the endpoint's environment."""
    with Kernel(loopback_session.endpoint("inline"), loopback_session.environment) as kernel:
        yield kernel


@pytest.fixture(scope="module")
def near() -> Iterator[Kernel]:
    """A kernel whose cells run by `local`."""
    with Kernel("local") as kernel:
        yield kernel


def check(kernel: Kernel, history: History) -> None:
    """The history gives the same here and there."""
    try:
        answer = kernel.see(history)
    except KernelDied as error:
        pytest.fail(f"{error}\n\n{history}")
    differences = answer.differences()
    assert not differences, "\n\n".join([str(history), *differences])


@pytest.mark.timeout(0 if _MANY else 120)
@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind(kind: str, far: Kernel) -> None:
    @invented(2, 0.5 / len(_KINDS))
    @given(histories([kind], most=2))
    def same(history: History) -> None:
        check(far, history)

    same()


@pytest.mark.timeout(0 if _MANY else 120)
@invented(60, 0.4)
@given(histories(_WOVEN, most=_MOST))
def test_woven(far: Kernel, history: History) -> None:
    check(far, history)


@pytest.mark.timeout(0 if _MANY else 120)
@invented(20, 0.1)
@given(histories(_WOVEN, most=_MOST))
def test_local(near: Kernel, history: History) -> None:
    check(near, history)


def test_a_difference_is_seen(far: Kernel) -> None:
    """The comparison can fail: a worker is another process, and another machine."""
    answer = far.see(History((), ("import os\npid = os.getpid()",), "os.getpid() == pid"))
    assert [one.value for one in (*answer.here, *answer.there)] == ["False", "False"]
    answer = far.see(History((), (), "import os\nprint('x')\nos.getcwd()"))
    assert [one.partition(" ")[0] for one in answer.differences()] == ["value"]
    answer = far.see(History((), ("%%writefile x.txt\nx",), "import os\nos.path.exists('x.txt')"))
    assert answer.differences() == ["value of the cell\n  here:  'True'\n  there: 'False'"]


def test_every_module_of_steps_is_used() -> None:
    parts = (of_class_kinds, of_classes, of_data, of_decorators, of_functions, of_instances)
    for part in (*parts, of_modules):
        assert [one for one in STEPS.values() if one.__module__ == part.__name__]


def test_histories_are_many() -> None:
    """Not one and the same again: what is drawn differs."""
    seen: set[str] = set()

    @settings(max_examples=50, derandomize=True, database=None)
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        seen.add(str(data.draw(histories(_KINDS, most=3))))

    draw()
    assert len(seen) > 40
