"""A user's own module: what tests submit from it has to travel by value."""

from __future__ import annotations

import abc
import collections
import concurrent.futures
import dataclasses
import enum
import functools
import math
import xml.etree.ElementTree
from typing import Generic, NamedTuple, TypeVar

from tests.serialize import sample_helpers
from tests.serialize.sample_helpers import Thing, halve

FACTOR = 3
BIG = b"never to be sent" * 1_000_000
counter = 0


def scale(x: float, factor: int = 2) -> float:
    return math.floor(x) * FACTOR * factor


def is_even(n: int) -> bool:
    return True if n == 0 else is_odd(n - 1)


def is_odd(n: int) -> bool:
    return False if n == 0 else is_even(n - 1)


def count() -> int:
    global counter
    counter += 1
    return counter


def shared_globals() -> tuple[int, int, int]:
    count()
    sample_helpers.bump()
    return count(), sample_helpers.bump(), sample_helpers.state


def attribute_named_like_a_global(x: object) -> str:
    class Holder:
        BIG = 7

    return f"{x}{Holder.BIG}"


def uses_submodules() -> tuple[str, str]:
    tag = xml.etree.ElementTree.fromstring("<a/>").tag
    return tag, concurrent.futures.ThreadPoolExecutor.__name__


def uses_helpers(x: int) -> tuple[float, float, int]:
    return halve(x), sample_helpers.halve(x + 1), Thing(x).doubled().value


def make_power(n: int):  # type: ignore[no-untyped-def]
    def power(x: int, k: int = n) -> int:
        return 1 if k == 0 else x * power(x, k - 1)

    return power


def make_module_user():  # type: ignore[no-untyped-def]
    from tests.serialize import sample_helpers as local_name

    return lambda x: local_name.halve(x)


class Color(enum.Enum):
    RED = 1
    GREEN = 2
    VERT = 2

    def next(self) -> Color:
        return Color.GREEN

    @property
    def square(self) -> int:
        return int(self.value) ** 2


class Planet(enum.Enum):
    EARTH = (1, 2)

    def __init__(self, mass: int, radius: int) -> None:
        self.mass = mass
        self.radius = radius


class Mode(str, enum.Enum):
    FAST = "fast"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


def uses_enums() -> list[object]:
    both = Access.READ | Access.WRITE
    return [
        Color.RED.next().name,
        Color.GREEN.square,
        Color.VERT.name,
        Planet.EARTH.radius,
        Mode.FAST.upper(),
        both.value,
    ]


@dataclasses.dataclass(order=True)
class Point:
    x: int
    tags: list[str] = dataclasses.field(default_factory=list)

    def __add__(self, other: Point) -> Point:
        return Point(self.x + other.x, self.tags + other.tags)


class Base(abc.ABC):
    def __init__(self) -> None:
        self.made = [kind.__name__ for kind in REGISTRY]

    @abc.abstractmethod
    def name(self) -> str: ...


class Derived(Base):
    def __init__(self) -> None:
        super().__init__()
        self.done = True

    def name(self) -> str:
        return type(self).__name__


REGISTRY = [Derived, Point]  # holds a class whose own method uses it
Pair = collections.namedtuple("Pair", "left right")


T = TypeVar("T", bound=object)


class Box(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value

    @functools.cached_property
    def doubled(self) -> list[T]:
        return [self.value] * 2


class Named(NamedTuple):
    first: str
    last: str = "Doe"

    def full(self) -> str:
        return f"{self.first} {self.last}"


def uses_typing() -> list[object]:
    return [Box[int](2).doubled, Named("Jane").full()]


def uses_classes() -> list[object]:
    try:
        Base()  # type: ignore[abstract]
    except TypeError:
        abstract = True
    derived = Derived()
    return [derived.name(), derived.made, derived.done, abstract, Pair(1, 2)._asdict()]


def add_points(*points: Point) -> Point:
    return functools.reduce(lambda a, b: a + b, points)


def things() -> list[object]:
    return [Point(3), [Thing(4)], {"pair": Pair(1, 2)}]


def add(a: int, b: int = 0) -> int:
    return a + b


cached_add = functools.lru_cache(add)


class Machine:
    k = 5

    def run(self, x: int) -> int:
        return self.k + x

    def __call__(self, x: int) -> int:
        return self.k * x


def fails(x: int) -> float:
    return halve(x) / 0


def raises_own() -> None:
    raise sample_helpers.OwnError("no luck")
