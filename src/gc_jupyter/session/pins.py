"""Pin endpoint names to the endpoint of their first use, as ssh pins a host to its key.

The owner of an endpoint chooses its name, and several endpoints can have the same name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from gc_jupyter.errors import UnknownEndpoint
from gc_jupyter.journal.database import KnownEndpoint
from gc_jupyter.remote_text import one_line
from gc_jupyter.settings import Known, Pinned

#: Endpoints' UUIDs -> their owners, in words.
Owners = Callable[[Sequence[str]], Mapping[str, str]]


class Pins:
    """Decides which endpoint a name means.

    Parameters
    ----------
    known:
        The record of the user's decisions.
    owners:
        Asks for the owners of endpoints; an unknown owner is empty text.
    say:
        Shows a line.
    """

    def __init__(self, known: Known, owners: Owners, say: Callable[[str], object]) -> None:
        self._known = known
        self._owners = owners
        self._say = say

    def pinned(self, name: str) -> Pinned | None:
        """The endpoint that a name was first used for.

        Raises
        ------
        SettingsError
            The record can't be read.
        """
        return self._known.names().get(name)

    def first_use(self, name: str, endpoint_id: str) -> None:
        """Pin a name that only one endpoint has, and that was never used before."""
        owner = self._owners([endpoint_id])[endpoint_id]
        self._known.pin(name, Pinned(endpoint_id, owner))
        self._say(
            f"{one_line(name, 200)} is {endpoint_id}{owned_by(owner)}. This is remembered: another"
            " endpoint of that name isn't used without a word of yours."
        )

    def choose(self, name: str, pinned: Pinned, found: Sequence[KnownEndpoint]) -> str:
        """The endpoint to use if other endpoints have the name, too: asks the user, where that is
        possible.

        Raises
        ------
        UnknownEndpoint
            The user can't be asked, or has chosen none. The error says what to type.
        """
        from gc_jupyter.auth.flow import may_prompt

        ids = sorted(one.endpoint_id for one in found)
        owners = self._owners(ids)
        before = f"{one_line(name, 200)} was {pinned.endpoint}{owned_by(pinned.owner)} until now"
        listed = [f"{endpoint_id}{owned_by(owners[endpoint_id])}" for endpoint_id in ids]
        chosen = _ask(before, listed) if may_prompt(None, os.environ) else 0
        if not chosen:
            verb = "is" if len(ids) == 1 else "are"
            raise UnknownEndpoint(
                f"{before}, and now {len(ids)} {verb} listed under this name: {'; '.join(listed)}.",
                next_step=f"Say which one you mean: %gc use UUID --alias {one_line(name, 200)}.",
            )
        endpoint_id = ids[chosen - 1]
        others = tuple(one for one in ids if one != endpoint_id)
        self._known.pin(name, Pinned(endpoint_id, owners[endpoint_id], others))
        return endpoint_id


def owned_by(owner: str) -> str:
    """The text after an endpoint's UUID that names its owner; empty where that is unknown."""
    return f", owned by {owner}" if owner else ""


def _ask(before: str, listed: Sequence[str]) -> int:
    """Ask for the number of the endpoint to use from now on; 0 for none."""
    lines = [f"{before}. Under this name there is now:"]
    lines += [f"  {at}: {one}" for at, one in enumerate(listed, 1)]
    lines.append("The number of the one to use from now on (nothing: none): ")
    try:
        given = input("\n".join(lines)).strip()
    except (EOFError, OSError, NotImplementedError):  # a front end without stdin
        return 0
    return int(given) if given.isdecimal() and 0 < int(given) <= len(listed) else 0
