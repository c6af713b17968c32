"""Check UUID-like arguments, with errors that name the argument."""

from __future__ import annotations

import uuid

from gc_jupyter.types import UUIDLike


def as_uuid(value: UUIDLike, name: str) -> uuid.UUID:
    """The UUID of an argument.

    Raises
    ------
    ValueError
        It is not a UUID; `name` says which argument is meant.
    """
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value))
    except ValueError:
        shown = repr(value)[:80]
        raise ValueError(
            f"{name}: {shown} is not a UUID; it should look like"
            " 4b116d3c-1703-4f8f-9f6f-39921e5864df"
        ) from None


def as_uuid_text(value: UUIDLike, name: str) -> str:
    """The canonical text of a UUID argument; ValueError as `as_uuid`."""
    return str(as_uuid(value, name))


def optional_uuid(value: UUIDLike | None, name: str) -> uuid.UUID | None:
    """As `as_uuid`; None (and empty text) stays None."""
    return as_uuid(value, name) if value else None


def optional_uuid_text(value: UUIDLike | None, name: str) -> str | None:
    """As `as_uuid_text`; None (and empty text) stays None."""
    return as_uuid_text(value, name) if value else None


def is_uuid_like(value: object) -> bool:
    """Whether a value is a UUID or the text of one."""
    if isinstance(value, uuid.UUID):
        return True
    if not isinstance(value, str):
        return False
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
