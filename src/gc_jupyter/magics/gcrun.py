"""GCMagics: %%gcrun, %%gcshell and %gc, and what can be set for them by %config."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from traitlets import Bool, Dict, Enum, Float, Int, Unicode

from gc_jupyter.errors import ComputeError
from gc_jupyter.magics.line import parse
from gc_jupyter.magics.options import INTERRUPTS, run_arguments, shell_arguments

if TYPE_CHECKING:
    from gc_jupyter.journal import Journal, Place
    from gc_jupyter.magics.decided import Options
    from gc_jupyter.session import Session, Target

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\{([^{}]+)\}")


def _setting(kind: Any, help: str, *arguments: Any) -> Any:
    """A trait that is None until it is set; then it wins over the settings files."""
    return kind(*arguments, default_value=None, allow_none=True, help=help).tag(config=True)


@magics_class
class GCMagics(Magics):
    """Magics for Globus Compute endpoints, on the kernel's one session.

    What is not set here comes from pyproject.toml and the user's file: %gc config.
    """

    endpoint = _setting(Unicode, "The default endpoint.")
    block = _setting(Bool, "Whether cells are waited for.")
    timeout = _setting(Float, "Stop waiting after so many seconds.")
    on_interrupt = _setting(Enum, "As --on-interrupt.", INTERRUPTS)
    progress_after = _setting(Float, "Seconds until a table of tasks is shown; -1: never.")
    tb_limit = _setting(Int, "The most frames of a remote traceback.")
    label = _setting(Unicode, "What tasks are called in tables.")
    resources = _setting(Dict, "What each task needs of the endpoint's engine.")
    endpoint_config = _setting(Dict, "Values for a multi-user endpoint's template.")
    amqp_port = _setting(Int, "Port to receive results by.")
    html = _setting(Bool, "Show HTML and SVG that cells display.")
    quiet = _setting(Bool, "Show cells' own output only.")
    verbose = _setting(Bool, "Also show where the task ran and how long it took.")

    shell: Any
    _session: Session | None = None

    _journal: Journal | None = None
    _cell: tuple[str, int] = ("", 0)  # id and execution count of the one that runs now
    _announced = False

    @property
    def journal(self) -> Journal:
        """The kernel's journal."""
        if self._journal is None:
            from gc_jupyter.journal import Journal, KernelSession, journal_path

            here = KernelSession.here(self._kernel(), self._notebook())
            self._journal = Journal(journal_path(), here, self._place)
        return self._journal

    def announce(self) -> None:
        """Say so where earlier kernels have left tasks; once, and without asking the network."""
        if self._announced:
            return
        self._announced = True
        from gc_jupyter.journal.glance import worth_reading
        from gc_jupyter.journal.place import journal_path

        if worth_reading(journal_path()):
            from gc_jupyter.magics.earlier import announce

            if text := announce(self.journal):
                print(text)

    def enter_cell(self, info: Any) -> None:
        """A cell begins: IPython's `pre_run_cell`."""
        # `execution_count` is the next cell's already, since IPython 9; the inputs stored aren't
        number = len(self.shell.history_manager.input_hist_parsed)
        self._cell = (getattr(info, "cell_id", None) or "", number)

    def _place(self) -> Place:
        from gc_jupyter.journal import Place

        return Place(self.journal.session.notebook, *self._cell)

    def _kernel(self) -> str:
        """The kernel's name that outlasts a restart: its connection file."""
        application = self.shell.config.get("IPKernelApp", {})
        return os.path.basename(str(application.get("connection_file", "")))

    def _notebook(self) -> str:
        """The notebook's path, where the front end tells it: Jupyter Server, or VS Code."""
        known = self.shell.user_ns.get("__vsc_ipynb_file__")
        return os.environ.get("JPY_SESSION_NAME") or str(known or "")

    @property
    def session(self) -> Session:
        """The kernel's session; it names notebook cells as IPython does."""
        from gc_jupyter.session import current_session

        if self._session is None:
            self.announce()
            self._session = current_session()
            self._session.label_of = self._label_of
            self._session.use_journal(self.journal)
        return self._session

    @no_var_expand
    @run_arguments
    @cell_magic
    def gcrun(self, line: str, cell: str) -> Any:
        """Run this cell on an endpoint, as if it had run here.

        What the cell uses of the notebook (variables, functions, classes, imports) goes along. Its
        output, its pictures and its last value come back. Variables that it sets stay there,
        except those named by --out.

        A cell that only defines functions (and classes, imports and constants for them) runs
        nothing: each function becomes a remote one. f(…) runs on the endpoint and waits,
        f.submit(…) returns a future, f.map(…) sends many calls at once, f.local is the original.
        """
        from gc_jupyter.magics.cells import run_cell

        return self._run(run_cell, self.gcrun.make_parser(), "%%gcrun", line, cell)

    @no_var_expand
    @shell_arguments
    @cell_magic
    def gcshell(self, line: str, cell: str) -> Any:
        """Run this cell as a shell script (bash) on an endpoint.

        Its output comes back. An exit status other than 0 is an error of the cell. The future's
        result is a ShellResult: returncode, stdout, stderr.
        """
        from gc_jupyter.magics.cells import run_script

        return self._run(run_script, self.gcshell.make_parser(), "%%gcshell", line, cell)

    @no_var_expand
    @line_magic
    def gc(self, line: str) -> Any:
        """Look after Globus Compute from a notebook.

        %gc login [--force]            sign in
        %gc logout                     sign out
        %gc whoami                     who is signed in, and where that comes from
        %gc endpoints                  the endpoints that you may use, and their states
        %gc use [ENDPOINT] [--alias NAME] [--forget NAME]
                                       the default endpoint, and names for endpoints
        %gc status [ENDPOINT]          an endpoint's state, workers and queue
        %gc tasks [--all] [--failed]   a live table of open tasks, a list of the others
        %gc attach [ID…] [--all]       pick up tasks: of earlier kernels, or interrupted ones
        %gc result ID                  a task's result, with its output
        %gc cancel ID…                 drop tasks that were not sent; stop local ones
        %gc doctor [ENDPOINT]          check every step of the way, and say what to do
        %gc config [KEY [VALUE]]       settings; VALUE is kept in your own file
        """
        from gc_jupyter.magics.commands import run_command

        try:
            return run_command(self, line)
        except ComputeError as error:
            raise short(error) from error.__cause__

    def _run(self, run: Any, parser: Any, magic: str, line: str, cell: str) -> Any:
        try:
            options = self.options(parser, line, magic)
            return run(self, options, cell)
        except ComputeError as error:
            raise short(error) from error.__cause__
        except KeyboardInterrupt:  # not while it waited
            from gc_jupyter.session import Interrupted

            raise Interrupted("Interrupted. %gc tasks shows what was sent.") from None

    def options(self, parser: Any, line: str, magic: str) -> Options:
        """What the line says, and what it leaves out."""
        from gc_jupyter.magics.decided import Options

        return Options.decide(
            parse(parser, line, magic), lambda name: getattr(self, name), self.session.settings
        )

    def target(self, options: Options) -> Target:
        """Where the options send a cell."""
        return self.session.target(
            self.session.resolve(self.expand(options.endpoint), ask=not options.dry_run),
            resources=options.resources,
            config=options.endpoint_config,
            amqp_port=options.amqp_port,
        )

    def expand(self, text: str | None) -> str | None:
        """ENDPOINT with `$name` and `{expression}` filled in from the notebook."""
        match = _VARIABLE.fullmatch(text or "")
        if match is None:
            return text
        try:
            return str(eval(match.group(1) or match.group(2), self.shell.user_ns))
        except Exception as error:
            raise UsageError(
                f"{text}: {type(error).__name__}: {error}. Set that variable to an endpoint's name"
                " or UUID, or to 'local', first."
            ) from None

    def _label_of(self, filename: str) -> str:
        known = self.shell.compile.format_code_name(filename)
        return " ".join(known) if known else filename


def short(error: ComputeError, where: str = "") -> Exception:
    """The same error, shown without this package's own frames."""
    from gc_jupyter.errors import UnknownEndpoint
    from gc_jupyter.settings import SettingsError

    if isinstance(error, (UnknownEndpoint, SettingsError)):
        return UsageError(str(error).replace("\n", " "))
    if not hasattr(error, "_render_traceback_"):
        header = f"{type(error).__name__} {where}".rstrip()
        lines = f"{header}: {str(error).strip()}".split("\n")
        error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return error
