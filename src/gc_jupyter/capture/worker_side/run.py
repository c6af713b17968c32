"""Run one cell or one call, and report all that came of it."""

from __future__ import annotations
import __future__

import ast
import asyncio
import contextlib
import inspect
import json
import linecache
import os
import platform
import time
import types
from functools import partial
from typing import Any

from gc_jupyter.capture.worker_side.changes import Changes
from gc_jupyter.capture.worker_side.commands import TIMED, Shell
from gc_jupyter.capture.worker_side.displays import Figures, display, make_bundle, short_repr
from gc_jupyter.capture.worker_side.failures import describe, remember_lines
from gc_jupyter.capture.worker_side.hosting import Visit
from gc_jupyter.capture.worker_side.keeping import KeptWriter
from gc_jupyter.capture.worker_side.live import as_text, host_here, start_live
from gc_jupyter.capture.worker_side.loading import Loader
from gc_jupyter.capture.worker_side.namespace import make_namespace
from gc_jupyter.capture.worker_side.output import Output, end_output, start_output
from gc_jupyter.capture.worker_side.packing import Packer
from gc_jupyter.capture.worker_side.randomness import random_states, set_random_states
from gc_jupyter.capture.worker_side.states import States
from gc_jupyter.capture.worker_side.storing import Taken, leave_in, perform, store_of
from gc_jupyter.travel.kept import LAST
from gc_jupyter.travel.rebuild import Reading, parse
from gc_jupyter.travel.store import MissingParts, StoreError

IMPORTS = "<import>"
#: The characters of a large display that go with the reply.
DISPLAYED = 2000
DEFERRED = __future__.annotations.compiler_flag
#: A notebook's `__doc__` in IPython.
MAIN_DOC = "Automatically created module for IPython interactive environment"


