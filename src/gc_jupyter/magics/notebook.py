"""NotebookMagics: the session, journal and settings of a notebook, and a line's endpoint."""

from __future__ import annotations

import os
import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics

from gc_jupyter.magics.cell_options import decide, traits
from gc_jupyter.magics.line import parse
from gc_jupyter.magics.shown_results import ShownResults, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gc_jupyter.errors import ComputeError
    from gc_jupyter.journal import CellPlace, Journal
    from gc_jupyter.magics.values import ShownValues
    from gc_jupyter.options import Options
    from gc_jupyter.session import Session, Target
    from gc_jupyter.types import Endpoint

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\{([^{}]+)\}")


class NotebookMagics(Magics):
    """The kernel's session and journal, the values that `%config` sets, and a line's endpoint."""

    vars().update(traits())  # one for each option that %config sets
    endpoint: str | None

    shell: Any
    _session: Session | None = None
    _journal: Journal | None = None
    #: Id, execution count, token and source of the cell that runs.
    _cell: tuple[str, int, str, str] = ("", 0, "", "")
    _placed: CellPlace | None = None  # the same, in the form of the journal
    _announced = False

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.shown = ShownResults()
        self.told: set[str] = set()  # variables about which a message was shown; it is shown once

    @cached_property
    def values(self) -> ShownValues:
        """Shortens the lists of values that fan-outs give."""
        from gc_jupyter.magics.values import ShownValues

        return ShownValues(self.shell)

    @property
    def journal(self) -> Journal:
        """The kernel's journal."""
        if self._journal is None:
            from gc_jupyter.journal import Journal, KernelSession, journal_path

            here = KernelSession.here(self._kernel(), self._notebook())
            self._journal = Journal(journal_path(), here, self._place)
        return self._journal

    def announce(self) -> None:
        """Say once that earlier kernels have left tasks, if they have. It uses no network."""
        if self._announced:
            return
        self._announced = True
        from gc_jupyter.journal.file import journal_path, worth_reading

        if worth_reading(journal_path()):
            from gc_jupyter.magics.earlier_tasks import announce

            if text := announce(self.journal):
                print(text)

    def enter_cell(self, info: Any) -> None:
        """Note the cell that begins; called by IPython's `pre_run_cell`."""
        # since IPython 9 `execution_count` is the next cell's already; the stored inputs are not
        number = len(self.shell.history_manager.input_hist_parsed)
        token, source = os.urandom(4).hex(), getattr(info, "raw_cell", None) or ""
        self._cell = (getattr(info, "cell_id", None) or "", number, token, source)
        self._placed = None
        self.shown.enter(*page_of(self.shell))

    def _place(self) -> CellPlace:
        if self._placed is None:
            from gc_jupyter.journal.sessions import CellPlace, run_of_cell

            cell_id, count, token, source = self._cell
            run = run_of_cell(token, source) if token else ""
            self._placed = CellPlace(self.journal.session.notebook, cell_id, count, run)
        return self._placed

    def _kernel(self) -> str:
        """The kernel's connection file, whose name stays the same after a restart."""
        application = self.shell.config.get("IPKernelApp", {})
        return os.path.basename(str(application.get("connection_file", "")))

    def _notebook(self) -> str:
        """The notebook's path, if Jupyter Server or VS Code tells it."""
        vs_code = self.shell.user_ns.get("__vsc_ipynb_file__")
        return os.environ.get("JPY_SESSION_NAME") or (vs_code if isinstance(vs_code, str) else "")

    @property
    def session(self) -> Session:
        """The kernel's session; it names notebook cells as IPython does."""
        from gc_jupyter.session import current_session

        if self._session is None:
            self.announce()
            self._session = current_session()
            self._session.label_of = self._label_of
            self._session.say = say
            self._session.use_journal(self.journal)
            if (kernel := getattr(self.shell, "kernel", None)) is not None:
                from gc_jupyter.widgets.messages import STOP_TARGET

                kernel.comm_manager.register_target(STOP_TARGET, self._stop)
        return self._session

    def _stop(self, asking: Any, message: Any) -> None:
        from gc_jupyter.session.stopping import open_tasks
        from gc_jupyter.widgets.stopping import answer_panel

        answer_panel(open_tasks(self.session), asking, message)

    def options(self, parser: Any, line: str, magic: str) -> Options:
        """The options of a line, with values from settings for those that it leaves out."""
        said = parse(parser, line, magic)
        said.endpoint = self.expand(said.endpoint)
        if magic.startswith("%%") and not said.dry_run:
            self._connect(said.endpoint)
        self.say_notices()
        return decide(said, self.configured, self.session.settings)

    def _connect(self, name: str | None) -> None:
        """Begin the connections for a cell's first requests, if it certainly goes to the service.
        They are made while the rest of this package is imported, which takes about as long."""
        from gc_jupyter.runtime.shared import registry
        from gc_jupyter.settings import Settings, SettingsError
        from gc_jupyter.types import LOCAL_ENDPOINT_ID
        from gc_jupyter.uuids import is_uuid_like

        session = self._session
        settings = Settings() if session is None else session.settings
        default = None if session is None else session.default_endpoint
        name = name or self.endpoint or str(default or settings.get("endpoint"))
        try:
            name = settings.aliases().get(name, name)
        except SettingsError:
            return  # if this matters, resolving the name raises the same error
        if is_uuid_like(name) and name != LOCAL_ENDPOINT_ID:
            (registry.own() if session is None else session.client.shared).connect()

    def configured(self, name: str) -> tuple[Any, str]:
        """A setting's value in this kernel, or None, and what has set it."""
        value = getattr(self, name, None)  # Jupyter Server has settings too
        if value is None and name == "endpoint" and self.session.default_endpoint is not None:
            return str(self.session.default_endpoint), "%gc use"
        return value, "" if value is None else "%config GCMagics"

    @property
    def here(self) -> Any:
        """What the notebook's front end asks for, as JSON: see `Here` in server/messages.py.

        Asked without a cell, so nothing is made for it, neither session nor settings.
        """
        from IPython.core.display import JSON

        used = None if self._session is None else self._session.default_endpoint
        return JSON({"endpoint": str(self.endpoint or used or "")})

    def say_notices(self) -> None:
        """Print what in the settings files isn't used, each message once."""
        for line in self.session.settings.notices():
            print(line, file=sys.stderr)

    def say_once(self, texts: Iterable[str]) -> None:
        """Messages beside a cell's own output, each the first time."""
        for text in texts:
            if text not in self.told:
                print(text, file=sys.stderr)
        self.told.update(texts)

    def target(self, options: Options) -> Target:
        """The endpoint and how it is used, as the options say."""
        endpoint = self.session.resolve(options.endpoint, ask=not options.dry_run)
        if options.workers is not None:
            self._use_workers(options.workers, endpoint, options.dry_run)
        return self.session.target(
            endpoint,
            resources=options.resources,
            config=options.endpoint_config,
            amqp_port=options.amqp_port,
            live=options.live,
        )

    def _use_workers(self, count: int, endpoint: Endpoint, dry_run: bool) -> None:
        from gc_jupyter.runtime.loop import kernel_loop
        from gc_jupyter.service.local import local_service
        from gc_jupyter.types import LOCAL_ENDPOINT_ID

        if endpoint.endpoint_id != LOCAL_ENDPOINT_ID:
            raise UsageError(
                f"--workers is for local: {endpoint.name or endpoint.endpoint_id} has as many as"
                " its own configuration says."
            )
        self.session.settings.site().refuse_locked("local_workers")
        if not dry_run:
            local_service(kernel_loop().aio).use_workers(count)

    def expand(self, text: str | None) -> str | None:
        """ENDPOINT as typed on a magic's line, with `$name` and `{expression}` filled in from the
        notebook. Never pass a setting, an alias or a remote name: expressions in it would run."""
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


def say(line: str) -> None:
    """Print a line of this package in the running cell.

    Parameters
    ----------
    line:
        Its text.
    """
    from IPython.display import display

    display({"text/plain": line}, raw=True)  # apart from the cell's own output


def short(error: ComputeError, where: str = "") -> Exception:
    """Make an error's traceback leave out this package's own frames; returns the error."""
    from gc_jupyter.errors import UnknownEndpoint
    from gc_jupyter.settings import SettingsError

    if isinstance(error, (UnknownEndpoint, SettingsError)):
        return UsageError(str(error).replace("\n", " "))
    if not hasattr(error, "_render_traceback_"):
        header = f"{type(error).__name__} {where}".rstrip()
        lines = f"{header}: {str(error).strip()}".split("\n")
        error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return error
