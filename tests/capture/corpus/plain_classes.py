# %%
class Account:
    """Money, with a history."""

    currency = "EUR"
    opened = 0

    def __init__(self, owner, balance=0):
        self.owner = owner
        self._balance = balance
        self.history = []
        type(self).opened += 1

    @property
    def balance(self):
        return self._balance

    @balance.setter
    def balance(self, value):
        if value < 0:
            raise ValueError(f"{self.owner} has only {self._balance} {self.currency}")
        self.history.append(value - self._balance)
        self._balance = value

    @classmethod
    def joint(cls, *owners):
        return cls(" and ".join(owners))

    @staticmethod
    def rate(years):
        return 0.01 * years

    def __repr__(self):
        return f"{type(self).__name__}({self.owner!r}, {self.balance})"

# %%
a = Account("Ann", 10)
a.balance += 5
a, a.history, Account.rate(3)

# %%
Account.joint("Bo", "Cy")

# %%
class Savings(Account):
    def __init__(self, *args, interest=0.02, **kwargs):
        super().__init__(*args, **kwargs)
        self.interest = interest

    def year(self):
        self.balance *= 1 + self.interest
        return self

# %%
s = Savings("Di", 100).year().year()
round(s.balance, 2), isinstance(s, Account), Savings.__mro__[1].__name__

# %%
a

# %% raises ValueError
a.balance -= 100

# %%
class Shape:
    registry = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Shape.registry[cls.__name__.lower()] = cls

class Square(Shape):
    def __init__(self, side): self.side = side
    def area(self): return self.side ** 2

class Disc(Shape):
    def __init__(self, radius): self.radius = radius
    def area(self): return round(3.14159 * self.radius ** 2, 2)

# %%
sorted(Shape.registry), [kind(2).area() for kind in Shape.registry.values()]

# %%
class Vector:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, other): return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, k): return Vector(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __eq__(self, other): return (self.x, self.y) == (other.x, other.y)
    def __hash__(self): return hash((self.x, self.y))
    def __repr__(self): return f"({self.x}, {self.y})"

v = Vector(1, 2)

# %%
2 * v + v, v == Vector(1, 2), {v: "here"}[Vector(1, 2)]

# %%
sum([v, v, v], Vector(0, 0))

# %% raises AttributeError
v.z = 3

# %%
class Meta(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.made_by = cls.__name__
        return made

class Thing(metaclass=Meta): pass

# %%
Thing().made_by, type(Thing).__name__
