"""Running a cell of %%gcrun or %%gcshell: send it, wait for it, show its results."""

from __future__ import annotations

import reprlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.display import display

from gc_jupyter.capture import Captured, CellFuture
from gc_jupyter.credentials import masked
from gc_jupyter.errors import ComputeError, ValuesMissing, gist
from gc_jupyter.future import dropped
from gc_jupyter.journal import Note
from gc_jupyter.magics.calls import account, calls_of
from gc_jupyter.magics.cell_capture import bring, captured_with, values_of
from gc_jupyter.magics.cell_source import CellSource, read_cell
from gc_jupyter.magics.cell_waiting import wait_for
from gc_jupyter.magics.definitions import define, definitions_beside_one, is_definitions
from gc_jupyter.magics.dry_run import report, sizes
from gc_jupyter.magics.generators import go_on, has_generator, shared_states
from gc_jupyter.magics.kept import binds, say_kept
from gc_jupyter.magics.login import require_login
from gc_jupyter.magics.notebook import NotebookMagics, short
from gc_jupyter.protocol.nonces import run_of
from gc_jupyter.remote_text import one_line
from gc_jupyter.session import Tasks, show_output, without_markup
from gc_jupyter.session.fan_out_failed import where_others, with_tasks
from gc_jupyter.session.shell import capture_script
from gc_jupyter.session.target import check_readable, prepare, stays_here
from gc_jupyter.session.waiting import StoppedWaiting
from gc_jupyter.session.watching import Watch

if TYPE_CHECKING:
    from gc_jupyter.options import Options
    from gc_jupyter.session import Session, Target
    from gc_jupyter.session.futures import NotebookFuture

#: Names in the line that says what a cell takes along; --dry-run lists them all.
_LISTED = 8
_UNSET = object()


def run_cell(magics: NotebookMagics, options: Options, cell: str) -> Any:
    """Run a cell of %%gcrun: define remote functions, or submit it as a task or a fan-out. Returns
    what IPython shows as `Out[n]`: the value or values, or the futures of a cell with `-a`."""
    session, shell = magics.session, magics.shell
    target = magics.target(options)
    check_readable(target)
    source = read_cell(shell, cell)
    if is_definitions(source.tree):
        if options.dry_run:
            print("This cell only defines: nothing is sent before a function is called.")
            return None
        calls = calls_of(magics, options, target)
        made = define(shell, source, session, target, calls)
        _say_what_leaves(options, target, made=made)
        prepare(target, session.signed_in)
        return None
    if not options.dry_run:
        prepare(target, session.signed_in)
    variable, values = values_of(options, shell.user_ns)

    def capture() -> Captured:
        sending = session.stores.sending(target, later=not options.block, keep=options.keep)
        found = captured_with(options, source, shell.user_ns, variable, values, sending)
        if shell.ast_node_interactivity in ("all", "none"):
            shown = {"each": True} if shell.ast_node_interactivity == "all" else {"value": False}
            found = replace(found, options={**found.options, **shown})
        return found

    captured = capture()
    if options.dry_run:
        print(report(session, target, captured, source.text, len(values) if variable else None))
        return None
    require_login(session, target)
    _warn_of_running(session)
    sent = bring(session, options, target, captured)
    _say_what_leaves(options, target, captured, sent)
    if not options.quiet:
        _say_what_stays(source, options, target)
        magics.say_once(stays_here(captured, target, session.signed_in))
    if variable and not options.quiet:
        _warn_of_generators(captured, shell.user_ns)
    note = partial(Note, "cell", target.name, options.future, binds(options))
    way = _Run(magics, options, target)
    if variable:
        hidden = variable in options.also  # the last value may look like a credential
        labels = [
            _label(options, f"{variable}={'…' if hidden else _brief(value)}") for value in values
        ]
        futures = session.submit_all(captured, target, labels, note=note, tb_limit=options.tb_limit)
        run = run_of(futures[0].nonce) if futures else ""
        tasks = Tasks(futures, labels, run=run, title=options.label or "Tasks")

        def send() -> None:
            bring(session, options, target, capture())

        return way.many(tasks, wanted=not source.silent, send=send)
    states = shared_states(shell.user_ns.get("In", ()))
    if not options.quiet:
        _say_of_generators(magics, options, source, captured, seeded=bool(states))
    submitted: list[NotebookFuture] = []

    def submit(captured: Captured) -> NotebookFuture:
        if states and options.block:
            captured = replace(captured, options={**captured.options, "random": states})
        given: Any = {"label": options.label, "note": note(), "tb_limit": options.tb_limit}
        submitted.append(session.submit(captured, target, **given))
        return submitted[-1]

    future = submit(captured)
    try:
        return way.one(future, again=lambda: submit(capture()))
    finally:
        go_on(getattr(submitted[-1], "random", {}), states)


