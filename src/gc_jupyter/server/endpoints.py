"""The endpoints that the panel lists: remembered ones, and with a login those of the service."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gc_jupyter.auth.storage import may_be_kept
from gc_jupyter.client import Client
from gc_jupyter.errors import ComputeError
from gc_jupyter.journal import Journal, KnownEndpoint
from gc_jupyter.server.messages import Endpoint, Endpoints
from gc_jupyter.session.directory import STATES_AT_ONCE, Directory
from gc_jupyter.settings import Settings
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME
from gc_jupyter.types import Endpoint as Named

_NOBODY = ("Nobody is signed in.", "%gc login in a notebook signs in.")
#: On Binder, where a login stays in the memory of the kernel.
_IN_KERNELS = (
    "In a Binder session each kernel signs in for itself. This list has what kernels know.",
    "After a sign-in, %gc endpoints in the notebook adds yours.",
)


def list_endpoints(
    settings: Settings,
    journal: Journal,
    client: Client,
    *,
    ask: bool,
    owners: Mapping[str, str] | None = None,
) -> Endpoints:
    """The answer to `GET endpoints`. It blocks, and never asks a person to sign in.

    Parameters
    ----------
    settings, journal:
        Where aliases, the default endpoint and earlier facts about endpoints are read.
    client:
        A client with the user's login.
    ask:
        Whether to ask the service for names, owners, and the states of the first few endpoints.
    owners:
        Endpoint id -> its owner, as far as known from earlier requests.
    """
    signed_in, who, default, problem, next_step = False, "", "", "", ""
    aliases: dict[str, str] = {}
    whose = dict(owners or {})

    def signed() -> Client | None:
        return None if client.login().required else client

    directory = Directory(settings, signed, journal)
    try:
        for error in settings.problems():
            problem, next_step = error.reason, error.next_step
        aliases = {endpoint: name for name, endpoint in settings.aliases().items()}
        default = str(settings.get("endpoint") or "")
        user = signed()
        signed_in = user is not None
        if user is None:
            if not problem:
                problem, next_step = _NOBODY if may_be_kept(os.environ) else _IN_KERNELS
        else:
            login = user.login()
            who = login.username or login.source
            if ask:
                first = (directory.refresh() or [])[:STATES_AT_ONCE]
                for one in first:
                    directory.status(Named(one.endpoint_id, one.name))
                whose |= directory.owners([one.endpoint_id for one in first])
                login.identity()
                who = login.username or who
    except ComputeError as error:
        problem, next_step = error.reason, error.next_step or ""
    known = directory.known()
    site = settings.site()
    local = KnownEndpoint(LOCAL_ENDPOINT_ID, LOCAL_NAME, "online")
    listed = [local, *(one for one in known.values() if one.name)]
    unnamed = aliases.keys() - {one.endpoint_id for one in listed} - {LOCAL_NAME}
    listed += [known.get(key, KnownEndpoint(key)) for key in sorted(unnamed)]
    return {
        "signed_in": signed_in,
        "who": who,
        "default": default,
        "problem": problem,
        "next_step": next_step,
        "notice": site.notice,
        "notice_link": site.notice_link,
        "endpoints": [_shown(one, aliases, whose) for one in listed],
    }


def _shown(one: KnownEndpoint, aliases: Mapping[str, str], owners: Mapping[str, str]) -> Endpoint:
    key = LOCAL_NAME if one.endpoint_id == LOCAL_ENDPOINT_ID else one.endpoint_id
    return {
        "endpoint_id": one.endpoint_id,
        "name": one.name,
        "alias": aliases.get(key, ""),
        "status": one.status,
        "python": one.python,
        "owner": owners.get(one.endpoint_id, ""),
        "at": one.at,
    }
