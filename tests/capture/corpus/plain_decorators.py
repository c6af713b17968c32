# %%
import functools, time
from functools import lru_cache, partial, singledispatch, wraps

calls = []

def logged(function):
    @wraps(function)
    def inner(*args, **kwargs):
        calls.append(function.__name__)
        return function(*args, **kwargs)
    return inner

def repeat(times):
    def decorator(function):
        @wraps(function)
        def inner(*args):
            return [function(*args) for _ in range(times)]
        return inner
    return decorator

# %%
@logged
def area(w, h=1):
    """Width times height."""
    return w * h

@repeat(times=3)
@logged
def hello(who):
    return f"hello {who}"

# %%
area(3, h=2), hello("you"), area.__doc__

# %%
calls

# %%
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

fib(60), fib.cache_info().misses

# %%
fib(80)

# %%
@singledispatch
def describe(value):
    return "something"

@describe.register
def _(value: int):
    return f"the number {value}"

@describe.register(list)
def _(value):
    return f"{len(value)} values"

describe(3), describe([1]), describe("x")

# %%
power = partial(pow, 2)
add_tax = partial(lambda rate, price: price * (1 + rate), 0.25)

# %%
power(10), add_tax(100)

# %%
class Memo:
    def __init__(self, function):
        self.function, self.known = function, {}
    def __call__(self, *args):
        if args not in self.known:
            self.known[args] = self.function(*args)
        return self.known[args]

@Memo
def slow_square(n):
    return n * n

[slow_square(n) for n in (2, 3, 2)], len(slow_square.known)

# %%
slow_square(4), sorted(slow_square.known)

# %%
class Cached:
    @functools.cached_property
    def value(self):
        print("computing")
        return 42

c = Cached()
c.value, c.value

# %%
c.value

# %%
def checked(cls):
    cls.checked = True
    return cls

@checked
class Plain:
    def name(self): return type(self).__name__

Plain().name(), Plain.checked

# %%
Plain.checked, Plain().name()

# %% raises TypeError
area()
