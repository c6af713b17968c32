"""Capturing what a cell uses, as its options say, and sending large values to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from gc_jupyter.capture import Captured, capture_cell
from gc_jupyter.magics.cell_source import CellSource

if TYPE_CHECKING:
    from gc_jupyter.options import Options
    from gc_jupyter.session import Session, Target


def values_of(options: Options, namespace: dict[str, Any]) -> tuple[str, list[Any]]:
    """The variable of --map and its values."""
    if options.map is None:
        return "", []
    name, expression = options.map
    try:
        return name, list(eval(expression, namespace))
    except Exception as error:
        raise UsageError(
            f"--map {name}={expression}: {type(error).__name__}: {error}. Write an expression that"
            f" gives the values, such as --map {name}=range(10)"
        ) from None


def captured_with(
    options: Options,
    source: CellSource,
    namespace: Mapping[str, Any],
    variable: str,
    values: Sequence[Any],
    sending: Mapping[str, Any],
) -> Captured:
    """Capture what a cell uses of the notebook.

    Raises
    ------
    UsageError
        The line's --in, --out or --keep names a variable that it can't.
    """
    for name in options.keep:
        if name in options.out:
            raise UsageError(
                f"--keep {name}: --out brings {name} here, and one name can't be both. Leave one of"
                f" them out: %gc fetch {name} brings here what is kept."
            )
    for name in options.also:
        if name not in namespace and name != variable:
            raise UsageError(f"--in {name}: the notebook has no such variable. Set it first.")
    if not options.capture:
        namespace = {name: namespace[name] for name in options.also if name in namespace}
    return capture_cell(
        source.text,
        namespace,
        out=options.out,
        value=not options.block or not source.silent,
        html=options.html,
        filename=source.filename,
        first_line=source.first_line,
        also=options.also,
        variable=variable,
        values=values,
        **sending,
    )


def bring(
    session: Session, options: Options, target: Target, captured: Captured
) -> tuple[int, int]:
    """Send large values to the endpoint's store; returns how many bytes and parts were sent."""
    what, quiet = captured.large, options.quiet
    if captured.storing is not None and captured.storing.later:
        session.stores.bring(captured, target)
        return 0, 0
    return session.stores.send(captured.storing, target, what=what, quiet=quiet)
