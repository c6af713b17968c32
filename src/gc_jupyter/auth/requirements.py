"""Globus Auth requirements errors (GARE) and refusals, as this package's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import globus_sdk
from globus_sdk.gare import GARE, GlobusAuthorizationParameters, to_gare
from globus_sdk.token_storage import TokenValidationError
from globus_sdk.token_storage.validating_token_storage import IdentityMismatchError

from gc_jupyter.errors import LoginRequired, ServiceError, ServiceUnreachable

#: What a user can do where nobody is logged in.
HOW_TO_LOG_IN = (
    "Log in with %gc login. Without a person at the keyboard, set GLOBUS_COMPUTE_CLIENT_ID and "
    "GLOBUS_COMPUTE_CLIENT_SECRET, or GLOBUS_COMPUTE_ACCESS_TOKEN, before the kernel starts."
)


def requirements_of(error: globus_sdk.GlobusAPIError | Mapping[str, Any]) -> dict[str, Any] | None:
    """The requirements error inside a refusal, for `LoginRequired.gare`; None where there is none.

    Parameters
    ----------
    error:
        The error that globus-sdk raised, or the JSON document that the service sent. Older
        forms (consent required) are brought into the present one by globus-sdk.
    """
    found = to_gare(error if isinstance(error, globus_sdk.GlobusAPIError) else dict(error))
    return found.to_dict(include_extra=True) if found else None


def parameters_of(
    gare: GARE | Mapping[str, Any] | None,
) -> GlobusAuthorizationParameters | None:
    """The login parameters that a requirements error asks for.

    The service's `reason` is shown on the login page where the error has no message of its own,
    as the official SDK does. Always a new object: an app adds its own scopes to it.
    """
    if gare is None:
        return None
    found = to_gare(gare.to_dict(include_extra=True) if isinstance(gare, GARE) else dict(gare))
    if found is None:
        return None
    parameters = found.authorization_parameters
    reason = found.extra.get("reason")
    if parameters.session_message is None and isinstance(reason, str):
        parameters.session_message = reason
    return parameters


@contextlib.contextmanager
def refusals(source: Callable[[], str], next_step: str = HOW_TO_LOG_IN) -> Iterator[None]:
    """Turn the errors of Globus Auth and of a stored login into this package's errors.

    Everything is caught: a wrong clock, for one, shows as an error of the JWT library. The
    original error is left out of the traceback: a reply's body is a note on globus-sdk's error,
    and what a server echoes there may be a secret.

    Parameters
    ----------
    source:
        Returns where the token comes from, as `Login.source` says it.
    next_step:
        What to do when the source is refused.
    """
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:
        raise _refusal(error, source(), next_step) from None


def _refusal(error: Exception, source: str, next_step: str) -> ServiceError:
    if isinstance(error, globus_sdk.NetworkError):
        return ServiceUnreachable(
            f"Globus Auth can't be reached ({type(error).__name__}).",
            next_step="Check the network connection of this kernel, then try again.",
        )
    if isinstance(error, globus_sdk.GlobusAPIError):
        word = _error_word(error)
        if error.http_status >= 500 or error.http_status == 429:
            return ServiceUnreachable(
                f"Globus Auth can't answer now (HTTP {error.http_status}{word}).",
                next_step="Try again in a minute.",
            )
        refused = LoginRequired(
            f"Globus Auth refuses {source} (HTTP {error.http_status}{word}).",
            next_step=next_step,
            status=error.http_status,
        )
        refused.gare = requirements_of(error)
        return refused
    if isinstance(error, IdentityMismatchError):
        return LoginRequired(
            "This login is of another identity than the stored one.",
            next_step="Run %gc logout first, or log in with the identity used before.",
        )
    if isinstance(error, TokenValidationError):
        return LoginRequired(
            f"Not logged in: there is no usable token in {source}.",
            next_step=next_step,
            status=401,
        )
    return LoginRequired(
        f"{source[:1].upper()}{source[1:]} can't be used ({type(error).__name__}).",
        next_step=next_step,
    )


def _error_word(error: globus_sdk.GlobusAPIError) -> str:
    """OAuth's own error word (`invalid_grant`), which is one of a known list and no secret."""
    body = error.raw_json
    word = body.get("error") if isinstance(body, dict) else None
    return f", {word}" if word in _OAUTH_ERRORS else ""


# RFC 6749, sections 4.1.2.1 and 5.2, and RFC 6750, section 3.1.
_OAUTH_ERRORS = frozenset(
    {
        "access_denied",
        "insufficient_scope",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_token",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