def run_script(magics: NotebookMagics, options: Options, cell: str) -> Any:
    """Run a cell of %%gcshell as a shell script; returns as `run_cell` does."""
    session, target = magics.session, magics.target(options)
    check_readable(target)
    if options.dry_run:
        captured = capture_script(cell, options.walltime)
        print(report(session, target, captured, cell, None))
        return None
    prepare(target, session.signed_in)
    require_login(session, target)
    _warn_of_running(session)
    _say_what_leaves(options, target)
    way = _Run(magics, options, target)
    future = session.submit_script(
        cell,
        target,
        walltime=options.walltime,
        label=options.label or _brief(cell.strip().partition("\n")[0]),
        note=Note("shell", target.name, options.future),
    )
    result = way.one(future)
    return None if options.block else result


class _Run:
    """One run of a cell, made before its tasks are submitted: waits, shows output, binds names."""

    def __init__(self, magics: NotebookMagics, options: Options, target: Target) -> None:
        self._began = time.time()
        self._magics = magics
        self._session = magics.session
        self._namespace: dict[str, Any] = magics.shell.user_ns
        self._options = options
        self._target = target

    def one(self, future: NotebookFuture, again: Callable[[], NotebookFuture] | None = None) -> Any:
        """The cell's value, or its future if the cell doesn't wait. `again` submits the task anew
        if values that it needs were purged at the endpoint."""
        options = self._options
        if options.future:
            self._bind_future(future)
        if not options.block:
            self._follow(future)
            self._bind_later(future)
            return future
        watch, halted = Watch(future, quiet=options.quiet), None
        try:
            wait_for(self._session, options, self._target, [future], watch)
        except StoppedWaiting:
            self._bind_later(future)
            raise
        except KeyboardInterrupt as error:
            halted = error
        finally:
            watch.end()
        if halted is not None and (dropped(future) or not future.done()):
            raise halted
        if halted is None and again is not None and self._purged([future]):
            return self.one(again())
        self._session.seen([future])
        self._magics.shown.add(future)
        if options.verbose:
            print(account(future))
        failed = future.exception() is not None
        set_here = [name for name in binds(options) if name in future.out]
        self._namespace.update((name, future.out[name]) for name in set_here)
        say_kept(options, [future])
        if failed and set_here:
            _say(f"Bound before the error: {', '.join(set_here)}.")
        elif not failed:
            _say_unset([name for name in options.out if name not in future.out])
        if halted is not None:
            raise halted
        try:
            value = future.result()
        except ComputeError as error:
            raise short(error, f"on {future.endpoint}") from error.__cause__
        return value if options.html else without_markup(value)

    def _purged(self, futures: Sequence[NotebookFuture]) -> bool:
        """Whether some tasks have not run because values that they need were purged."""
        failed = [one.exception() for one in futures if not dropped(one)]
        missing = [one for one in failed if isinstance(one, ValuesMissing)]
        for error in missing:
            self._session.stores.purged(error, self._target)
        if missing and not self._options.quiet:
            _say(f"{gist(missing[0])} They are sent again.")
        return bool(missing)

    def many(self, tasks: Tasks, *, wanted: bool, send: Callable[[], object] | None = None) -> Any:
        """Its values; its futures if the cell doesn't wait. `send` resends purged ones."""
        options = self._options
        futures: Sequence[Any] = list(tasks)
        if options.future:
            self._bind_future(tasks)
        if not options.block:
            self._follow(tasks)
            tasks.bind(binds(options), self._namespace)
            return tasks
        try:
            wait_for(self._session, options, self._target, tasks)
        except StoppedWaiting:
            tasks.bind(binds(options), self._namespace)
            raise
        except KeyboardInterrupt as halted:
            show_output(*(one for one in futures if not dropped(one)))
            tasks.bind(options.out, self._namespace)
            raise with_tasks(halted, tasks, partial(_where_good, options)) from None
        if send is not None and self._purged(futures):
            send()
            error = ValuesMissing
            places = [at for at, one in enumerate(futures) if isinstance(one.exception(), error)]
            return self.many(tasks.rerun(*places), wanted=wanted)
        show_output(*futures)
        self._magics.shown.add(tasks)
        failed = tasks.failed
        self._session.seen([one for one in futures if one not in set(failed)])
        tasks.bind(binds(options), self._namespace)
        say_kept(options, [one for one in futures if not dropped(one)])
        if options.verbose:
            print("\n".join(map(account, futures)))
        if failed:
            self._session.keep(failed)
            see = f"{options.future}.failed lists them" if options.future else "%gc tasks --failed"
            raise tasks.failure(
                see,
                _where_good(options, len(tasks) - len(failed)),
                f"{options.future or 'sys.last_value.tasks'}.rerun()",
            )
        for name in options.out:
            unset = sum(name not in future.out for future in futures)
            if unset:
                _say(f"--out {name}: {unset:,} of {len(futures):,} tasks have not set it.")
        values = tasks.result()
        # like a single cell: without a last value there is no Out[n]
        empty = values and all(value is None for value in values)
        return self._magics.values.expect(values) if wanted and not empty else None

    def _follow(self, result: NotebookFuture | Tasks) -> None:
        """Don't wait: the result shows itself as a table."""
        result.quiet = self._options.quiet
        self._session.keep(list(result) if isinstance(result, Tasks) else [result])

    def _bind_future(self, result: NotebookFuture | Tasks) -> None:
        self._namespace[self._options.future] = result
        self._session.names[self._options.future] = self._began  # before any of them has left

    def _bind_later(self, future: CellFuture) -> None:
        """Bind --out when the task is done, unless the notebook has set the names by then."""
        bind_when_done(future, binds(self._options), self._namespace)


