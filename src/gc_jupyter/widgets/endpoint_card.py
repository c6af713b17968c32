"""EndpointCard: an endpoint at a glance. It is static, and says as of when it is true."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html import escape
from typing import Any

from gc_jupyter.moments import clock
from gc_jupyter.remote_text import one_line
from gc_jupyter.types import Endpoint


@dataclass(frozen=True)
class EndpointCard:
    """Shows an endpoint: name, state, workers, queue, Python version.

    Parameters
    ----------
    endpoint:
        The endpoint. Its texts come from the service and are never markup.
    workers, idle_workers:
        The number of worker processes, and of free ones; None if unknown.
    waiting:
        The tasks that the endpoint has and hasn't started; None if unknown.
    at:
        The time of these values in unix seconds.
    """

    endpoint: Endpoint
    workers: int | None = None
    idle_workers: int | None = None
    waiting: int | None = None
    at: float = field(default_factory=time.time)

    def rows(self) -> list[tuple[str, str]]:
        """Return the known values as pairs of texts."""
        workers = "" if self.workers is None else f"{self.workers:,}"
        if workers and self.idle_workers is not None:
            workers += f" ({self.idle_workers:,} idle)"
        waiting = "" if self.waiting is None else f"{self.waiting:,} waiting"
        pairs = [
            ("State", one_line(self.endpoint.status) or "unknown"),
            ("Workers", workers),
            ("Queue", waiting),
            ("Python", one_line(self.endpoint.python_version)),
            ("Id", one_line(self.endpoint.endpoint_id)),
            ("As of", clock(self.at)),
        ]
        return [(name, text) for name, text in pairs if text]

    @property
    def title(self) -> str:
        """Return the endpoint's name, or its id if it has none."""
        return one_line(self.endpoint.name or self.endpoint.endpoint_id)

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self.rows())
        return "\n".join([self.title, *(f"  {n.ljust(width)}  {t}" for n, t in self.rows())])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        left = ' style="text-align:left"'
        body = "".join(
            f'<tr><th scope="row"{left}>{name}</th><td{left}>{escape(text)}</td></tr>'
            for name, text in self.rows()
        )
        caption = f"<caption{left}><strong>{escape(self.title)}</strong></caption>"
        return {
            "text/plain": repr(self),
            "text/html": f"<table>{caption}<tbody>{body}</tbody></table>",
        }
