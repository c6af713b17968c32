"""Provide `display`, figures and rich representations of values without IPython."""

from __future__ import annotations

import base64
import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from gc_jupyter.capture.worker_side.output import current_output

REPR_LIMIT = 20000
LINE = 79  # the representations that Jupyter asks for
CONTAINERS = (list, dict, tuple, set, frozenset)

METHODS = [
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("image/svg+xml", "_repr_svg_"),
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"),
]


def short_repr(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        text = "<%s: its repr raised %s>" % (type(value).__name__, type(error).__name__)
    return text if len(text) <= REPR_LIMIT else text[:REPR_LIMIT] + "..."


def pretty_text(value: Any) -> str:
    """Return a value's text as Jupyter shows it, with `_repr_pretty_` and containers over several
    lines. Without IPython, containers stay on one line."""
    text = short_repr(value)
    own = hasattr(type(value), "_repr_pretty_")
    if not own and (len(text) < LINE or not isinstance(value, CONTAINERS)):
        return text
    try:
        made = str(importlib.import_module("IPython.lib.pretty").pretty(value))
    except Exception:
        if not own:
            return text
        try:
            printer = Printer()
            value._repr_pretty_(printer, False)
            made = "".join(printer.parts)
        except Exception:  # it needs more of IPython's printer
            return text
    return made if len(made) <= REPR_LIMIT else made[:REPR_LIMIT] + "..."


class Printer:
    """The part of IPython's printer that `_repr_pretty_` methods use."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def text(self, text: str) -> None:
        self.parts.append(text)

    def breakable(self, sep: str = " ") -> None:
        self.parts.append(sep)

    def break_(self) -> None:
        self.parts.append("\n")

    def pretty(self, value: Any) -> None:
        self.parts.append(pretty_text(value))

    def begin_group(self, _indent: int = 0, open: str = "") -> None:
        self.parts.append(open)

    def end_group(self, _dedent: int = 0, close: str = "") -> None:
        self.parts.append(close)

    @contextlib.contextmanager
    def group(self, _indent: int = 0, open: str = "", close: str = "") -> Iterator[None]:
        self.parts.append(open)
        yield
        self.parts.append(close)

    @contextlib.contextmanager
    def indent(self, _indent: int) -> Iterator[None]:
        yield


def make_bundle(
    value: Any, mimes: list[str], text: Callable[[Any], str] = pretty_text
) -> dict[str, Any]:
    """Return the MIME bundle that Jupyter shows for a value, limited to text/plain and `mimes`."""
    bundle: dict[str, Any] = {"text/plain": text(value)}
    if isinstance(value, type):
        return bundle
    try:
        made = value._repr_mimebundle_() if hasattr(value, "_repr_mimebundle_") else {}
        bundle.update(made[0] if isinstance(made, tuple) else made or {})
    except Exception:
        pass  # as in IPython, a broken representation is left out, and the others are shown
    for mime, method in METHODS:
        if mime in mimes and mime not in bundle and hasattr(value, method):
            try:
                made = getattr(value, method)()
                made = made[0] if isinstance(made, tuple) else made
                if made is not None:
                    bundle[mime] = made
            except Exception:
                pass
    if "image/png" not in bundle and is_figure(value):
        bundle["image/png"] = figure_png(value)
    for mime, content in list(bundle.items()):
        if mime != "text/plain" and mime not in mimes:
            del bundle[mime]
        elif isinstance(content, bytes):
            bundle[mime] = base64.b64encode(content).decode("ascii")
    return bundle


def display(*values: Any, **options: Any) -> Any:
    """Show values, as IPython's `display` does in a local cell.

    With `display_id`, the handle that is returned can update them.
    """
    output = current_output()
    if output is None:  # a module has kept this function after its task
        if "display" in ORIGINALS:
            return ORIGINALS["display"](*values, **options)
        return print(*values, sep="\n")
    name = options.get("display_id") or ""
    if name is True:
        name = os.urandom(16).hex()
    for value in values:
        if options.get("raw") and isinstance(value, dict):
            kept = {m: c for m, c in value.items() if m in output.mimes or m == "text/plain"}
            hidden = not kept and any(mime in value for mime, _ in METHODS)
        else:
            kept = make_bundle(value, output.mimes)
            hidden = is_markup_only(value, kept)
        output.display(kept, name, options.get("update", False))
        if hidden:
            output.hide()
    return DisplayHandle(name) if name else None


def update_display(value: Any, *, display_id: str, **options: Any) -> None:
    """Replace what was displayed under an id by a value."""
    if current_output() is None and "update_display" in ORIGINALS:
        ORIGINALS["update_display"](value, display_id=display_id, **options)
    else:
        display(value, display_id=display_id, update=True, **options)


class DisplayHandle:
    """A display with an id, which can be updated."""

    def __init__(self, display_id: str = "") -> None:
        self.display_id = display_id or os.urandom(16).hex()

    def display(self, value: Any, **options: Any) -> None:
        display(value, display_id=self.display_id, **options)

    def update(self, value: Any, **options: Any) -> None:
        update_display(value, display_id=self.display_id, **options)


def is_markup_only(value: Any, bundle: dict[str, Any]) -> bool:
    """Whether a value's markup shows more than its bundle does: it is a table, or its text is only
    `<... object ...>`."""
    text = bundle["text/plain"]
    if len(bundle) != 1 or not any(hasattr(value, method) for _, method in METHODS):
        return False
    if text[:1] + text[-1:] == "<>" and " object" in text:
        return True
    try:
        return "<table" in str(value._repr_html_())
    except Exception:  # it has no such representation, or a broken one
        return False


def clear_output(*args: Any, **options: Any) -> None:
    """Drop everything that was shown so far, as IPython's `clear_output` does."""
    output = current_output()
    if output is not None:
        output.clear()
    elif "clear_output" in ORIGINALS:
        ORIGINALS["clear_output"](*args, **options)


#: Our replacements of IPython's functions, under the same names. With IPython, its own are patched.
OF_IPYTHON: Any = (display, update_display, DisplayHandle, clear_output)
ORIGINALS: dict[str, Any] = {}


def is_figure(value: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def figure_png(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight", dpi=figure.dpi)
    return stream.getvalue()


class Figures:
    """The figures that a cell makes with pyplot. Figures that were open before are left alone."""

    def __init__(self) -> None:
        self.older = self.numbers()
        self.taken: list[Any] = []

    def numbers(self) -> list[int]:
        pyplot = sys.modules.get("matplotlib.pyplot")
        return list(pyplot.get_fignums()) if pyplot is not None else []

    def take(self) -> None:
        """Take the figures and close them: a figure that is open in pyplot would be open where its
        pickle is read, too."""
        for number in self.numbers():
            if number not in self.older:
                pyplot = sys.modules["matplotlib.pyplot"]
                figure = pyplot.figure(number)
                if figure.axes or figure.lines or figure.images or figure.texts:
                    self.taken.append(figure)
                pyplot.close(figure)

    def show(self) -> None:
        """Display the figures that were taken and have content."""
        output = current_output()
        while self.taken and output is not None:
            output.display(make_bundle(self.taken.pop(0), output.mimes))


def show_figures() -> None:
    """Show the figures, in place of `pyplot.show`."""
    if current_output() is not None:
        figures = Figures()
        figures.older = []
        figures.take()
        figures.show()
