"""The magics %%gcrun, %%gcshell and %gc."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.completer import CompletionContext, context_matcher


def remember_modules(_result: object) -> None:
    """After a cell: keep the texts of the modules that it imported, as they may be edited later."""
    from gc_jupyter.travel import code

    code.remember_modules()


def load(shell: Any) -> None:
    """Register the magics with an IPython shell, and have its tasks written to the journal.

    `%load_ext` waits for this function, so everything else is imported at its first use.
    """
    from gc_jupyter.magics.gcrun import GCMagics
    from gc_jupyter.magics.greeting import greet
    from gc_jupyter.runtime.shared import registry

    again = "gcrun" in shell.magics_manager.magics["cell"]
    magics = GCMagics(shell)
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.enter_cell)
    shell.events.register("post_run_cell", remember_modules)

    @context_matcher(identifier="gc_jupyter")
    def matcher(context: CompletionContext) -> dict[str, Any]:
        if not context.text_until_cursor.lstrip().startswith(("%%gc", "%gc")):
            return {"completions": []}
        from gc_jupyter.magics.completion import complete

        return complete(magics, context)

    def show(result: Any) -> None:
        from gc_jupyter.magics.tables import show_live

        show_live(result)

    if (kernel := getattr(shell, "kernel", None)) is not None:  # a terminal shows texts
        from gc_jupyter.magics.inspection import install

        install(kernel, magics)
        formatter = shell.display_formatter.ipython_display_formatter
        formatter.for_type_by_name("gc_jupyter.future", "TaskFuture", show)
        formatter.for_type_by_name("gc_jupyter.session.fan_out", "Tasks", show)
    shell.Completer.custom_matchers.append(matcher)
    registry.record(lambda: magics.journal)
    if not again:
        greet(magics)
    if "jupyter_core.paths" in sys.modules:  # a kernel has it; a terminal hears of it later
        magics.announce()
