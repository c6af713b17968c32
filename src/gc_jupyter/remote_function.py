"""RemoteFunction: a notebook function whose calls run on an endpoint."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture.failures import show_at_caller
from gc_jupyter.errors import ComputeError, ValuesMissing
from gc_jupyter.future import dropped
from gc_jupyter.session import Session, Target, Tasks, show_output, wait
from gc_jupyter.session.fan_out_failed import where_others, with_tasks
from gc_jupyter.session.waiting import StoppedWaiting
from gc_jupyter.session.watching import Watch
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.sending import Statement, names_of

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.travel.pickler import Pickler

_here: ContextVar[bool] = ContextVar("gc_jupyter_here", default=False)


@contextlib.contextmanager
def running_here() -> Iterator[None]:
    """Have calls of remote functions run here, not on the endpoint.

    It is used inside `f.local(…)`, so that a recursive call stays here, and for remote functions
    that are decorators in a cell of definitions.
    """
    token = _here.set(True)
    try:
        yield
    finally:
        _here.reset(token)


class _Help:
    """What `f?` in IPython asks an object and its class for: the function's own text, and nothing
    of how a `RemoteFunction` is made."""

    def __get__(self, one: RemoteFunction | None, _owner: type) -> Callable[[], str]:
        return lambda: "" if one is None else one.__doc__ or ""


@dataclass(frozen=True)
class CallOptions:
    """How calls of a remote function are made.

    Parameters
    ----------
    html:
        Show HTML and SVG that calls display.
    label:
        The tasks' label; the function's name follows it.
    tb_limit:
        The most frames that a remote traceback shows; None for all.
    also:
        Names to send in addition to those that the function visibly uses.
    capture:
        Whether to send what the function uses of the notebook; otherwise only itself and `also`.
    wait:
        Waits for a call's tasks. With a single task, it shows the task's output meanwhile
        (`Watch`). By default it waits without a limit.
    ended:
        Called with each task that was waited for and has ended.
    say:
        Called before a call is sent, with sentences on what stays here of what the notebook has set
        in installed modules.
    """

    html: bool = False
    label: str = ""
    tb_limit: int | None = None
    also: tuple[str, ...] = ()
    capture: bool = True
    wait: Callable[[Sequence[CellFuture], Watch | None], object] | None = None
    ended: Callable[[CellFuture], object] | None = None
    say: Callable[[list[str]], object] | None = None


class RemoteFunction:
    """A function that runs on an endpoint: ``f(…)`` waits, `f.submit` returns a future, and `f.map`
    submits many calls.

    Parameters
    ----------
    definition:
        The function's source.
    namespace:
        The notebook's variables. A call sends the current values of those that the function uses.
    session, target:
        The session that submits calls, and the endpoint.
    original:
        The function that was defined here; None if it could not be.
    why_not:
        Why it could not be defined here.
    calls:
        The options of calls.
    """

    getdoc = _Help()

    def __init__(
        self,
        definition: Statement,
        namespace: MutableMapping[str, Any],
        session: Session,
        target: Target,
        original: Callable[..., Any] | None,
        why_not: str = "",
        calls: CallOptions | None = None,
    ) -> None:
        self._definition = definition
        self._namespace = namespace
        self._session = session
        self._original = original
        self._why_not = why_not
        self._calls = calls or CallOptions()
        self.target = target
        node: Any = rebuild.parse(definition.source).body[0]
        self.__doc__ = ast.get_docstring(node)
        if original is not None:
            functools.update_wrapper(self, original, updated=())
        self.__name__ = definition.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on the endpoint, wait, and return the value. The function's output is shown here."""
        if _here.get() and self._original is not None:
            return self._original(*args, **kwargs)
        return self._called((args, kwargs))

    def submit(self, *args: Any, **kwargs: Any) -> CellFuture:
        """Run on the endpoint; returns a future at once."""
        return self._submit([(args, kwargs)], later=True)[0]

    def map(self, *iterables: Iterable[Any]) -> list[Any]:
        """Run once per element (or tuple of elements), as one batch. Returns the results in order.

        Raises
        ------
        RemoteException
            The error of the first call that failed. Its attribute `tasks` has the futures of all
            calls (`Tasks`): ``tasks.values()`` returns the other results, and ``tasks.rerun()``
            runs the failed calls again.
        """
        calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
            (args, {}) for args in zip(*iterables, strict=False)
        ]
        futures = self._submit(calls) if calls else []
        try:
            self._wait(futures)
        except KeyboardInterrupt as error:
            show_output(*(one for one in futures if not dropped(one)))
            raise with_tasks(error, Tasks(futures, title=self.__name__)) from None
        if places := self._purged(futures):
            for at, future in zip(places, self._submit([calls[at] for at in places]), strict=True):
                futures[at] = future
            self._wait(futures)
        show_output(*futures)
        tasks = Tasks(futures, title=self.__name__)
        if (failed := tasks.failed) and len(futures) > 1:
            _say_of_others(failed[0].exception(), tasks)
        return [self._taken(future) for future in futures]

    @property
    def local(self) -> Callable[..., Any]:
        """The original function, which runs here."""
        original = self._original
        if original is None:
            raise ComputeError(
                f"{self.__name__} could not be defined here: {self._why_not}",
                next_step="It runs on the endpoint; to run it here, install here what it needs.",
            )

        @functools.wraps(original)
        def local(*args: Any, **kwargs: Any) -> Any:
            with running_here():
                return original(*args, **kwargs)

        return local

    def gc_travels(self, pickler: Pickler) -> Any:
        """What the pickler writes in place of this object: the original function, if it exists."""
        if self._original is None:
            return self._definition.written_by(pickler, self)
        pickler.stands_for[id(self._original)] = self
        return rebuild.same, (self._original,)

    def gc_text(self) -> str:
        """The source text of the definition."""
        return self._definition.source

    def gc_uses(self) -> tuple[str, ...]:
        """The names that the function uses, which are sent with it."""
        return names_of(self._definition.source)

    def __getattr__(self, name: str) -> Any:
        """An attribute that a decorator gave the original, such as `register` or `cache_info`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._original, name)

    def _submit(
        self, calls: list[tuple[tuple[Any, ...], dict[str, Any]]], *, later: bool = False
    ) -> list[CellFuture]:
        name = self.__name__
        options = self._calls
        namespace: Mapping[str, Any] = self._namespace
        if not options.capture:
            namespace = {one: namespace[one] for one in options.also if one in namespace}
        # The notebook may have bound the name to something else; the call is of this object.
        namespace = {**namespace, name: self}
        try:
            return self._session.submit_calls(
                name,
                calls,
                namespace,
                self.target,
                html=options.html,
                also=options.also,
                label=f"{options.label} {name}".lstrip(),
                tb_limit=options.tb_limit,
                later=later,
                say=options.say,
            )
        except ComputeError as error:
            show_at_caller(error, self._session.label_of)
            raise

    def _wait(self, futures: list[CellFuture], watch: Watch | None = None) -> None:
        if self._calls.wait is not None:
            self._calls.wait(futures, watch)
            return
        try:
            wait(futures, self.target.name, pause=None if watch is None else watch.pause)
        except StoppedWaiting:
            self._session.keep([one for one in futures if not dropped(one)])
            raise

    def _called(self, call: tuple[tuple[Any, ...], dict[str, Any]], again: bool = True) -> Any:
        """The value of a call. Values that the endpoint's store has lost are sent a second time."""
        [future] = self._submit([call])
        watch = Watch(future)
        try:
            self._wait([future], watch)
        finally:
            watch.end()
        if again and self._purged([future]):
            return self._called(call, again=False)
        return self._taken(future)

    def _purged(self, futures: Sequence[CellFuture]) -> list[int]:
        """The indices of calls that didn't run, because the store had lost values they need."""
        places = []
        for at, future in enumerate(futures):
            if not dropped(future) and isinstance(error := future.exception(), ValuesMissing):
                self._session.stores.purged(error, self.target)
                places.append(at)
        return places

    def _taken(self, future: CellFuture) -> Any:
        self._session.seen([future])
        if self._calls.ended is not None:
            self._calls.ended(future)
        return future.result()

    def __repr__(self) -> str:
        signature = "(…)" if self._original is None else str(inspect.signature(self._original))
        return f"<remote function {self.__name__}{signature} on {self.target.name}>"


def _say_of_others(error: BaseException | None, tasks: Tasks) -> None:
    """Add to the error of one call where the results of the other calls are."""
    if not isinstance(error, ComputeError):
        return  # it was dropped before it was sent
    failed = len(tasks.failed)
    said = f"{failed:,} of {len(tasks):,} calls failed; this is the first."
    if failed < len(tasks):
        said += f" {where_others(len(tasks) - failed)}."
    said += " sys.last_value.tasks.rerun() runs the failed ones again."
    error.tasks = tasks  # type: ignore[attr-defined]
    render = getattr(error, "_render_traceback_", None)
    if render is None:
        error.next_step = f"{error.next_step} {said}".lstrip()
        return
    error._render_traceback_ = lambda: [*render(), said]  # type: ignore[attr-defined]
    if hasattr(error, "add_note"):  # Python 3.11: shown wherever there is no notebook
        error.add_note(said)
