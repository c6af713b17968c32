"""Runs one cell or one call, and says all that came of it."""

from __future__ import annotations
import __future__

import ast
import asyncio
import inspect
import linecache
import os
import platform
import time
import types
from typing import Any

from gc_jupyter.capture.worker_side.commands import TIMED, Shell
from gc_jupyter.capture.worker_side.displays import make_bundle, open_figures, show_figures
from gc_jupyter.capture.worker_side.failures import describe, remember_lines
from gc_jupyter.capture.worker_side.hosting import Visit
from gc_jupyter.capture.worker_side.importing import TaskModules
from gc_jupyter.capture.worker_side.loading import Loader
from gc_jupyter.capture.worker_side.namespace import make_namespace
from gc_jupyter.capture.worker_side.output import Output, end_output, start_output
from gc_jupyter.capture.worker_side.packing import Packer
from gc_jupyter.travel.rebuild import Reading

IMPORTS = "<import>"
DEFERRED = __future__.annotations.compiler_flag


def run(task: dict[str, Any], inputs: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """Run one cell or call one function, and say all that came of it.

    Parameters
    ----------
    task:
        `modules` (name -> source), `steps` in order, then `cell` or `call`; see compose.py.
    inputs:
        One pickle's pieces, one behind the other, in the order of the `load` steps.
    options:
        `mimes` to bring back, `arguments` of a call (or a variable's value), `value`: whether the
        last value is wanted, `limit` of the values' bytes in all, `tag`: says whose the reply is,
        `files`: how frames name the notebook's own texts, `python`: the notebook's version.
    """
    output = Output(options["mimes"])
    started = time.time()
    shell = Shell()
    main = types.ModuleType("__main__")
    visit = Visit(main, task["modules"])
    namespace = make_namespace(main, shell, visit.modules.builtins)
    reading = Reading(namespace)
    files: list[str] = [TIMED, *options["files"]]
    lines = {name: linecache.cache[name] for name in files if name in linecache.cache}
    # the tag comes first: it is looked for in the first bytes (protocol/nonces.py)
    reply: dict[str, Any] = {"tag": options.get("tag"), "version": 1}
    reply.update(value=None, out={}, error=None)
    start_output(output)
    try:
        with visit:
            modules = visit.modules
            perform(task, inputs, options, namespace, shell, output, reading, files, modules, reply)
    finally:
        reply["events"] = end_output(output)
        for filename in files:
            linecache.cache.pop(filename, None)
        linecache.cache.update(lines)
    reply.update(
        host=platform.node(),
        pid=os.getpid(),
        python=platform.python_version(),
        seconds=time.time() - started,
    )
    return reply


def perform(
    task: dict[str, Any],
    inputs: bytes,
    options: dict[str, Any],
    namespace: dict[str, Any],
    shell: Shell,
    output: Output,
    reading: Reading,
    files: list[str],
    modules: TaskModules,
    reply: dict[str, Any],
) -> None:
    """Run it, and put what came of it into the reply."""
    older = open_figures()
    try:
        try:
            value = execute(task, inputs, options, namespace, reading, files, modules)
        finally:
            shell.report_cell()
        show_figures(older)
        pack = Packer(reading.made, options["limit"] - output.size(), options["python"])
        if value is not None and options["value"]:
            bundle = make_bundle(value, output.mimes)
            reply["value"] = dict(pack(value), bundle=pack.fitting(bundle))
        bring_back(task["out"], namespace, pack, reply)
    except BaseException as error:
        show_figures(older)
        reply["value"] = None
        pack = Packer(reading.made, options["limit"] - output.size(), options["python"])
        # what was set before it failed may have taken hours
        bring_back(task["out"], namespace, pack, reply)
        reply["error"] = describe(error, files, pack.alone)


def bring_back(names: list[str], namespace: dict[str, Any], pack: Packer, reply: Any) -> None:
    for name in names:
        if name in namespace:
            reply["out"][name] = pack(namespace[name])


def execute(
    task: dict[str, Any],
    inputs: bytes,
    options: dict[str, Any],
    namespace: dict[str, Any],
    reading: Reading,
    files: list[str],
    modules: TaskModules,
) -> Any:
    elsewhere = modules.elsewhere()
    loader = Loader(inputs, reading, elsewhere)
    for step in task["steps"]:
        name = step[1]
        if step[0] == "import":
            files.append(IMPORTS)
            remember_lines(IMPORTS, step[2])
            exec(compile(step[2], IMPORTS, "exec", 0, True), namespace)
            continue
        try:
            namespace[name] = loader.load()
        except Exception as error:
            error.gc_while = "reading the input %r" % name  # type: ignore[attr-defined]
            raise
    # what a call or a variable's value has of the notebook is what the inputs have of it
    reading.known = {token: made for made, token in reading.made.values()}
    if task["call"] is not None:
        args, kwargs = Loader(options["arguments"], reading, elsewhere).load()
        result = namespace[task["call"]](*args, **kwargs)
        return run_awaited(result) if inspect.iscoroutine(result) else result
    if task["variable"]:
        namespace[task["variable"]] = Loader(options["arguments"], reading, elsewhere).load()
    files.append(task["filename"])
    remember_lines(task["filename"], task["cell"], task["line"])
    flags = DEFERRED * task["deferred"] | getattr(ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", 0)
    return run_cell(task["cell"], task["filename"], task["line"], flags, namespace)


def run_cell(
    text: str, filename: str, first_line: int, flags: int, namespace: dict[str, Any]
) -> Any:
    """Run a cell; returns its last expression's value. `await` is allowed at the top level."""
    tree = compile(
        "\n" * (first_line - 1) + text, filename, "exec", flags | ast.PyCF_ONLY_AST, True
    )
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    parts = [compile(tree, filename, "exec", flags, True)]
    if last is not None:
        parts.append(compile(last, filename, "eval", flags, True))

    async def perform() -> Any:
        result = None
        for code in parts:
            result = eval(code, namespace)
            if code.co_flags & inspect.CO_COROUTINE:
                result = await result
        return result

    # A cell that awaits something is run by an event loop as a whole: it may make tasks first.
    if any(code.co_flags & inspect.CO_COROUTINE for code in parts):
        return run_awaited(perform())
    return [eval(code, namespace) for code in parts][-1]


def run_awaited(coroutine: Any) -> Any:
    """As `asyncio.run`, which would leave the worker's thread without the loop that it had."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
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
