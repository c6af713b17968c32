"""Stand-ins for values that aren't here: their text, and how to fetch those that can be had."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gc_jupyter.capture.cell import SAFE_MIMES
from gc_jupyter.capture.events import as_bundle
from gc_jupyter.remote_text import harmless, one_line
from gc_jupyter.travel.store import megabytes


class Undecoded:
    """Stands for a value that stayed on the worker's side. It has the value's text, the reason, and
    the attributes that are plain values (also as its own: ``G.x``).

    Parameters
    ----------
    packed:
        The value's `repr` and `type`, the `reason`, and the `bundle` if the value was to be shown.
    attributes:
        The attributes that are numbers, text, or containers of these.
    mimes:
        The media types that may be shown beside text.
    endpoint:
        The endpoint where the value stayed.
    """

    def __init__(
        self,
        packed: Mapping[str, Any],
        mimes: Collection[str] = SAFE_MIMES,
        endpoint: str = "the endpoint",
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.attributes = dict(attributes or {})
        self.endpoint = endpoint
        self.text = harmless(str(packed["repr"]))
        self.type_name = one_line(str(packed["type"]))
        self.reason = str(packed["reason"])
        self._bundle = {**as_bundle(packed.get("bundle", {}), mimes), "text/plain": self.text}

    def __getattr__(self, name: str) -> Any:
        known = vars(self).get("attributes", {})
        if name in known and not name.startswith("_"):
            return known[name]
        raise AttributeError(f"{name!r} stayed on {self.endpoint} with {self.text:.80}")

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return self._bundle

    def gc_refusal(self) -> tuple[str, str]:
        """Why it can't be sent, and what to do."""
        return (
            f"its value ({self.type_name}) stayed on {self.endpoint}, and only its text is here:"
            f" {one_line(self.reason, 300)}",
            "Make it in this cell again, or keep it in a file there; --out brings back parts of it"
            " that are plain data.",
        )

    def __reduce__(self) -> Any:
        raise pickle.PicklingError(self.gc_refusal()[0])


class AtEndpoint(Undecoded):
    """Stands for a value that is in an endpoint's store and couldn't be fetched.

    Parameters
    ----------
    packed, mimes, endpoint:
        As for Undecoded. `reason` says why the value wasn't fetched.
    stored:
        The value's pickle and buffers; see `worker_side.storing.leave_in`.
    bring:
        Fetches it.
    """

    def __init__(
        self,
        packed: Mapping[str, Any],
        mimes: Collection[str],
        endpoint: str,
        stored: Mapping[str, Any],
        bring: Callable[[], Any],
    ) -> None:
        super().__init__(packed, mimes, endpoint)
        self.stored = dict(stored)
        self.size = size_of(stored)
        self._bring = bring
        what = f"{self.type_name.removeprefix('builtins.')}, {megabytes(self.size)}"
        self.text = f"<{what}, on {one_line(endpoint, 100)}; .fetch() brings it>"
        self._bundle = {"text/plain": self.text}

    def fetch(self) -> Any:
        """Fetch the value itself, in parts. An interrupt stops it; the parts that came are kept.

        Raises
        ------
        StoreRefused
            The value isn't there any more, or the store can't be used.
        Interrupted
            The user has stopped the transfer.
        """
        return self._bring()

    def gc_refusal(self) -> tuple[str, str]:
        """Why it can't be sent, and what to do."""
        return (
            f"its value ({self.type_name}, {megabytes(self.size)}) is on {self.endpoint}, not here",
            "Its .fetch() brings it.",
        )


def size_of(stored: Mapping[str, Any]) -> int:
    """Return the bytes of a pickle and its buffers, from the sizes of their parts."""
    return sum(int(one["size"]) for one in (stored["pickle"], *stored["buffers"]))
