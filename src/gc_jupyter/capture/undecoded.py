"""What stands for a value that isn't here: its text, and how to bring it where it can be had."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gc_jupyter.capture.cell import SAFE_MIMES
from gc_jupyter.capture.events import as_bundle
from gc_jupyter.remote_text import harmless, one_line
from gc_jupyter.travel.store import megabytes


class Undecoded:
    """Stands for a value that stays on the worker's side: its text, its attributes that are plain
    values (also as its own: ``G.x``), and why.

    Parameters
    ----------
    packed:
        The value's `repr`, `type`, `reason`, and `bundle` where it was to be shown.
    attributes:
        Those that are numbers, text, or containers of such.
    mimes:
        What may be shown beside text.
    endpoint:
        Where the value stayed.
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
    """A value that is in an endpoint's store, and couldn't be fetched.

    Parameters
    ----------
    packed, mimes, endpoint:
        As for Undecoded; `reason` says why it wasn't fetched.
    stored:
        Its pickle and buffers; see `worker_side.storing.leave_in`.
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
        """The value itself, which comes in parts; an interrupt stops it, and what came stays.

        Raises
        ------
        StoreRefused
            It isn't there any more, or the store can't be used.
        Interrupted
            The user has stopped it.
        """
        return self._bring()

    def gc_refusal(self) -> tuple[str, str]:
        """Why it can't be sent, and what to do."""
        return (
            f"its value ({self.type_name}, {megabytes(self.size)}) is on {self.endpoint}, not here",
            "Its .fetch() brings it.",
        )


def size_of(stored: Mapping[str, Any]) -> int:
    """Bytes of a pickle and its buffers, as their parts have them."""
    return sum(int(one["size"]) for one in (stored["pickle"], *stored["buffers"]))
