# %%
from __future__ import annotations
import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Optional

@dataclass(order=True)
class Item:
    price: float
    name: str = field(compare=False)
    tags: list[str] = field(default_factory=list, compare=False)
    count: ClassVar[int] = 0

    def __post_init__(self):
        if self.price < 0:
            raise ValueError("negative price")

    @property
    def taxed(self) -> float:
        return self.price * (1 + TAX)

TAX = 0.25

# %%
items = [Item(3, "c"), Item(1, "a", ["x"]), Item(2, "b")]
sorted(items)

# %%
max(items).taxed, dataclasses.asdict(min(items))

# %%
class Point(NamedTuple):
    x: int
    y: int = 0

    def far(self) -> float:
        return (self.x ** 2 + self.y ** 2) ** 0.5

p = Point(3, 4)
p.far(), p._replace(y=0)

# %%
p

# %%
p.far() + Point(6, 8).far(), isinstance(p, tuple), p == (3, 4)

# %%
@dataclass(frozen=True)
class Order:
    items: tuple[Item, ...]
    customer: Optional[str] = None
    where: Point = Point(0)

    @property
    def total(self) -> float:
        return sum(item.price for item in self.items)

order = Order(tuple(items), where=p)

# %%
order.total, order.where.x, order.customer

# %% raises FrozenInstanceError
order.customer = "Ann"

# %%
changed = dataclasses.replace(order, customer="Bea")
changed.customer, [f.name for f in dataclasses.fields(changed)]

# %%
match order:
    case Order(items=(first, *_), where=Point(x=3)):
        print("first:", first.name)
    case _:
        print("something else")

# %% raises ValueError
Item(-1, "free")

# %%
def cheapest(stock: list[Item], below: float = TAX * 10) -> Item | None:
    return min((item for item in stock if item.price < below), default=None)

cheapest(items)
