# %%
from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypedDict, TypeVar, Union, get_type_hints, overload

T = TypeVar("T")
Number = Union[int, float]

class Stack(Generic[T]):
    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items: list[T] = list(items)

    def push(self, item: T) -> Stack[T]:
        self._items.append(item)
        return self

    def pop(self) -> T:
        return self._items.pop()

    def __len__(self) -> int:
        return len(self._items)

# %%
stack: Stack[int] = Stack([1]).push(2)
stack.pop(), len(stack)

# %%
len(stack), Stack[str]("ab").pop()

# %%
class Movie(TypedDict, total=False):
    title: str
    year: int

film: Movie = {"title": "M", "year": 1931}
film["year"], sorted(Movie.__annotations__)

# %%
Movie(title="N"), film

# %%
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...

    @property
    @abc.abstractmethod
    def name(self) -> str: ...

    def describe(self) -> str:
        return f"{self.name} of {self.area():.1f}"

class Square(Shape):
    name = "square"
    def __init__(self, side: Number) -> None:
        self.side = side
    def area(self) -> float:
        return float(self.side**2)

# %%
Square(3).describe(), isinstance(Square(1), Shape)

# %% raises TypeError
Shape()

# %%
class Speaks(Protocol):
    def speak(self, times: int = ...) -> str: ...

class Dog:
    def speak(self, times: int = 1) -> str:
        return " ".join(["woof"] * times)

def chorus(animals: list[Speaks], n: int = 2) -> list[str]:
    return [animal.speak(n) for animal in animals]

chorus([Dog(), Dog()])

# %%
chorus([Dog()], 1), get_type_hints(chorus)["n"].__name__

# %%
def compose(*functions: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def composed(value: Any) -> Any:
        for function in functions:
            value = function(value)
        return value
    return composed

shout = compose(str, str.strip, str.upper, lambda s: s + "!")

# %%
shout("  hi "), compose()(3)

# %%
def first(items: Iterable[T], default: T | None = None) -> T | None:
    return next(iter(items), default)

first([]), first("abc"), first.__annotations__["items"]
