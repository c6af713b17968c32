"""Endpoints by name: `local`, UUIDs, aliases, and the names that the service lists."""

from __future__ import annotations

import contextlib
import difflib
import platform
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import ComputeError, UnknownEndpoint
from gc_jupyter.journal.database import KnownEndpoint
from gc_jupyter.remote_text import one_line
from gc_jupyter.session.pins import Pins, owned_by
from gc_jupyter.settings import Settings
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, Endpoint
from gc_jupyter.uuids import is_uuid_like

if TYPE_CHECKING:
    from gc_jupyter.client import Client
    from gc_jupyter.journal import Journal
    from gc_jupyter.session.target import Target

#: The most states to ask for at once: each is a request, and the service takes 20 in 10 s.
STATES_AT_ONCE = 8
#: The age at which the list is asked for again before a name counts as unknown.
_FRESH_S = 60.0
#: The age up to which an earlier kernel's list is used.
_KEPT_S = 86400.0
_CLOSE = 3


class Directory:
    """The known endpoints: the service is asked when needed, and the journal remembers.

    Parameters
    ----------
    settings:
        Has the aliases.
    client:
        Returns a client, if somebody is signed in, or None.
    journal:
        Remembers names and states for later kernels.
    say:
        Shows a line to the user.
    """

    def __init__(
        self,
        settings: Settings,
        client: Callable[[], Client | None],
        journal: Journal | None = None,
        say: Callable[[str], object] = print,
    ) -> None:
        self.settings = settings
        self._pins = Pins(settings.known, self.owners, say)
        self._owner_ids: dict[str, str] = {}  # endpoint -> its owner's identity
        self._client = client
        self._journal = journal
        self._known: dict[str, KnownEndpoint] | None = None
        self._listed_at = 0.0  # unix seconds; by this kernel

    def resolve(self, name: str, *, ask: bool = True) -> Endpoint:
        """The endpoint of this name, alias or UUID; with `ask`, the service is asked for names.

        Raises
        ------
        UnknownEndpoint
            There is none, or there are several. The error has similar names, and their states. Or
            the name was used for another endpoint before.
        """
        text = name.strip()
        if text in (LOCAL_NAME, LOCAL_ENDPOINT_ID):
            return Endpoint(LOCAL_ENDPOINT_ID, LOCAL_NAME)
        if is_uuid_like(text):  # always means itself
            key = str(uuid.UUID(text))
            known = self.known().get(key)
            return Endpoint(key, known.name if known else "")
        aliased = self.settings.aliases().get(text)
        if aliased == LOCAL_NAME:
            return Endpoint(LOCAL_ENDPOINT_ID, LOCAL_NAME)
        if aliased is not None:
            return Endpoint(str(uuid.UUID(aliased)), text)
        found = self._named(text)
        old = abs(time.time() - self._listed_at) > _FRESH_S  # also if the clock was set back
        if not found and ask and old and self.refresh() is not None:
            found = self._named(text)
        pinned = self._pins.pinned(text)
        if pinned is not None:
            dismissed = {pinned.endpoint, *pinned.others}
            meant = pinned.endpoint
            if ask and any(one.endpoint_id not in dismissed for one in found):
                meant = self._pins.choose(text, pinned, found)
            return Endpoint(meant, text, self.known().get(meant, KnownEndpoint(meant)).status)
        if len(found) == 1:
            if ask:
                self._pins.first_use(text, found[0].endpoint_id)
            return Endpoint(found[0].endpoint_id, found[0].name, found[0].status)
        raise self._ambiguous(text, found) if found else self._unknown(text, ask)

    def known(self) -> dict[str, KnownEndpoint]:
        """The remembered endpoints by id; sends no request."""
        if self._known is None:
            remembered: Iterable[KnownEndpoint] = ()
            if self._journal is not None:
                remembered = self._journal.ask(lambda db: db.endpoints(), [])
            self._known = {one.endpoint_id: one for one in remembered}
        return self._known

    def python_of(self, target: Target) -> str:
        """The Python version of a target, if it is known here; sends no request."""
        if target.local:
            return platform.python_version()
        known = self.about(target.endpoint.endpoint_id)
        return known.python if known is not None else ""

    def about(self, endpoint_id: str) -> KnownEndpoint | None:
        """One remembered endpoint, with what its workers have said since; sends no request."""
        heard: Iterable[KnownEndpoint] = ()
        if self._journal is not None:
            heard = self._journal.ask(lambda db: db.endpoints(), [])
        found = (one for one in heard if one.endpoint_id == endpoint_id)
        return next(found, self.known().get(endpoint_id))

    def names(self) -> list[str]:
        """Every name that can be resolved, for completion; sends no request."""
        listed = {one.name for one in self.known().values() if one.name}
        return [LOCAL_NAME, *sorted({*self.settings.aliases(), *listed} - {LOCAL_NAME})]

    def state(self, name: str) -> str:
        """An endpoint's last known state, or empty; sends no request."""
        key = self.settings.aliases().get(name, name)
        if key == LOCAL_NAME:
            return "online"
        found = {one.status for one in self.known().values() if key in (one.endpoint_id, one.name)}
        return found.pop() if len(found) == 1 else ""

    def refresh(self) -> list[KnownEndpoint] | None:
        """Ask the service for the endpoints that the user may use, those in the settings first;
        None if nobody is signed in."""
        client = self._client()
        if client is None:
            return None
        self._listed_at = now = time.time()
        replies = client.get_endpoints("any")
        listed = [_known(one, now) for one in replies]
        for known, reply in zip(listed, replies, strict=True):
            self._owner_ids[known.endpoint_id] = _owner_id(reply)
        for one in self.known().values():  # names that the service no longer lists
            if one.endpoint_id not in {new.endpoint_id for new in listed}:
                self.known()[one.endpoint_id] = replace(one, name="")
        self._remember(listed)
        first = {*self.settings.aliases().values(), self.settings.get("endpoint")}
        return sorted(listed, key=lambda one: first.isdisjoint((one.endpoint_id, one.name)))

    def owners(self, endpoint_ids: Sequence[str]) -> dict[str, str]:
        """The owners of endpoints: a username, or the identity's UUID if Globus Auth can't be
        asked; empty if the service doesn't tell. Asks for unknown ones."""
        client = self._client()
        if client is None:
            return dict.fromkeys(endpoint_ids, "")
        for one in endpoint_ids:
            if not self._owner_ids.get(one):
                with contextlib.suppress(ComputeError):
                    self._owner_ids[one] = _owner_id(client.get_endpoint_metadata(one))
        ids = {one: self._owner_ids.get(one, "") for one in endpoint_ids}
        names = client.login().usernames({owner for owner in ids.values() if owner})
        return {one: names.get(owner, owner) for one, owner in ids.items()}

    def status(self, endpoint: Endpoint) -> tuple[Endpoint, dict[str, Any]]:
        """The endpoint with its current state and the details that it reports; asks the service.

        Raises
        ------
        ServiceError
            The service doesn't know the endpoint, doesn't answer, or wants a login.
        """
        if endpoint.endpoint_id == LOCAL_ENDPOINT_ID:
            return replace(endpoint, status="online"), {}
        client = self._client()
        if client is None:
            return endpoint, {}
        shown = client.get_endpoint_status(endpoint.endpoint_id)
        python = client.endpoint_python(endpoint.endpoint_id)
        state = one_line(str(shown.get("status") or ""))
        found = replace(endpoint, status=state, python_version=one_line(python))
        name = "" if found.name in self.settings.aliases() else found.name  # that isn't its own
        self._remember(
            [KnownEndpoint(found.endpoint_id, name, found.status, python, at=time.time())]
        )
        return found, dict(shown.get("details") or {})

    def _named(self, name: str) -> list[KnownEndpoint]:
        limit = 0.0 if self._listed_at else time.time() - _KEPT_S
        return [one for one in self.known().values() if one.name == name and one.at > limit]

    def _remember(self, found: list[KnownEndpoint]) -> None:
        for one in found:
            old = self.known().get(one.endpoint_id, one)
            self.known()[one.endpoint_id] = replace(
                one,
                name=one.name or old.name,
                status=one.status or old.status,
                python=one.python or old.python,
                dill=one.dill or old.dill,
            )
        if self._journal is not None:
            self._journal.post(lambda db: db.remember_endpoints(found))

    def _ambiguous(self, name: str, found: list[KnownEndpoint]) -> UnknownEndpoint:
        owners = self.owners([one.endpoint_id for one in found])
        shown = ", ".join(
            f"{one.endpoint_id}{owned_by(owners[one.endpoint_id])} ({self._state(one)})"
            for one in found
        )
        return UnknownEndpoint(
            f"{len(found)} endpoints are called {name!r}: {shown}.",
            next_step="Use the UUID, or give it a name of its own: %gc use UUID --alias NAME.",
        )

    def _unknown(self, name: str, ask: bool) -> UnknownEndpoint:
        by_name = {one.name: one for one in self.known().values() if one.name}
        folded = {known.lower(): known for known in self.names()}
        close = difflib.get_close_matches(name.lower(), folded, n=_CLOSE, cutoff=0.5)
        shown = []
        for match in (folded[one] for one in close):
            known = by_name.get(match)
            state = self._state(known) if known and ask else ""
            shown.append(f"{match!r} ({state})" if state else repr(match))
        meant = f" Did you mean {' or '.join(shown)}?" if shown else ""
        why, first = "", ""
        if not self._listed_at and ask:
            why, first = " (not signed in: your endpoints aren't known here)", "%gc login, then "
        elif not self._listed_at:
            why = " that is known here (--dry-run asks nobody)"
        return UnknownEndpoint(
            f"{name!r} is no endpoint's name, alias or UUID{why}.{meant}",
            next_step=f"{first}%gc endpoints lists them; 'local' runs on this machine.",
        )

    def _state(self, endpoint: KnownEndpoint) -> str:
        try:
            found, _ = self.status(Endpoint(endpoint.endpoint_id, endpoint.name))
        except ComputeError:
            return "state unknown"
        return found.status or "state unknown"


def _owner_id(reply: Mapping[str, Any]) -> str:
    return one_line(str(reply.get("owner_id") or reply.get("owner") or ""), 100)


def _known(listed: dict[str, Any], now: float) -> KnownEndpoint:
    return KnownEndpoint(
        endpoint_id=one_line(str(listed.get("uuid") or "")),
        name=one_line(str(listed.get("display_name") or listed.get("name") or ""), 200),
        at=now,
    )
