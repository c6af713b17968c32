"""Random sequences of submissions, faults, kills and attaches: each name has its own task's result,
or the words say that it isn't known.

A sequence is a notebook that runs cells of each kind, some of them twice, at a service that
refuses, answers late, cuts or garbles replies, lists its groups in another order, and whose broker
brings results twice or late. Cells are interrupted, time out, or are stopped before they
were sent; the kernel is killed at some step, perhaps again and again, or lives and runs tasks of
its fan-outs again. A server's keeper may collect before a kernel attaches, after which the service
forgets what it has, or while it does; another machine may attach while the kernel lives; the kernel
that attaches may be killed in the midst of it, and its questions go wrong, too. Then the first or a
new kernel attaches, and one of another machine. The tasks write down that they ran: what a notebook
shows is compared with that. `make test` takes three sequences, `make soak` as many as
`GC_JUPYTER_SEQUENCES` says (100), from `GC_JUPYTER_FIRST_SEQUENCE` on.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.model import FAULTS, OF_READS, OF_RESULTS, Due, Plan
from tests.faults.notebooks import Notebook, collect, keeper
from tests.service.handle import Loopback
from tests.waiting import poll

COUNT = int(os.environ.get("GC_JUPYTER_SEQUENCES", "100"))
FIRST = int(os.environ.get("GC_JUPYTER_FIRST_SEQUENCE", "0"))
SEEDS = range(FIRST, FIRST + (COUNT if os.environ.get("GC_JUPYTER_SOAK") else 3))
WAIT_FOR_IDS = "from gc_jupyter.session.waiting import wait_for_ids; wait_for_ids"
#: The requests that an attaching kernel makes.
READS = r"/v2/(taskgroup/.*|batch_status|get_amqp_result_connection_url)"


@pytest.mark.parametrize("seed", SEEDS)
def test_each_name_has_its_own_result_or_it_is_said(
    loopback: Loopback, notebooks: str, tmp_path: Path, seed: int
) -> None:
    sequence = Sequence(seed, loopback, notebooks, tmp_path)
    try:
        sequence.run()
    except AssertionError as error:
        raise AssertionError(f"{seed}: {error}\n" + "\n".join(sequence.acts)) from error
    finally:
        sequence.end()


class Sequence:
    """One sequence. `acts` says what was done, and when."""

    def __init__(self, seed: int, loopback: Loopback, notebooks: str, folder: Path) -> None:
        self._choose = random.Random(seed)
        self._loopback = loopback
        self._notebooks = notebooks
        self._folder = folder
        (folder / "ran").touch()
        self._plan = Plan(self._choose, folder / "ran")
        self._started: list[Notebook] = []
        self._keepers: list[subprocess.Popen[str]] = []
        self._inline, self._offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
        self._groups: dict[str, None] = {}
        self._of_results = {
            **self._choose.choice(OF_RESULTS),
            "listed": self._choose.choice(["", "reversed"]),
        }
        self._collected = False
        self._began, self.acts = time.monotonic(), list[str]()
        loopback.result_fault(**self._of_results)

    def run(self) -> None:
        """From the first cell to the last look."""
        kernel, said = self._start(), ""
        for _ in range(self._choose.choice([0, 0, 1])):
            self._submit(kernel, killed=True)
            kernel, said = self._next(kernel, said, again=True)
        killed = self._choose.random() < 0.7
        self._submit(kernel, killed=killed)
        if self._choose.random() < 0.2:
            self._elsewhere(Due.OWN)
        late = self._choose.random() < 0.5
        if not late:
            self._loopback.bring_online(self._offline)
        if killed:
            kernel, said = self._next(kernel, said, again=False)
        else:
            said += self._attach(kernel)
        if late:
            self._loopback.bring_online(self._offline)
        shown = kernel.run("", self._plan.names)
        said += self._attach(kernel)
        kernel.run("", self._plan.names)
        again = kernel.run("", self._plan.names)
        ran = self._plan.ran()
        self._plan.check(shown, ran, said, Due.NEWEST)
        self._plan.check(again, ran, said, Due.OFFERED)
        for group in self._groups:  # by the beginning of its id
            self._act(f"attach {group}")
            said += kernel.run(f"%gc attach {group[: self._choose.randrange(8, 36)]}")["text"]
        kernel.run("", self._plan.names)
        self._plan.check(kernel.run("", self._plan.names), ran, said, Due.ALL)
        self._elsewhere(Due.OWN if self._collected else Due.NEWEST)
        if not killed:
            self._run_again(kernel)

    def end(self) -> None:
        """End its notebooks."""
        for kernel in self._started:
            kernel.end()
        for one in self._keepers:
            one.communicate("\n")

    def _act(self, text: str) -> None:
        self.acts.append(f"{time.monotonic() - self._began:5.1f} s: {text}")

    def _start(self, machine: str = "data") -> Notebook:
        self._act(f"start in {machine}")
        self._started.append(Notebook(self._notebooks, self._folder / machine))
        return self._started[-1]

    # --- submissions -----------------------------------------------------------------------

    def _submit(self, kernel: Notebook, *, killed: bool) -> None:
        """Run cells in a kernel; it is killed at some step."""
        choose, loopback = self._choose, self._loopback
        if group_known := choose.random() < 0.8:
            kernel.run(f"%%gcrun {self._inline} -q\n1")
        count = choose.randrange(1, 5)
        at = choose.randrange(count) if killed else count
        for step in range(min(count, at + 1)):
            inline = choose.random() < 0.5
            endpoint = self._inline if inline else self._offline
            run = self._plan.next_run(endpoint, inline, group_known)
            fault, ending = choose.choice(FAULTS), choose.random()
            self._act(f"{run.cells[-1]!r} with {fault}")
            for cell in run.cells[:-1]:
                kernel.run(cell)
            loopback.clear()
            if fault is not None:
                loopback.fault(path=r".*/submit", **fault)
            kernel.send(run.cells[-1])
            if step == at and ending < 0.3:
                self._act("is killed, perhaps before anything has left")
                break
            if stopped := ending > 0.85:
                self._act("is interrupted")
                run.seen = True
                time.sleep(choose.random() / 5)
                kernel.interrupt()
            kernel.read()
            if not stopped:
                loopback.wait_for_submissions(1, answered=False)
            if choose.random() < 0.15:
                self._act("cancel --all")
                kernel.run("%gc cancel --all")
            if step != at and choose.random() < 0.2:
                self._run_one_again(kernel)
            if choose.random() < 0.1:
                self._act("streams are cut")
                loopback.cut_streams()
            self._note_groups()
            if step != at and not group_known and fault is None and not stopped:
                # its result isn't looked at: what was seen isn't offered again
                futures = run.name if run.many else f"[{run.name}]"
                group = f"print('group', {futures}[0].info.task_group_id)"
                told = kernel.run(f"{WAIT_FOR_IDS}({futures}, 60)\n{group}")["text"]
                found = re.search(r"group ([0-9a-f-]{36})", told)
                assert found is not None, told
                self._groups[found[1]] = None
                group_known, run.tellable = True, "submit(" not in run.cells[-1]
        self._note_groups()
        loopback.reset()
        loopback.result_fault(**self._of_results)

    def _note_groups(self) -> None:
        """The task groups that requests were for."""
        bodies = [one["body"] for one in self._loopback.requests("POST", "/submit")]
        named = [body["task_group_id"] for body in bodies if body.get("task_group_id")]
        self._groups |= dict.fromkeys(named)

    # --- attaching -------------------------------------------------------------------------

    def _next(self, kernel: Notebook, said: str, *, again: bool) -> tuple[Notebook, str]:
        """Kill a kernel; one that has attached, and what it was told. `again`: it will be killed,
        too."""
        choose = self._choose
        self._act("kill")
        kernel.end()
        if choose.random() < 0.4:
            self._act("a keeper collects")
            killed = choose.random() < 0.5
            self._collected |= bool(collect(self._loopback, self._folder, killed=killed))
        elif choose.random() < 0.3:
            self._act("a keeper collects from now on")
            self._keepers.append(keeper(self._loopback, self._folder))
        cut_short = choose.random() < 0.3
        if cut_short:  # at its first, second, … request
            middle, asked = self._start(), choose.randrange(5)
            self._act(f"attach, killed at request {asked}")
            self._loopback.clear()
            middle.send("%gc attach")
            with contextlib.suppress(AssertionError):  # it has less to ask
                poll(lambda: len(self._loopback.requests()) >= asked, limit_s=2.0)
            middle.end()
        new = self._start()
        said += self._attach(new)
        for run in self._plan.runs:  # what this kernel has shown isn't offered to the next one
            run.seen = run.seen or again
        if cut_short:  # what the killed one has shown isn't offered
            said += "".join(new.run(f"%gc attach {group}")["text"] for group in self._groups)
        return new, said

    def _attach(self, kernel: Notebook) -> str:
        """Attach, perhaps with answers that go wrong; what was said."""
        said = ""
        if self._choose.random() < 0.3:
            fault, times = self._choose.choice(OF_READS), self._choose.randrange(1, 6)
            self._act(f"attach with {fault} {times} times")
            self._loopback.fault(path=READS, times=times, **fault)
            said = kernel.run("%gc attach")["text"]
            self._loopback.reset()
            self._loopback.result_fault(**self._of_results)
        self._act("attach")
        return said + str(kernel.run("%gc attach")["text"])

    def _elsewhere(self, due: Due) -> None:
        """Attach to all groups on another machine."""
        other = self._start(f"machine {len(self._started)}")
        said = ""
        for group in self._groups:
            self._act(f"attach {group}")
            said += other.run(f"%gc attach {group}")["text"]
        if due == Due.OWN:  # what is asked for is there, or waits: nobody waits for it here
            return
        shown = other.run("", self._plan.names)
        self._plan.check(shown, self._plan.ran(), said, due)

    # --- again -----------------------------------------------------------------------------

    def _run_one_again(self, kernel: Notebook) -> None:
        """Run a task of a fan-out again, where it is over; the kernel may be killed after it."""
        if (run := self._plan.sweep()) is None:
            return
        place, fault = self._choose.randrange(len(run.marks)), self._choose.choice(FAULTS)
        self._act(f"run {run.name}[{place}] again with {fault}")
        self._note_groups()
        self._plan.again.add(run.marks[place])
        if fault is not None:  # the one that isn't known has the place
            run.tellable = False
            self._loopback.fault(path=r".*/submit", **fault)
        kernel.run(f"{run.name}.rerun({place})\n{WAIT_FOR_IDS}({run.name}, 3)")
        self._note_groups()
        self._loopback.reset()
        self._loopback.result_fault(**self._of_results)

    def _run_again(self, kernel: Notebook) -> None:
        """Run tasks of fan-outs again, with faults: the others keep their results."""
        for run in self._plan.runs:
            found: Any = kernel.run("", (run.name,))["looked"][run.name]
            if not run.many or not found or not run.is_of(found) or not run.knows(found):
                continue
            place, fault = self._choose.randrange(len(found)), self._choose.choice(FAULTS)
            self._act(f"run {run.name}[{place}] again with {fault}")
            if fault is not None:
                self._loopback.fault(path=r".*/submit", **fault)
            now = kernel.run(f"{run.name}.rerun({place})", (run.name,))["looked"][run.name]
            assert now[:place] == found[:place], now
            assert now[place + 1 :] == found[place + 1 :], now
            assert now[place] == found[place] or now[place][1] == "SubmitUncertain", now
            self._loopback.reset()
