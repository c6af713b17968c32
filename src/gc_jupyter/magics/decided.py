"""Options, all decided: where a value comes from that a magic's line leaves out.

What the site locks stays as it is. Else an option on the line wins over ``%config GCMagics``, which
wins over a trusted project's pyproject.toml, which wins over the user's own file, which wins over
the site's (`gc_jupyter.settings`). Of the endpoint, `%gc use` stands between ``%config`` and the
files.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gc_jupyter.credentials import masked

if TYPE_CHECKING:
    from gc_jupyter.settings import Settings

#: What can be set beside the line.
CONFIGURABLE = (
    *("endpoint", "block", "timeout", "on_interrupt", "progress_after", "tb_limit", "label"),
    *("resources", "endpoint_config", "amqp_port", "html", "live", "quiet", "verbose"),
)


@dataclass(frozen=True)
class Options:
    """A cell's options, all decided."""

    endpoint: str | None = None
    endpoint_from: str = ""  # what says so, where the line doesn't
    block: bool = True
    out: tuple[str, ...] = ()
    future: str = ""
    also: tuple[str, ...] = ()
    capture: bool = True
    map: tuple[str, str] | None = None
    timeout: float | None = None
    on_interrupt: str = "detach"
    progress_after: float = 2.0
    tb_limit: int | None = None
    label: str = ""
    resources: dict[str, Any] | None = None
    endpoint_config: dict[str, Any] | None = None
    amqp_port: int | None = None
    html: bool = False
    live: bool = False
    quiet: bool = False
    verbose: bool = False
    dry_run: bool = False
    walltime: float | None = None
    given: frozenset[str] = frozenset()  # the names of those that the line says itself

    @classmethod
    def decide(
        cls,
        line: argparse.Namespace,
        configured: Callable[[str], tuple[Any, str]],
        settings: Settings,
    ) -> Options:
        """The options of a line, with what it leaves out.

        Parameters
        ----------
        line:
            None for what it doesn't say. Its endpoint is filled in from the notebook already:
            what is set elsewhere is text as it stands.
        configured:
            A name's value in this kernel, or None, and what has set it.
        settings:
            The files.
        """
        said = {name: value for name, value in vars(line).items() if value is not None}
        said["given"] = frozenset(said)
        files, site = settings.all(), settings.site()
        for name in CONFIGURABLE:
            if name != "endpoint" and name in said:  # which a line may always name
                site.refuse_locked(name)
            if name not in said:
                value, where = (None, "") if name in site.locked else configured(name)
                value, where = files.get(name, (None, "")) if value is None else (value, where)
                if value is not None:
                    said[name] = value
                    if name == "endpoint":
                        said["endpoint_from"] = where
        if "label" in said:  # it is shown and written down
            said["label"] = masked(said["label"])
        return cls(**said)
