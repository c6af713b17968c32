"""ShownValues: prints a fan-out's list of values in Out[n], shortened if long, with its length.

IPython itself prints up to 1,000 values, each on its own line. Only the printing is shortened: the
value is a plain list with all values. Only the list that a cell has just returned is printed so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.lib.pretty import pretty

#: A list of at most this many lines is printed whole.
_FEW = 10
_FIRST, _LAST = 5, 2

Printer = Callable[[Any, Any, bool], None]


class ShownValues:
    """Prints fan-outs' lists for a shell.

    Parameters
    ----------
    shell:
        IPython's.
    """

    def __init__(self, shell: Any) -> None:
        self._values: list[Any] | None = None
        formatter = shell.display_formatter.formatters["text/plain"]
        self._usual: Printer = formatter.for_type(list)
        formatter.for_type(list, self._print)

    def expect(self, values: list[Any]) -> list[Any]:
        """Note the values that a cell is about to return; returns them."""
        self._values = values
        return values

    def _print(self, values: list[Any], printer: Any, cycle: bool) -> None:
        if values is not self._values or cycle or not _is_long(values, printer.max_width):
            self._usual(values, printer, cycle)
            return
        with printer.group(1, "[", "]"):
            for value in values[:_FIRST]:
                printer.pretty(value)
                printer.text(",")
                printer.breakable()
            printer.text("…,")
            for left, value in enumerate(values[-_LAST:], 1 - _LAST):
                printer.breakable()
                printer.pretty(value)
                if left:
                    printer.text(",")
        printer.text(f"  # {len(values):,} values")


def _is_long(values: list[Any], width: int) -> bool:
    """Whether printing takes many lines, judged by the first values."""
    return len(values) > _FEW and pretty(values[:200], max_width=width).count("\n") >= _FEW
