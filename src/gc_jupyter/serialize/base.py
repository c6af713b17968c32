"""SerializationStrategy: an identifier, a way to write values and a way to read them.

The registry of strategies by identifier is filled when a class is defined and never changes after.
"""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar, TypeGuard

from gc_jupyter.errors import DeserializationError, SerdeError, SerializationError
from gc_jupyter.remote_text import harmless
from gc_jupyter.serialize.buffers import pack_buffers, unpack_buffers

#: Two characters and a newline start every buffer.
IDENTIFIER_LENGTH = 3


class SerializationStrategy(ABC):
    """One way to write values as text.

    Subclasses give `identifier`, `for_code`, `encode` and `decode`. `serialize` and `deserialize`
    put the identifier in front, and are the one place where whatever `encode` and `decode` raise
    becomes an error of this package.
    """

    #: Two characters and a newline, as on the wire.
    identifier: ClassVar[str]
    #: Whether this strategy is for callables; the others are for every other value.
    for_code: ClassVar[bool]
    #: Whether reading a payload runs what its sender has put into it, as pickles and sources do.
    runs_code: ClassVar[bool] = True
    #: What a user can do when this strategy can't write a value.
    encode_advice: ClassVar[str] = ""
    #: What a user can do when this strategy can't read a payload.
    decode_advice: ClassVar[str] = ""

    _known: ClassVar[dict[str, SerializationStrategy]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not hasattr(cls, "identifier"):
            return
        if len(cls.identifier) != IDENTIFIER_LENGTH or not cls.identifier.endswith("\n"):
            raise ValueError(
                f"The identifier of {cls.__name__} must be two characters and a newline, "
                f"not {cls.identifier!r}."
            )
        owner = cls._known.get(cls.identifier)
        if owner is not None:
            raise ValueError(
                f"Identifier {cls.identifier!r} is already used by {type(owner).__name__}."
            )
        cls._known[cls.identifier] = cls()

    @classmethod
    def get_cached_by_id(cls, identifier: str) -> SerializationStrategy | None:
        """The strategy with this identifier, or None.

        Parameters
        ----------
        identifier:
            Two characters and a newline.
        """
        return cls._known.get(identifier)

    @classmethod
    def get_cached_by_class(cls, type_: type[SerializationStrategy]) -> SerializationStrategy:
        """The one instance of a strategy class.

        Parameters
        ----------
        type_:
            The class.
        """
        return cls._known[type_.identifier]

    def encode(self, value: Any) -> str:
        """The text of a value, without the identifier. May raise anything.

        Parameters
        ----------
        value:
            As for `serialize`.
        """
        raise NotImplementedError(f"{type(self).__name__} can't serialize")

    def decode(self, body: str) -> Any:
        """The value of a text without its identifier. May raise anything.

        Parameters
        ----------
        body:
            What `encode` returned.
        """
        raise NotImplementedError(f"{type(self).__name__} can't deserialize")

    def serialize(self, data: Any) -> str:
        """Write a value as text.

        Parameters
        ----------
        data:
            A callable where `for_code`, any other value where not.

        Returns
        -------
        str
            The identifier, then the value's text.

        Raises
        ------
        SerializationError
            This strategy can't write this value; the cause is chained.
        """
        try:
            return self.identifier + self.encode(data)
        except Exception as exc:
            kind = "Code" if self.for_code else "Data"
            raise SerializationError(
                f"{kind} serialization strategy {type(self).__name__} failed: {explain(exc)}",
                next_step=getattr(exc, "next_step", "") or self.encode_advice,
            ) from exc

    def deserialize(self, payload: str) -> Any:
        """Read what `serialize` wrote.

        Parameters
        ----------
        payload:
            The identifier, then the value's text.

        Raises
        ------
        DeserializationError
            The payload is another strategy's, is damaged, or its value can't be rebuilt here; what
            rebuilding raised is chained.
        """
        body = self.chomp(payload)
        try:
            return self.decode(body)
        except Exception as exc:
            raise DeserializationError(
                f"{type(self).__name__} can't read this payload: {explain(exc)}",
                next_step=_decode_step(exc) or self.decode_advice,
            ) from exc

    def chomp(self, payload: str) -> str:
        """A payload without this strategy's identifier; DeserializationError if it has another.

        Parameters
        ----------
        payload:
            As for `deserialize`.
        """
        if not payload.startswith(self.identifier):
            raise DeserializationError(
                f"Buffer does not start with the identifier {self.identifier!r} of "
                f"{type(self).__name__}: {payload[:20]!r}",
                next_step="Use ComputeSerializer().deserialize, which finds the strategy itself.",
            )
        return payload[IDENTIFIER_LENGTH:]


class ComboSerializationStrategy(SerializationStrategy, ABC):
    """Several strategies' texts of one value in one payload; the first readable one counts."""

    encode_advice = "Each strategy gives its own reason above."
    decode_advice = "The payload was damaged on its way: fetch or serialize it again."

    #: In the order of preference.
    strategies: ClassVar[list[type[SerializationStrategy]]]

    def encode(self, value: Any) -> str:
        buffers = []
        failures = Failures()
        for kind in self.strategies:
            with failures:
                buffers.append(self.get_cached_by_class(kind).serialize(value))
        if not buffers:
            raise failures.error(SerializationError, "Serialization errors")
        return self.join(buffers)

    def decode(self, body: str) -> Any:
        failures = Failures()
        for buffer in self.split(body):
            with failures:
                strategy = self.get_cached_by_id(buffer[:IDENTIFIER_LENGTH])
                if not self._may_hold(strategy):
                    raise DeserializationError(
                        f"Invalid strategy identifier: {buffer[:IDENTIFIER_LENGTH]!r}"
                    )
                return strategy.deserialize(buffer)
        raise failures.error(DeserializationError, "Deserialization errors")

    def _may_hold(self, strategy: SerializationStrategy | None) -> TypeGuard[SerializationStrategy]:
        """Whether a combined strategy may hold another one: data within data, code within code,
        nothing within itself."""
        if strategy is None or isinstance(strategy, ComboSerializationStrategy):
            return False
        return strategy.for_code == self.for_code

    def join(self, buffers: list[str]) -> str:
        """One body of the strategies' texts.

        Parameters
        ----------
        buffers:
            Each with its identifier.
        """
        return pack_buffers(buffers)

    def split(self, body: str) -> list[str]:
        """The strategies' texts of one body.

        Parameters
        ----------
        body:
            What `join` returned.
        """
        return unpack_buffers(body)


class Failures:
    """Collects the errors of attempts, each made in a `with` block of this object."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, exc: BaseException | None, trace: Any) -> bool:
        if not isinstance(exc, Exception):
            return False
        self.errors.append(exc)
        return True

    def error(self, kind: type[SerdeError], title: str) -> SerdeError:
        """One error that lists the reasons of all attempts, the last one chained."""
        reasons = "".join(f"\n* {explain(exc)}" for exc in self.errors) or "\n* nothing to try"
        steps = [step for exc in self.errors if (step := getattr(exc, "next_step", ""))]
        error = kind(f"{title}:{reasons}", next_step=steps[-1] if steps else "")
        error.__cause__ = self.errors[-1] if self.errors else None
        return error


def explain(exc: BaseException) -> str:
    """An exception in one line: the reason of our own errors, type and text of others."""
    if isinstance(exc, SerdeError):
        return exc.reason
    text = harmless(str(exc))
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _decode_step(exc: Exception) -> str:
    step: str = getattr(exc, "next_step", "")
    if not step and isinstance(exc, ImportError) and exc.name:
        return (
            f"Install {exc.name.partition('.')[0]!r} in this environment, "
            "or have the function return plain values."
        )
    return step
