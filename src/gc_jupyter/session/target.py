"""The target of tasks: an endpoint, and options for it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import ComputeError
from gc_jupyter.protocol.messages import names_threads
from gc_jupyter.types import LOCAL_ENDPOINT_ID, Endpoint

if TYPE_CHECKING:
    from gc_jupyter.capture import Captured
    from gc_jupyter.client import Client


def check_readable(target: Target) -> None:
    """Refuse a task before it is sent, if its result couldn't be read.

    Parameters
    ----------
    target:
        The target of a cell, a script or a notebook function.

    Raises
    ------
    ComputeError
        The endpoint's results may only be JSON, and such replies hold pickles.
    """
    from gc_jupyter.serialize.limits import results_limit

    if limit := results_limit(target.endpoint.endpoint_id):
        raise ComputeError(
            f"Results of {target.name} may be {limit} alone, and the reply to a cell, a script or a"
            " notebook function holds pickles. Nothing was sent.",
            next_step="Use gc_jupyter.Executor for this endpoint: its results come as JSON then."
            f" Where you trust the endpoint, %gc use {target.name} --results any lifts this.",
        )


def prepare(target: Target, client: Callable[[], Client | None]) -> None:
    """Open the result stream while the cell is still being captured. Prompts nobody; an error is
    left to the submission.

    Parameters
    ----------
    target:
        The target of a cell, a script or a notebook function.
    client:
        Returns the client, if somebody is signed in, or None.
    """
    with contextlib.suppress(ComputeError):
        if not target.local and (made := client()) is not None:
            made.dispatcher(target.endpoint.endpoint_id, target.amqp_port).prepare()


def stays_here(
    captured: Captured, target: Target, client: Callable[[], Client | None]
) -> list[str]:
    """Return sentences on what the notebook has set in installed modules and isn't set there.

    The service is asked for the endpoint's engine, once, where this depends on it.

    Parameters
    ----------
    captured, target:
        What is going to be sent, and where.
    client:
        Returns the client, if somebody is signed in, or None.
    """
    shared = ", ".join(captured.of_the_process)
    if not shared or target.local or not _has_threads(target, client):
        return [*captured.left]
    return [
        *captured.left,
        f"What the notebook has set in {shared} stays here: tasks on {target.name} are threads of"
        " one process. If they need it, set it there, too.",
    ]


def _has_threads(target: Target, client: Callable[[], Client | None]) -> bool:
    if names_threads(json.dumps(target.config)):
        return True
    with contextlib.suppress(ComputeError):  # the submission says what is wrong
        made = client()
        return made is not None and made.endpoint_reported(target.endpoint.endpoint_id).threads
    return False


@dataclass(frozen=True)
class Target:
    """An endpoint with options for its tasks.

    Parameters
    ----------
    endpoint:
        The endpoint.
    resources, config:
        JSON-serializable dicts for the endpoint's engine and template (Executor user guide).
    amqp_port:
        Port of the result stream: 443, 5671 or 5672; None for the service's choice.
    live:
        Whether to show tasks' output while they run. On this machine it is always shown.
    """

    endpoint: Endpoint
    resources: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    amqp_port: int | None = None
    live: bool = False

    @property
    def name(self) -> str:
        """The endpoint's name for the user."""
        return self.endpoint.name or self.endpoint.endpoint_id

    @property
    def local(self) -> bool:
        """Whether tasks run on this machine."""
        return self.endpoint.endpoint_id == LOCAL_ENDPOINT_ID

    @property
    def key(self) -> str:
        """The same for equal targets."""
        options = [self.resources, self.config, self.amqp_port]
        return f"{self.endpoint.endpoint_id} {json.dumps(options, sort_keys=True)}"