def run(task: dict[str, Any], inputs: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Run one cell or call one function, and report all that came of it.

    Parameters
    ----------
    task:
        `modules` (name -> source), `steps` in order, then `cell` or `call`; see compose.py.
    inputs:
        The pieces of one pickle in the order of the `load` steps; see `Loader`.
    options:
        `mimes` to bring back, `arguments` of a call (or a variable's value), `value`: whether the
        last value is wanted, `limit` of the values' bytes in all, `tag`: says whose the reply is,
        `files`: how frames name the notebook's own texts, `python`: the notebook's version, `live`:
        the name of the spool for what it shows while it runs, or empty (live.py), `store`: see
        `Taken`; None where all of it came with the task, `keep`: `names` that stay in the store,
        and what their records have beside, `states`: what the notebook has set in installed modules
        (states.py).
    """
    if "store" in task:
        return perform(task, inputs, options)
    started = time.time()
    reply = Work(task, inputs, options).reply()
    reply.update(
        host=platform.node(),
        pid=os.getpid(),
        python=platform.python_version(),
        seconds=time.time() - started,
    )
    return reply


class Work:
    """The run of one cell or call; see `run`."""

    def __init__(self, task: dict[str, Any], inputs: Any, options: dict[str, Any]) -> None:
        self.task = task
        self.inputs = inputs
        self.options = options
        self.output = Output(options["mimes"])
        self.shell = Shell()
        main = types.ModuleType("__main__", MAIN_DOC)
        self.visit = Visit(main, task["modules"], task["brought"])
        self.namespace = make_namespace(main, self.shell, self.visit.modules.builtins)
        self.reading = Reading(self.namespace, bring=self.visit.modules.bring)
        self.taken = Taken(options.get("store"))
        self.reading.kept = self.taken.kept
        #: The store for data without room in the reply.
        self.store = None if options.get("store") is None else self.taken.store
        self.output.keep = self.keep if self.store else None
        self.files: list[str] = [TIMED, *options["files"]]
        self.changes = Changes([], bytes)

    def reply(self) -> dict[str, Any]:
        """Run it. Returns the reply without the fields that `run` adds."""
        lines = {name: linecache.cache[name] for name in self.files if name in linecache.cache}
        # the tag comes first, since readers look for it in the first bytes (protocol/nonces.py)
        reply: dict[str, Any] = {"tag": self.options.get("tag"), "version": 1}
        start_output(self.output)
        live = start_live(self.output, self.options.get("live"))
        try:
            with self.visit:
                reply.update(self.results())
        finally:
            if live is not None:
                live.close()
            reply["events"] = end_output(self.output)
            for filename in self.files:
                linecache.cache.pop(filename, None)
            linecache.cache.update(lines)
        return reply

    def results(self) -> dict[str, Any]:
        """Return the last value, the requested names and the error, each as `Packer` has it."""
        figures = Figures()
        given, own = self.options.get("random"), random_states()
        try:
            try:
                with self.interruptible():
                    value = self.execute()
            finally:
                self.shell.report_cell()
            results = self.packed(value, figures)
        except StoreError as error:
            missing = error.names if isinstance(error, MissingParts) else []
            said = {"text": str(error), "missing": missing}
            return {"value": None, "out": {}, "shared": (), "error": None, "store": said}
        except BaseException as error:
            results = self.packed(None, figures)  # they may have taken hours
            results["error"] = describe(error, self.files, self.packer())
        if given is not None:
            states = random_states()
            results["random"] = {name: states[name] for name in given if name in states}
            set_random_states(own)
        return results

    def interruptible(self) -> Any:
        """Allow the stop button's interrupts here. The rest of the run must not be cut short."""
        host = host_here()
        if host is None:
            return contextlib.nullcontext()
        self.output.undisturbed = host.undisturbed
        return host.interruptible()

    def packer(self) -> Packer:
        room = self.options["limit"] - self.output.size()
        modules = self.visit.modules.elsewhere()
        changes = self.changes.found()
        most = (self.options.get("store") or {}).get("most") or float("inf")
        python = self.options["python"]
        return Packer(self.reading.made, room, python, modules, self.store, changes, most)

    def keep(self, bundle: dict[str, Any]) -> dict[str, Any]:
        """Store a large display. Returns its stand-in: its text, and where the rest is."""
        text = str(bundle.get("text/plain", ""))[:DISPLAYED]
        data = json.dumps(bundle, default=as_text).encode()
        try:
            return {"text/plain": text, "stored": leave_in(self.taken.store, data)}
        except StoreError:
            return bundle

    def packed(self, value: Any, figures: Figures) -> dict[str, Any]:
        """Pack the values as the cell left them before the figures: drawing moves their texts."""
        packer, bundle = self.packer(), None
        values = {name: self.namespace[name] for name in self.task["out"] if name in self.namespace}
        figures.take()
        if value is not None and self.options["value"]:
            # if the value itself arrives, the notebook makes its text
            bundle = packer.fitting(make_bundle(value, self.output.mimes, short_repr))
            values = {"": value, **values}

        def show() -> int:
            before = self.output.size()
            figures.show()
            return self.output.size() - before

        out, shared = packer.together(values, show)
        kept = self.stay({name or LAST: values[name] for name in packer.over})
        for name in packer.over:
            if (name or LAST) in kept["failed"]:
                out[name]["reason"] = kept["failed"].pop(name or LAST)
            else:
                del out[name]
        last = dict(out.pop(""), bundle=bundle) if "" in out else None
        return {"value": last, "out": out, "shared": shared, "kept": kept, "error": None}

    def stay(self, over: dict[str, Any]) -> dict[str, Any]:
        """Keep the names that stay in the store, and the values that are too large to be fetched;
        see `KeptWriter.keep`."""
        given = dict(self.options.get("keep") or {})
        names = [name for name in given.pop("names", ()) if name in self.namespace]
        given["part"] = (self.options.get("tag") or {}).get("part")
        own = {*self.task["modules"], *self.task["brought"]}
        store = store_of(self.options.get("store"))
        of = (self.reading.made, store, self.options["python"], own)
        kept = KeptWriter(*of, given).keep({one: self.namespace[one] for one in names})
        if over:
            more = KeptWriter(*of, {**given, "unasked": True}).keep(over)
            kept["records"] += more["records"]
            kept["failed"].update(more["failed"])
        return kept

    def execute(self) -> Any:
        """Return the last expression's value, or the call's result."""
        task, namespace, reading = self.task, self.namespace, self.reading
        elsewhere = self.visit.modules.elsewhere()
        given = self.options.get("arguments")
        self.taken.check(*(one for one in (self.inputs, given) if isinstance(one, dict)))
        loader = Loader(self.inputs, reading, elsewhere, self.taken)
        for step in task["steps"]:
            name = step[1]
            if step[0] == "import":
                self.files.append(IMPORTS)
                remember_lines(IMPORTS, step[2])
                exec(compile(step[2], IMPORTS, "exec", 0, True), namespace)
                continue
            try:
                if step[0] == "module":
                    set_in_module(loader.import_module(name), loader.load())
                elif step[0] == "bring":
                    loader.load()
                elif step[0] == "settings":
                    set_up(vars(loader.import_module(name)), *step[2])
                else:
                    namespace[name] = loader.load()
            except StoreError:
                raise
            except Exception as error:
                error.gc_while = "reading the input %r" % name  # type: ignore[attr-defined]
                raise
        # the arguments refer to the same objects of the notebook as the inputs do
        reading.known = {token: made for made, token in reading.made.values()}
        if "states" in self.options:
            load = partial(self.load, elsewhere=elsewhere)
            self.visit.states = States(self.options["states"], load, self.visit.alone)
            self.visit.states.begin()
        if task["call"] is not None:
            args, kwargs = Loader(given, reading, elsewhere, self.taken).load()
            result = namespace[task["call"]](*args, **kwargs)
            return run_awaited(result) if inspect.iscoroutine(result) else result
        if task["variable"]:
            value = Loader(given, reading, elsewhere, self.taken).load()
            namespace[task["variable"]] = value
        elif task["out"]:
            asked = {id(namespace[name]) for name in task["out"] if name in namespace}
            known = [made for made, _ in reading.made.values()]
            looked_at = [one for one in known if isinstance(one, type) or id(one) in asked]
            self.changes = Changes(looked_at, self.packer().whole)
        set_random_states(self.options.get("random") or {})
        self.files.append(task["filename"])
        remember_lines(task["filename"], task["cell"], task["line"])
        flags = DEFERRED * task["deferred"] | getattr(ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", 0)
        where, each = (task["filename"], task["line"]), self.options.get("each", False)
        return run_cell(task["cell"], *where, flags, namespace, each)

    def load(self, data: bytes, elsewhere: Any) -> Any:
        return Loader(data, self.reading, elsewhere, self.taken).load()


def set_up(variables: dict[str, Any], filename: str, statements: Any) -> None:
    """Set in installed modules what a module's text has set there."""
    for first, text in statements:
        code = compile("\n" * (first - 1) + text, filename, "exec", 0, True)
        exec(code, variables)


def set_in_module(module: Any, variables: dict[str, Any]) -> None:
    """Set a module's variables. Containers are changed in place, since the module's functions may
    hold them, too."""
    for name, value in variables.items():
        known: Any = getattr(module, name, None)
        if type(known) is type(value) and isinstance(value, (list, dict, set)):
            known.clear()
            known.extend(value) if isinstance(known, list) else known.update(value)
        else:
            setattr(module, name, value)


def run_cell(
    text: str, filename: str, first_line: int, flags: int, namespace: dict[str, Any], each: bool
) -> Any:
    """Run a cell and return its last expression's value. With `each`, the values of the other
    expressions are displayed. `await` is allowed at the top level."""
    tree = parse("\n" * (first_line - 1) + text, filename, "exec", flags)
    nodes: list[Any] = [ast.Module([], [])]  # statements, and expressions with a wanted value
    for node in tree.body:
        if isinstance(node, ast.Expr) and (each or node is tree.body[-1]):
            nodes += [ast.Expression(node.value), ast.Module([], [])]
        else:
            nodes[-1].body.append(node)
    parts = [
        compile(node, filename, "eval" if isinstance(node, ast.Expression) else "exec", flags, True)
        for node in nodes
        if not isinstance(node, ast.Module) or node.body
    ]

    async def perform() -> Any:
        last = None
        for code in parts:
            if last is not None:
                display(last)
            result = eval(code, namespace)
            last = await result if code.co_flags & inspect.CO_COROUTINE else result
        return last

    # a cell that awaits runs in an event loop as a whole, since it may make tasks first
    if any(code.co_flags & inspect.CO_COROUTINE for code in parts):
        return run_awaited(perform())
    last = None
    for code in parts:
        if last is not None:
            display(last)
        last = eval(code, namespace)
    return last


def run_awaited(coroutine: Any) -> Any:
    """Run a coroutine. `asyncio.run` would leave the worker's thread without its event loop."""
    loop = asyncio.new_event_loop()
    main = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(main)
    except KeyboardInterrupt as error:
        if main.done():
            raise
        main.cancel()  # the loop got the interrupt, and the coroutine's frames show where it was
        try:
            loop.run_until_complete(main)
        except asyncio.CancelledError as cancelled:
            raise error.with_traceback(cancelled.__traceback__) from None
        raise
    finally:
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
