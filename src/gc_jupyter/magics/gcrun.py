"""The %%gcrun magic: its options, and what happens to a cell's result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    cell_magic,
    magics_class,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from gc_jupyter.errors import ComputeError, UnknownEndpoint

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.session import Session
    from gc_jupyter.types import Endpoint

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\{([^{}]+)\}")


@magics_class
class GCMagics(Magics):
    """Magics for Globus Compute endpoints, on the kernel's one session."""

    shell: Any
    _session: Session | None = None

    @property
    def session(self) -> Session:
        """The kernel's session; it names notebook cells as IPython does."""
        from gc_jupyter.session import current_session

        if self._session is None:
            self._session = current_session()
            self._session.label_of = self._label_of
        return self._session

    @no_var_expand
    @magic_arguments()
    @argument(
        "endpoint",
        nargs="?",
        help="Where to run: 'local' (worker processes on this machine) or a Globus Compute"
        " endpoint's UUID. $name and {name} take it from a variable.",
    )
    @argument(
        "-a",
        "--async",
        dest="detached",
        action="store_true",
        help="Don't wait: return a future. Its result is the cell's last value.",
    )
    @argument(
        "-o",
        "--out",
        metavar="A,B",
        default="",
        help="Bring these variables of the cell back into the notebook.",
    )
    @argument("--future", metavar="NAME", help="Bind the task's future to this name.")
    @argument(
        "--html",
        action="store_true",
        help="Show HTML and SVG that the cell displays; by default only text and pictures are.",
    )
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
        from gc_jupyter.magics.definitions import define, is_definitions
        from gc_jupyter.magics.source import read_cell

        options = parse_argstring(self.gcrun, line)
        try:
            endpoint = self.session.resolve(self._endpoint(options.endpoint))
            source = read_cell(self.shell, cell)
            if is_definitions(source.tree):
                define(self.shell, source, self.session, endpoint)
                return None
            future = self.session.submit_cell(
                source.text,
                self.shell.user_ns,
                endpoint.endpoint_id,
                out=_names(options.out),
                value=options.detached or not source.silent,
                html=options.html,
                filename=source.filename,
                first_line=source.first_line,
            )
        except ComputeError as error:
            raise _short(error) from None
        if options.future:
            self.shell.user_ns[options.future] = future
        if options.detached:
            return self._detach(future, endpoint, options)
        return self._finish(future, options)

    def _endpoint(self, text: str | None) -> str | None:
        """ENDPOINT with `$name` and `{expression}` filled in from the notebook."""
        match = _VARIABLE.fullmatch(text or "")
        if match is None:
            return text
        try:
            return str(eval(match.group(1) or match.group(2), self.shell.user_ns))
        except Exception as error:
            raise UsageError(
                f"{text}: {type(error).__name__}: {error}. Set that variable to an endpoint's UUID"
                " or to 'local' first."
            ) from None

    def _detach(self, future: CellFuture, endpoint: Endpoint, options: Any) -> CellFuture:
        names = ", ".join(f".out[{name!r}]" for name in _names(options.out))
        extra = f", its variables in {names}" if names else ""
        print(f"Sent to {endpoint.name or endpoint.endpoint_id}; .result() waits for it{extra}.")
        return future

    def _finish(self, future: CellFuture, options: Any) -> Any:
        from gc_jupyter.magics.waiting import wait
        from gc_jupyter.session import show_output

        wait(future)
        show_output(future)
        try:
            value = future.result()
        except ComputeError as error:
            raise _short(error, f"on {future.endpoint}, task {future.task_id}") from None
        for name in _names(options.out):
            if name not in future.out:
                raise UsageError(f"--out {name}: the cell has not set this variable.")
            self.shell.user_ns[name] = future.out[name]
        return value

    def _label_of(self, filename: str) -> str:
        known = self.shell.compile.format_code_name(filename)
        return " ".join(known) if known else filename


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if not name.isidentifier():
            raise UsageError(f"--out {text}: {name!r} is not a variable's name. Write --out A,B")
    return names


def _short(error: ComputeError, where: str = "") -> Exception:
    """The same error, shown without this package's own frames."""
    if isinstance(error, UnknownEndpoint):
        return UsageError(str(error).replace("\n", " "))
    if not hasattr(error, "_render_traceback_"):
        header = f"{type(error).__name__} {where}".rstrip()
        lines = f"{header}: {str(error).strip()}".split("\n")
        error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return error
