"""What a user may pass as a strategy: an instance, a class, an import path, or a wildcard.

The endpoint resolves import paths, too, and only knows those of the official SDK. A caller may name
a strategy by its path in either package. The path in the official SDK is what is sent.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from gc_jupyter.errors import SerdeError
from gc_jupyter.serialize import concretes
from gc_jupyter.serialize.base import SerializationStrategy
from gc_jupyter.serialize.concretes import SELECTABLE_STRATEGIES

Strategylike: TypeAlias = SerializationStrategy | type[SerializationStrategy] | str

_REMOTE_MODULE = "globus_compute_sdk.serialize.concretes"
_KNOWN_MODULES = {
    f"{package}.serialize{module}"
    for package in ("globus_compute_sdk", "gc_jupyter")
    for module in ("", ".concretes")
}
_KNOWN = {kind.__name__: kind for kind in SELECTABLE_STRATEGIES}


class AllowlistWildcard(str, Enum):
    """Wildcards in a list of allowed deserializers: all for code, or all for data."""

    CODE = "globus_compute_sdk.*Code"
    DATA = "globus_compute_sdk.*Data"


DeserializerAllowlist: TypeAlias = Iterable[Strategylike | AllowlistWildcard]


@dataclass(frozen=True)
class ValidatedStrategylike:
    """A known strategy: its class, its instance, and its import path on the endpoint.

    Parameters
    ----------
    type_, instance:
        The strategy's class and its instance.
    import_path:
        Its path in the official SDK.
    """

    type_: type[SerializationStrategy]
    instance: SerializationStrategy
    import_path: str


def validate_strategylike(
    value: Strategylike, *, for_code: bool | None = None
) -> ValidatedStrategylike:
    """Find the known strategy that a value means.

    Parameters
    ----------
    value:
        An instance or class of a strategy, or the import path of one, such as
        ``"globus_compute_sdk.serialize.JSONData"``. The official SDK need not be installed.
    for_code:
        True to want a strategy for code, False one for data, None for either.

    Raises
    ------
    SerdeError
        It is no strategy, not a known one, or one of the other kind.
    """
    kind = _known_class(value)
    if for_code is not None and kind.for_code != for_code:
        found, expected = ("data", "code") if for_code else ("code", "data")
        names = ", ".join(k.__name__ for k in SELECTABLE_STRATEGIES if k.for_code == for_code)
        raise SerdeError(
            f"{kind.__name__} is a {found} serialization strategy, expected a {expected} strategy.",
            next_step=f"Use one of {names}.",
        )
    instance = SerializationStrategy.get_cached_by_class(kind)
    return ValidatedStrategylike(kind, instance, f"{_REMOTE_MODULE}.{kind.__name__}")


def remote_path(value: Strategylike) -> str:
    """The import path of a strategy as the endpoint resolves it.

    Protocol: `result_serializers` are resolved on the endpoint, which doesn't have this package.

    Parameters
    ----------
    value:
        As for `validate_strategylike`, which says what is raised.
    """
    return validate_strategylike(value).import_path


def parse_allowlist(values: DeserializerAllowlist | None) -> set[type[SerializationStrategy]]:
    """The strategy classes that a list of allowed deserializers means; empty means all.

    Parameters
    ----------
    values:
        Strategies and wildcards: at least one for code and one for data, and no wildcard beside
        single strategies of its kind.

    Raises
    ------
    SerdeError
        One of these rules is broken, or a value is no known strategy.
    """
    listed = list(values or ())
    if not listed:
        return set()
    wildcards = {AllowlistWildcard(value) for value in listed if _is_wildcard(value)}
    allowed = {validate_strategylike(value).type_ for value in listed if not _is_wildcard(value)}
    for wildcard in wildcards:
        for_code = wildcard is AllowlistWildcard.CODE
        if any(kind.for_code == for_code for kind in allowed):
            raise SerdeError(
                f"Cannot mix '{wildcard.value}' with specific deserializers (got {listed})",
                next_step="Remove the wildcard, or the deserializers that it covers.",
            )
    allowed |= _of_wildcards(wildcards)
    if {kind.for_code for kind in allowed} != {True, False}:
        raise SerdeError(
            "Deserialization allowlists must contain at least one code and one data "
            f"deserializer/wildcard (got: {listed})",
            next_step=f"Add AllowlistWildcard.CODE ('{AllowlistWildcard.CODE.value}') or "
            f"AllowlistWildcard.DATA ('{AllowlistWildcard.DATA.value}').",
        )
    return allowed


def _is_wildcard(value: Any) -> bool:
    return isinstance(value, str) and value in [wildcard.value for wildcard in AllowlistWildcard]


def _of_wildcards(wildcards: set[AllowlistWildcard]) -> set[type[SerializationStrategy]]:
    kinds = {wildcard is AllowlistWildcard.CODE for wildcard in wildcards}
    return {kind for kind in SELECTABLE_STRATEGIES if kind.for_code in kinds}


def _known_class(value: Any) -> type[SerializationStrategy]:
    given = value
    if isinstance(value, str):
        value = _import(value)
    kind = value if isinstance(value, type) else type(value)
    if kind.__module__ in _KNOWN_MODULES:  # ours, or the official class of the same name
        kind = _KNOWN.get(kind.__name__, kind)
    if kind in SELECTABLE_STRATEGIES:
        return kind
    if isinstance(kind, type) and issubclass(kind, SerializationStrategy):
        raise SerdeError(
            f"{kind.__name__} is not a known serialization strategy.",
            next_step=f"Endpoints read these only: {', '.join(_KNOWN)}.",
        )
    raise _bad(given)


def _import(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        if module in _KNOWN_MODULES:
            return getattr(concretes, name)
        return getattr(importlib.import_module(module), name)
    except Exception as exc:
        raise _bad(path) from exc


def _bad(value: Any) -> SerdeError:
    return SerdeError(
        f"Invalid strategy-like '{value}'. Expected either a SerializationStrategy instance, "
        "a subclass of SerializationStrategy, or an import path to one.",
        next_step=f"Known strategies: {', '.join(_KNOWN)}.",
    )
