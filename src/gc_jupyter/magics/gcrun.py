"""GCMagics: %%gcrun, %%gcshell and %gc. Their code is imported when they are first used."""

from __future__ import annotations

import inspect
from typing import Any

from IPython.core.magic import cell_magic, line_magic, magics_class, no_var_expand

from gc_jupyter.errors import ComputeError
from gc_jupyter.magics.cell_options import with_options
from gc_jupyter.magics.notebook import NotebookMagics, short


@magics_class
class GCMagics(NotebookMagics):
    """Magics for Globus Compute endpoints, on the kernel's one session.

    What is not set here comes from pyproject.toml and the user's file: %gc config.
    """

    @no_var_expand
    @with_options
    @cell_magic
    def gcrun(self, line: str, cell: str) -> Any:
        """Run this cell on an endpoint, as if it had run here.

        What the cell uses of the notebook (variables, functions, classes, imports) goes along. Its
        output, its pictures and its last value come back. Variables that it sets are gone with it,
        except those named by --out, which come back, and by --keep, which stay there.

        A cell that only defines functions (and classes, imports and constants for them) runs
        nothing: each function becomes a remote one. f(…) runs on the endpoint and waits,
        f.submit(…) returns a future, f.map(…) sends many calls at once, f.local is the original.
        """
        return self._run(False, self.gcrun.make_parser(), "%%gcrun", line, cell)

    @no_var_expand
    @with_options
    @cell_magic
    def gcshell(self, line: str, cell: str) -> Any:
        """Run this cell as a shell script (bash) on an endpoint.

        Its output comes back. An exit status other than 0 is an error of the cell. The future's
        result is a ShellResult: returncode, stdout, stderr.
        """
        return self._run(True, self.gcshell.make_parser(), "%%gcshell", line, cell)

    @no_var_expand
    @line_magic
    def gc(self, line: str) -> Any:
        """Manage logins, endpoints, tasks and settings of Globus Compute.

        %gc login [--force | --own]    sign in; --own: with a login beside the hub's
        %gc logout                     sign out
        %gc whoami                     who is signed in, and where that comes from
        %gc endpoints                  the endpoints that you may use, and their states
        %gc use [ENDPOINT] [--alias NAME] [--forget NAME] [--default] [--results json|any]
                                       this kernel's default endpoint (--default: every
                                       kernel's), names for endpoints, and what of an
                                       endpoint's results may be read
        %gc status [ENDPOINT]          an endpoint's state, workers and queue
        %gc tasks [--all] [--failed]   a live table of open tasks, a list of the others
        %gc attach [ID…] [--all] [--forget]
                                       pick up tasks: of earlier kernels, of other machines (by
                                       id), or interrupted ones; or look for them no more
        %gc result ID                  a task's result, with its output
        %gc tail ID                    what a running task prints, as it prints it
        %gc cancel [ID…] [--all]       drop tasks that were not sent, stop those on local; without
                                       an ID, of the newest cell; --all: of this kernel
        %gc kept [NAME…] [--on ENDPOINT]
                                       what stays at endpoints (--keep); with names: bind them
        %gc keep NAME… [--on ENDPOINT] have variables of the notebook stay at an endpoint
        %gc fetch NAME… [--on ENDPOINT]
                                       bring here what is kept
        %gc forget NAME…|--all [--on ENDPOINT]
                                       remove what is kept, where it is
        %gc doctor [ENDPOINT]          check every step of the way, and say what to do
        %gc config [KEY [VALUE]]       settings; VALUE is kept in your own file
        %gc trust [--list] [--forget [PATH]]
                                       use the settings of this project's pyproject.toml
        """
        from gc_jupyter.magics.commands import run_command

        try:
            self.say_notices()
            return run_command(self, line, inspect.getdoc(GCMagics.gc) or "")
        except ComputeError as error:
            raise short(error) from error.__cause__

    def _run(self, script: bool, parser: Any, magic: str, line: str, cell: str) -> Any:
        try:
            options = self.options(parser, line, magic)
            from gc_jupyter.magics.cells import run_cell, run_script

            return (run_script if script else run_cell)(self, options, cell)
        except ComputeError as error:
            raise short(error) from error.__cause__
        except KeyboardInterrupt as error:
            from gc_jupyter.session import Interrupted

            if hasattr(error, "_render_traceback_"):  # of the cell's own code
                raise
            raise Interrupted("Interrupted. %gc tasks shows what was sent.") from None
