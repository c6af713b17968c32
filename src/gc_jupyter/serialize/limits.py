"""The strategies that may read a task's result: a text that is kept with the task.

A limit is a list of strategies, separated by commas. Limits that all apply are separated by
semicolons. An empty text means no limit. As a text it can be stored in the journal, so that a later
kernel applies it, too.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from gc_jupyter.errors import DeserializationError
from gc_jupyter.serialize.base import IDENTIFIER_LENGTH, SerializationStrategy
from gc_jupyter.serialize.concretes import JSONData
from gc_jupyter.serialize.strategylike import Strategylike, validate_strategylike
from gc_jupyter.settings.known import known
from gc_jupyter.types import LOCAL_ENDPOINT_ID

#: A value of `settings.RESULTS`, which limits an endpoint's results -> the limit.
OF_SETTING = {"json": JSONData.__name__}


def limit_of(
    allowed: Iterable[type[SerializationStrategy]], asked: Iterable[Strategylike] | None = None
) -> str:
    """The limit that a submitter has set.

    Parameters
    ----------
    allowed:
        The strategies that may read payloads; none for all of them. Where those for data run no
        code, those for code don't count: reading code runs it.
    asked:
        Where all are allowed: those that the endpoint was asked to use, if none of them runs code.
    """
    return _limit_of(tuple(allowed), tuple(asked or ()))


@functools.lru_cache(maxsize=64)  # each task and each result of an Executor asks
def _limit_of(
    allowed: tuple[type[SerializationStrategy], ...], asked: tuple[Strategylike, ...]
) -> str:
    kinds = set(allowed)
    data = {kind for kind in kinds if not kind.for_code}
    if not kinds:
        kinds = data = {validate_strategylike(one).type_ for one in asked}
        if any(kind.runs_code or kind.for_code for kind in kinds):
            return ""
    elif not any(kind.runs_code for kind in data):
        kinds = data
    return ",".join(sorted(kind.__name__ for kind in kinds))


def results_limit(endpoint_id: str | None) -> str:
    """The limit that the user has set for an endpoint's results: ``%gc use NAME --results json``.

    Parameters
    ----------
    endpoint_id:
        Its UUID; None where that isn't known.

    Raises
    ------
    SettingsError
        The limit is unknown, so nothing may be read.
    """
    if endpoint_id is None or endpoint_id == LOCAL_ENDPOINT_ID:
        return ""
    return OF_SETTING.get(known().results().get(endpoint_id, ""), "")


def limit_of_unknown() -> str:
    """The limit for results of an unknown endpoint: all limits that the user has set apply."""
    return both(*(OF_SETTING.get(one, "") for one in known().results().values()))


def both(*limits: str) -> str:
    """The limit that holds where all of these do."""
    return ";".join(dict.fromkeys(limit for limit in limits if limit))


def check_result(payload: str, limit: str) -> None:
    """Refuse what a limit leaves out, before a byte of it is read.

    Parameters
    ----------
    payload:
        A result as it came.
    limit:
        See the module.

    Raises
    ------
    DeserializationError
        It names a strategy that isn't allowed, or none.
    """
    if not limit:
        return
    strategy = SerializationStrategy.get_cached_by_id(payload[:IDENTIFIER_LENGTH])
    name = type(strategy).__name__
    for allowed in limit.split(";"):
        if strategy is None or name not in allowed.split(","):
            sent = "it is of no known kind" if strategy is None else f"{name} disabled"
            raise DeserializationError(
                f"The result isn't read: {sent}, for it may be {allowed.replace(',', ', ')} alone.",
                next_step="Have the endpoint's owner look at it. Where you trust the endpoint,"
                " %gc use UUID --results any lifts the limit of the endpoint; what an Executor was"
                " given as serializer holds for its tasks.",
            )
