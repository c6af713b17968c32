"""ComputeSerializer: chooses the strategy for a value, and finds the one that a payload names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gc_jupyter.errors import DeserializationError, SerializationError
from gc_jupyter.serialize.base import IDENTIFIER_LENGTH, Failures, SerializationStrategy
from gc_jupyter.serialize.buffers import pack_buffers, unpack_buffers
from gc_jupyter.serialize.concretes import DEFAULT_STRATEGY_CODE, DEFAULT_STRATEGY_DATA
from gc_jupyter.serialize.strategylike import (
    DeserializerAllowlist,
    Strategylike,
    parse_allowlist,
    validate_strategylike,
)


class ComputeSerializer:
    """Writes values as text that endpoints read, and reads what they send.

    Drop-in for `globus_compute_sdk.serialize.ComputeSerializer`.

    Parameters
    ----------
    strategy_code:
        The strategy for callables: an instance, a class, or an import path; DillCode if None.
    strategy_data:
        The strategy for all other values; DillDataBase64 if None.
    allowed_deserializer_types:
        Strategies that may read payloads, with at least one for code and one for data, or the
        wildcards of `AllowlistWildcard`. All may if None or empty.

    Raises
    ------
    SerdeError
        A strategy is unknown or of the wrong kind, or the list of allowed ones is incomplete.
    """

    def __init__(
        self,
        strategy_code: Strategylike | None = None,
        strategy_data: Strategylike | None = None,
        *,
        allowed_deserializer_types: DeserializerAllowlist | None = None,
    ) -> None:
        self.code_serializer: SerializationStrategy = (
            DEFAULT_STRATEGY_CODE
            if strategy_code is None
            else validate_strategylike(strategy_code, for_code=True).instance
        )
        self.data_serializer: SerializationStrategy = (
            DEFAULT_STRATEGY_DATA
            if strategy_data is None
            else validate_strategylike(strategy_data, for_code=False).instance
        )
        self.allowed_deserializer_types = parse_allowlist(allowed_deserializer_types)

    def serialize(self, data: Any) -> str:
        """Write a value as text, callables by the code strategy and others by the data strategy.

        Parameters
        ----------
        data:
            Any value.

        Raises
        ------
        SerializationError
            The strategy can't write it.
        """
        strategy = self.code_serializer if callable(data) else self.data_serializer
        return strategy.serialize(data)

    def deserialize(self, payload: str) -> Any:
        """Read text that any `ComputeSerializer` wrote, by the strategy that it names.

        Runs whatever code a pickle in it asks for: deserialize only what you trust the sender of.

        Parameters
        ----------
        payload:
            An identifier, and a value's text.

        Raises
        ------
        DeserializationError
            The payload names no strategy, or one that is not allowed, or can't be read here.
        """
        strategy = self._strategy_of(payload)
        self.assert_deserializer_allowed(strategy)
        return strategy.deserialize(payload)

    def deserialize_result(self, payload: str) -> Any:
        """As `deserialize`, for what an endpoint sends.

        Reading code runs it, and a list of allowed strategies must name one for code. So if all
        data strategies of the list are harmless, as JSONData is, a result that is code is refused.

        Parameters
        ----------
        payload:
            As for `deserialize`.

        Raises
        ------
        DeserializationError
            As `deserialize`.
        """
        strategy = self._strategy_of(payload)
        data = [kind for kind in self.allowed_deserializer_types if not kind.for_code]
        if strategy.for_code and data and not any(kind.runs_code for kind in data):
            names = ", ".join(sorted(kind.__name__ for kind in data))
            raise DeserializationError(
                f"The result is a function ({type(strategy).__name__}), and reading one runs what "
                f"the endpoint has put into it. Allowed for results: {names}",
                next_step="Return plain values, or allow a data strategy that runs code.",
            )
        return self.deserialize(payload)

    @staticmethod
    def _strategy_of(payload: str) -> SerializationStrategy:
        strategy = None
        if isinstance(payload, str):
            strategy = SerializationStrategy.get_cached_by_id(payload[:IDENTIFIER_LENGTH])
        if strategy is None:
            raise DeserializationError(
                f"Invalid header: {payload[:IDENTIFIER_LENGTH]!r} in data payload"
                if isinstance(payload, str)
                else f"A payload is text, not {type(payload).__name__}",
                next_step="It was not made by a known serialization strategy: fetch it again, "
                "or look for a newer gc-jupyter.",
            )
        return strategy

    @staticmethod
    def pack_buffers(buffers: Iterable[str]) -> str:
        """Join serialized texts into one; see `unpack_buffers`.

        Parameters
        ----------
        buffers:
            Texts as `serialize` returns them.
        """
        return pack_buffers(buffers)

    @staticmethod
    def unpack_buffers(packed_buffer: str) -> list[str]:
        """Split what `pack_buffers` joined; DeserializationError if it is malformed.

        Parameters
        ----------
        packed_buffer:
            As `pack_buffers` returns it.
        """
        return unpack_buffers(packed_buffer)

    def unpack_and_deserialize(self, packed_buffer: str) -> list[Any]:
        """Read a task's body: function, positional arguments and keyword arguments.

        Parameters
        ----------
        packed_buffer:
            Three packed buffers.

        Raises
        ------
        DeserializationError
            There are not exactly three buffers, or one can't be read.
        """
        buffers = unpack_buffers(packed_buffer)
        if len(buffers) != 3:
            raise DeserializationError(
                f"Unpack expects 3 buffers, got {len(buffers)}",
                next_step="A task is the buffers of function, args and kwargs, in this order.",
            )
        return [self.deserialize(buffer) for buffer in buffers]

    def check_strategies(
        self, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """Send a call through this serializer and back, without submitting it.

        Parameters
        ----------
        function, args, kwargs:
            As for `Executor.submit`.

        Returns
        -------
        list
            The function, the tuple of args and the dict of kwargs as a worker would see them.

        Raises
        ------
        SerializationError, DeserializationError
            The strategies can't carry this call. The cause is chained.
        """
        try:
            packed = pack_buffers([self.serialize(part) for part in (function, args, kwargs)])
        except SerializationError as exc:
            raise SerializationError(
                f"check_strategies failed to serialize: {exc.reason}", next_step=exc.next_step
            ) from exc
        try:
            return self.unpack_and_deserialize(packed)
        except DeserializationError as exc:
            raise DeserializationError(
                f"check_strategies failed to deserialize: {exc.reason}", next_step=exc.next_step
            ) from exc

    @staticmethod
    def serialize_from_list(data: Any, strategies: Iterable[Strategylike]) -> str:
        """Write a value by the first of several strategies that can.

        Parameters
        ----------
        data:
            Any value.
        strategies:
            In order of preference; the defaults if empty.

        Raises
        ------
        SerializationError
            None can; the reason lists why.
        """
        failures = Failures()
        for strategy in strategies or (DEFAULT_STRATEGY_DATA, DEFAULT_STRATEGY_CODE):
            with failures:
                chosen = validate_strategylike(strategy, for_code=callable(data))
                return chosen.instance.serialize(data)
        raise failures.error(SerializationError, "All strategies failed")

    def assert_deserializer_allowed(self, strategy: SerializationStrategy) -> None:
        """Raise DeserializationError if the list of allowed strategies leaves this one out.

        Parameters
        ----------
        strategy:
            The one that a payload names.
        """
        allowed = self.allowed_deserializer_types
        if not allowed or type(strategy) in allowed:
            return
        kind, what = ("Code", "function") if strategy.for_code else ("Data", "arguments")
        names = ", ".join(sorted(allow.__name__ for allow in allowed))
        raise DeserializationError(
            f"{kind} serializer {type(strategy).__name__} disabled by current configuration, "
            f"which requires the {what} to be serialized with an allowed {kind} class. "
            f"Allowed serializers: {names}",
            next_step="Serialize with one of these, or allow this one.",
        )
