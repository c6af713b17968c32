"""The login shared with the official SDK: `~/.globus_compute/storage.db`, or memory without it."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from globus_sdk.token_storage import (
    MemoryTokenStorage,
    SQLiteTokenStorage,
    TokenStorage,
    TokenStorageData,
)

from gc_jupyter.errors import LoginMisconfigured
from gc_jupyter.own_files import NotOwn, check_own_database, make_own_directory

T = TypeVar("T")

#: Namespace -> tokens that are never written to a file: one login serves the whole process.
_IN_MEMORY: dict[str, MemoryTokenStorage] = {}

#: The variables that BinderHub sets in a session. The home directory is a container's: anybody who
#: has the session's address can read it, and it ends with the session.
_OF_BINDER = ("BINDER_LAUNCH_HOST", "BINDER_REPO_URL")

# What sqlite3, json and globus-sdk raise for a locked, damaged, foreign or unwritable file.
_UNUSABLE = (sqlite3.Error, OSError, ValueError, TypeError, AttributeError, KeyError)


def storage_path(environ: Mapping[str, str]) -> Path:
    """Where the official SDK keeps its login; GLOBUS_COMPUTE_USER_DIR moves it."""
    if directory := environ.get("GLOBUS_COMPUTE_USER_DIR"):
        return Path(directory) / "storage.db"
    try:
        return Path.home() / ".globus_compute" / "storage.db"
    except RuntimeError:
        raise LoginMisconfigured(
            "No home directory is known, so there is no place for a login.",
            next_step="Set HOME, or GLOBUS_COMPUTE_USER_DIR, before the kernel starts.",
        ) from None


def may_be_kept(environ: Mapping[str, str]) -> bool:
    """Whether a login may be written to a file: not in a Binder session."""
    return not any(environ.get(name) for name in _OF_BINDER)


def namespace(environment: str, client_id: str | None = None) -> str:
    """The namespace of the file for a user, or for one client (protocol, "Credentials")."""
    return f"clientprofile/{environment}/{client_id}" if client_id else f"user/{environment}"


class SharedTokenStorage(TokenStorage):
    """Tokens in the file that the official SDK uses too, and in memory once that file fails.

    The file is made at the first login, not before: 0600, in a directory of mode 0700. When it
    can't be read or written, one warning names it and says what to do; from then on tokens live
    in this process only, beginning with those last read, so that work goes on.

    Parameters
    ----------
    path:
        The SQLite file.
    namespace:
        Its part that belongs to this user or client.
    kept:
        False where the file is not to be used at all: tokens live in this process only.
    lock_timeout:
        How long to wait for another program that has locked it, in seconds.
    """

    def __init__(
        self, path: Path, namespace: str, *, kept: bool = True, lock_timeout: float = 5.0
    ) -> None:
        super().__init__(namespace)
        self.path = path
        self._kept = kept
        #: Why the file is not used; empty while it is used.
        self.problem = ""
        self._lock_timeout = lock_timeout
        self._file: SQLiteTokenStorage | None = None
        self._memory = MemoryTokenStorage(namespace=namespace)
        if not kept:
            self._memory = _IN_MEMORY.setdefault(namespace, self._memory)

    @property
    def description(self) -> str:
        """Where the tokens are, for `Login.source`."""
        return "this kernel's memory" if self.problem or not self._kept else str(self.path)

    def get_token_data_by_resource_server(self) -> dict[str, TokenStorageData]:
        """Every token of the namespace, by resource server."""
        tokens = self._attempt(self._read)
        if tokens is None:
            return self._memory.get_token_data_by_resource_server()
        self._memory = MemoryTokenStorage(namespace=self.namespace)
        self._memory.store_token_data_by_resource_server(tokens)
        return tokens

    def store_token_data_by_resource_server(
        self, token_data_by_resource_server: Mapping[str, TokenStorageData]
    ) -> None:
        """Keep these tokens, replacing older ones of the same resource servers."""
        self._memory.store_token_data_by_resource_server(token_data_by_resource_server)
        self._attempt(
            lambda: self._open().store_token_data_by_resource_server(token_data_by_resource_server)
        )

    def remove_token_data(self, resource_server: str) -> bool:
        """Forget one resource server's token; True where there was one."""
        was_in_memory = self._memory.remove_token_data(resource_server)
        was_in_file = self._attempt(
            lambda: self.path.exists() and self._open().remove_token_data(resource_server)
        )
        return bool(was_in_file or was_in_memory)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> dict[str, TokenStorageData]:
        if not self.path.exists():
            return {}
        tokens = self._open().get_token_data_by_resource_server()
        if len({data.identity_id for data in tokens.values()} - {None}) > 1:
            raise ValueError("it holds tokens of more than one identity")
        return tokens

    def _open(self) -> SQLiteTokenStorage:
        if self._file is None:
            is_new = not self.path.exists()
            if is_new:
                make_own_directory(self.path.parent)
            else:
                check_own_database(self.path)
            self._file = SQLiteTokenStorage(
                self.path,
                namespace=self.namespace,
                # Whichever thread sends a request refreshes the token; sqlite3 serializes.
                connect_params={"check_same_thread": False, "timeout": self._lock_timeout},
            )
            if is_new:
                self.path.chmod(0o600)
        return self._file

    def _attempt(self, action: Callable[[], T]) -> T | None:
        if self.problem or not self._kept:
            return None
        try:
            return action()
        except _UNUSABLE as error:
            self.problem = self._explain(error)
            warnings.warn(
                f"{self.problem} Until then a login is kept in this kernel's memory only.",
                UserWarning,
                stacklevel=2,
            )
            return None

    def _explain(self, error: Exception) -> str:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return (
                f"The login store {self.path} is locked by another program. "
                "Wait for it or end it, then restart the kernel."
            )
        if isinstance(error, NotOwn):
            return (
                f"The login store {self.path} isn't used: {error.strerror}. Move it away and log "
                "in again, or set GLOBUS_COMPUTE_USER_DIR to a directory of your own."
            )
        cause = error.__cause__ or error  # globus-sdk hides a failed mkdir behind a ValueError
        if isinstance(cause, OSError):
            return (
                f"The login store {self.path} can't be opened ({cause.strerror}). Make its "
                "directory writable, or set GLOBUS_COMPUTE_USER_DIR to one that is."
            )
        if isinstance(error, sqlite3.OperationalError) and "no such table" not in str(error):
            return (
                f"The login store {self.path} can't be used ({error}). Make room or make it "
                "writable, or set GLOBUS_COMPUTE_USER_DIR to another directory."
            )
        # The texts of json and globus-sdk may quote what they could not read.
        return (
            f"The login store {self.path} is damaged ({type(error).__name__}). "
            "Move it away and log in again."
        )