def bind_when_done(future: CellFuture, names: Sequence[str], namespace: dict[str, Any]) -> None:
    """Bind a task's variables once it is done, unless the notebook has set them meanwhile."""
    if not names:
        return
    before = {name: namespace.get(name, _UNSET) for name in names}

    def bind(_future: object) -> None:
        if dropped(future):
            return
        for name, old in before.items():
            if name in future.out and namespace.get(name, _UNSET) is old:
                namespace[name] = future.out[name]

    future.add_done_callback(bind)


def _where_good(options: Options, good: int) -> str:
    """Say where the values of a fan-out are if some of its tasks failed."""
    if not good:
        return ""
    tasks = options.future or "sys.last_value.tasks"
    values = where_others(good, tasks, placed=not options.out)
    if not options.out:
        return f"{values}."
    return (
        f"Bound: {', '.join(options.out)}, with a NoValue in the place of each task that failed."
        f" {values}."
    )


def _say_what_stays(source: CellSource, options: Options, target: Target) -> None:
    """Say that definitions stay at the endpoint if one other statement made the cell a task."""
    names = [one for one in definitions_beside_one(source.tree) if one not in binds(options)]
    if names:
        listed = ", ".join(names)
        _say(
            f"Not kept here: {listed}. This cell is a task, since it does more than define; --out"
            f" {','.join(names)} brings back what it defines, and in a cell of definitions only,"
            f" each function becomes one that runs on {target.name}."
        )


def _warn_of_generators(captured: Captured, namespace: Mapping[str, Any]) -> None:
    """Warn that each task of a fan-out gets a copy of the same random generator."""
    names = [name for name in captured.sizes if has_generator(namespace.get(name))]
    if names:
        _say(
            f"Each task draws the same random numbers from its copy of {', '.join(names)}. Make a"
            " generator in the cell, with a seed of the task's own: numpy.random.default_rng([seed,"
            f" {captured.task.variable}])."
        )


def _say_of_generators(
    magics: NotebookMagics,
    options: Options,
    source: CellSource,
    captured: Captured,
    *,
    seeded: bool,
) -> None:
    """Say once that the notebook's generators don't advance by what a cell draws there."""
    namespace = magics.shell.user_ns
    for name in captured.sizes:
        if name not in (*options.out, *magics.told) and has_generator(namespace.get(name)):
            magics.told.add(name)
            _say(
                f"{name} is a copy there: what the cell draws from it is drawn here once more."
                f" --out {name} brings it back as the cell leaves it."
            )
    if seeded and not options.block and "random" in source.text:
        _say(
            "The notebook's seed of random numbers doesn't go to a cell that isn't waited for: seed"
            " them in the cell."
        )


def _say_unset(names: Sequence[str]) -> None:
    for name in names:
        _say(f"--out {name}: the cell has not set this variable.")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _label(options: Options, text: str) -> str:
    return f"{options.label} {text}".lstrip()


def _brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"  # people read 0.1 * 3 as 0.3
    return one_line(masked(value if isinstance(value, str) else reprlib.repr(value)), 40)


def _say_what_leaves(
    options: Options,
    target: Target,
    captured: Captured | None = None,
    sent: tuple[int, int] = (0, 0),
    made: str = "",
) -> None:
    """Say where the cell runs if its line doesn't, what leaves this machine with it, and what a
    cell of definitions has made, apart from the cell's own output."""
    if options.quiet:
        return
    parts = []
    if options.endpoint_from:
        parts.append(f"On {target.name}, the default by {options.endpoint_from}.")
    if captured is not None and (listed := sizes(captured, _LISTED, sent[1])):
        parts.append(f"Sent: {listed}.")
    parts += [made] if made else []
    if parts:
        display({"text/plain": one_line(" ".join(parts), 2000)}, raw=True)


def _warn_of_running(session: Session) -> None:
    """Warn if an earlier run of this cell hasn't ended."""
    from gc_jupyter.magics.earlier_tasks import still_running

    if (warning := still_running(session)) is not None:
        print(warning, file=sys.stderr)
