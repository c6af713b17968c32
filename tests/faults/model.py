"""What random sequences are made of, and what must hold after each.

A sequence runs cells that leave a mark in a file where they run: that is the outside record. Each
run of a cell has marks of its own, also where the same cell binds the same name once more.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

#: What becomes of a submission.
FAULTS: list[dict[str, Any] | None] = [
    *[None] * 3,
    {"status": 502},
    {"drop": "before"},
    {"drop": "after"},
    {"drop": "midway"},
    {"garble": True},
    {"late_s": 0.2},
    {"status": 429, "headers": {"Retry-After": "0.3"}},
]
#: What becomes of the questions that an attaching kernel asks.
OF_READS: list[dict[str, Any]] = [
    {"status": 502},
    {"drop": "before"},
    {"drop": "midway"},
    {"garble": True},
    {"delay_s": 0.3},
    {"status": 429, "headers": {"Retry-After": "0.3"}},
]
#: How the broker brings results.
OF_RESULTS: list[dict[str, Any]] = [
    *[{}] * 4,
    {"duplicates": 1},
    {"delay_s": 0.2},
]
#: What becomes of tasks that were stopped before they were sent.
DROPPED = ("CancelledError", "Cancelled")
#: The kinds of cells that are chosen from.
KINDS = ("cell", "cell", "cell", "sweep", "sweep", "shell", "plain", "function")


class Due(IntEnum):
    """What a notebook must have."""

    #: Nothing; what it has is its own.
    OWN = 0
    #: Of the runs that bind one name, the newest that was never shown.
    NEWEST = 1
    #: All that was never shown and can be found.
    OFFERED = 2
    #: All that can be found.
    ALL = 3


@dataclass
class Run:
    """One run of a cell.

    Attributes
    ----------
    name:
        What it is bound to.
    marks:
        What its tasks write down, and give back.
    wrong:
        The mark of the task that fails, if any.
    many:
        Whether the name is a fan-out.
    out:
        Whether it binds `out_NAME`.
    tellable:
        Whether what was accepted of it can be found without its reply.
    seen:
        Whether its result may have been shown, or its cell interrupted: `%gc attach` then offers it
        by the group's id only.
    """

    name: str
    marks: list[str]
    cells: list[str]
    wrong: str = ""
    many: bool = False
    out: bool = False
    tellable: bool = True
    seen: bool = False

    def is_of(self, found: Sequence[Any]) -> bool:
        """Whether these values and failures can be what this run has come to."""
        return len(found) <= len(self.marks) and all(
            self._is(mark, one) for mark, one in zip(self.marks, found, strict=False)
        )

    def _is(self, mark: str, one: Sequence[Any]) -> bool:
        kind, content, *text = one
        if kind == "value":
            return bool(content == mark != self.wrong)
        if content == "ValueError":
            return mark == self.wrong and f"no {mark}." in text[0]
        return True  # it isn't known: `check` says whether that may be

    def knows(self, found: Sequence[Any]) -> bool:
        """Whether each of its tasks has come to what it has come to."""
        ends = ["value", "ValueError"]
        return len(found) == len(self.marks) and all(
            one[0] in ends or one[1] in ends for one in found
        )


@dataclass
class Plan:
    """The runs of a sequence so far, and how the next one is chosen."""

    choose: random.Random
    record: Path
    runs: list[Run] = field(default_factory=list)
    again: set[str] = field(default_factory=set)  # the marks of tasks that were run again

    def next_run(self, endpoint: str, inline: bool, group_known: bool) -> Run:
        """A cell to run, and what it must come to.

        Parameters
        ----------
        endpoint, inline:
            Where it runs, and whether that answers at once.
        group_known:
            Whether the kernel has a task group by now.
        """
        choose, kind = self.choose, self.choose.choice(KINDS)
        name = f"n{len(self.runs)}"
        bound = [one.name for one in self.runs if one.tellable]
        if bound and kind in ("cell", "sweep", "shell") and choose.random() < 0.25:
            name = choose.choice(bound)  # the same name once more
        mark = f"{name} of {len(self.runs)}"
        many, out = kind == "sweep", kind in ("cell", "sweep") and choose.random() < 0.5
        marks = [f"{mark} {x}" for x in range(3)] if many else [mark]
        wrong = choose.choice(marks) if kind in ("cell", "sweep") and choose.random() < 0.2 else ""
        waits = kind not in ("plain", "function") and choose.random() < 0.3
        how = f"--timeout {20 if inline else 0.3}" if waits else "-a"
        options = f"{endpoint} {how} -q --future {name}"
        options += f" --out out_{name}" * out + " --map x=range(3)" * many
        own = f"'{mark}'" + " + f' {x}'" * many
        body = f"mark = {own}\nprint(mark, file=open({str(self.record)!r}, 'a'))\n"
        body += f"if mark == {wrong!r}: raise ValueError(f'no {{mark}}.')\nout_{name} = mark\nmark"
        cells = [f"%%gcrun {options}\n{body}"]
        if kind == "shell":
            cells = [f"%%gcshell {options}\necho {mark} >> {self.record}\necho {mark}"]
        elif kind == "plain":
            cells = [f"from gc_jupyter import Executor\n{name} = Executor({endpoint!r})"]
            cells[0] += f".submit(plain, {str(self.record)!r}, {mark!r})"
        elif kind == "function":
            step = f"def step(mark):\n    print(mark, file=open({str(self.record)!r}, 'a'))"
            cells = [f"%%gcrun {endpoint} -q\n{step}\n    return mark"]
            cells.append(f"{name} = step.submit({mark!r})")
        # of a plain task's result nobody can tell where it belongs, and of a function's by which
        # name the notebook knows it
        told = group_known and kind not in ("plain", "function")
        self.runs.append(Run(name, marks, cells, wrong, many, out, told, waits))
        return self.runs[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the cells bind."""
        return tuple(dict.fromkeys(one.name for one in self.runs))

    def ran(self) -> list[str]:
        """The marks of the tasks that ran: each once, or it was run again."""
        marks = self.record.read_text().splitlines()
        once = [one for one in marks if one not in self.again]
        assert len(once) == len(set(once)), f"run twice: {once}"
        return marks

    def sweep(self) -> Run | None:
        """A fan-out whose name no later run has, if there is one."""
        newest = {one.name: one for one in self.runs}
        sweeps = [one for one in newest.values() if one.many]
        return self.choose.choice(sweeps) if sweeps else None

    def check(self, shown: dict[str, Any], ran: Sequence[str], said: str, due: Due) -> None:
        """What is shown is a name's own; where nothing is, nothing ran, or it is said.

        Parameters
        ----------
        shown:
            What a notebook's names have come to.
        ran, said:
            The outside record, and what the notebook was told, for the failure's text.
        due:
            What must be there.
        """
        for name in self.names:
            self._check_name(name, shown, ran, said, due)
        told = [one for one in shown["told"] if isinstance(one[2], str)]
        once = [one for one in told if one[2] not in self.again]
        assert len({one[0] for one in once}) == len({one[2] for one in once}), f"{once}: {said}"
        for _, label, value in told:
            if "x=" in label:
                assert label[-1] == value[-1], f"{label} has {value}"

    def _check_name(
        self, name: str, shown: dict[str, Any], ran: Sequence[str], said: str, due: Due
    ) -> None:
        runs = [one for one in self.runs if one.name == name]
        found, bound = shown["looked"][name], shown["bound"][name]
        many = isinstance(found, list) and (not found or isinstance(found[0], list))
        each = [] if found is None else found if many else [found]
        what = f"{name} is {found}, out is {bound}, ran {ran}: {said}"
        fitting = [one for one in runs if one.is_of(each) and (not each or one.many == many)]
        assert fitting, what
        newest = runs[-1]
        is_due = newest.tellable and newest.marks[0] in ran and due >= Due.NEWEST
        is_due = is_due and (due == Due.ALL or not newest.seen)
        if is_due and any(one[0] == "value" for one in each):
            assert newest in fitting, f"an older run's: {what}"
        for mark, one in zip(newest.marks, each, strict=False):
            kind, content, *text = one
            if kind == "value":
                assert content in ran, f"never ran: {what}"
            elif content == "ComputeError":  # others of its fan-out are known
                assert "It isn't known here" in text[0], what
            elif content != "ValueError":
                kinds = ["SubmitUncertain"] if mark in ran else ["SubmitUncertain", *DROPPED]
                assert content in kinds, what
        parts = bound if isinstance(bound, list) else [bound]
        may = [one.marks for one in runs if one.out and one.many == isinstance(bound, list)]
        assert bound is None or any(
            all(one in (None, mark) for one, mark in zip(parts, marks, strict=True))
            for marks in may
        ), what
        if is_due and due >= Due.OFFERED:  # where nobody has the result, that must be said
            assert newest.knows(each), what
            if newest.out and (newest.many or not newest.wrong):
                assert parts == [None if one == newest.wrong else one for one in newest.marks], what
