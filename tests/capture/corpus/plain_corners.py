# %%
input = [1, 2, 3]
display = 4
open, exit = "yes", False

# %%
len(input), display + 1, open, exit

# %%
del display, input, exit
from gzip import open

# %%
open.__module__

# %%
del open
from functools import partial, singledispatch, wraps

class Outer:
    class Inner:
        def __init__(self, v): self.v = v
        def __repr__(self): return f"Inner({self.v})"
    class Error(Exception): pass
    def make(self): return self.Inner(3)

inner = Outer.Inner(1)

# %%
isinstance(inner, Outer.Inner), type(inner) is Outer.Inner

# %%
Outer().make()

# %%
isinstance(_, Outer.Inner)

# %% raises Error
raise Outer.Error("nested")

# %%
@singledispatch
def show(value): return "object"

@show.register
def _(value: int): return "int"

@show.register(list)
def _(value): return "list of " + " ".join(map(show, value))

# %%
show(1), show([1, "a"]), partial(show)(2)

# %%
def counted(function):
    @wraps(function)
    def counting(*args):
        counting.calls += 1
        return function(*args)
    counting.calls = 0
    return counting

@counted
def add(a, b=2): return a + b

# %%
add(1), add.calls

# %%
if show:
    def indented():
        return """a
        b"""
    def outdented():
        return """a
b"""

# %%
indented(), outdented()

# %% raises ApiError
class ApiError(Exception):
    code, reason = 404, "gone"
    def __init__(self, name, *, where):
        super().__init__(name)
        self.where = where
        self.more = (part for part in ())
    def __str__(self): return f"{self.args[0]} is not {self.where}"

def fetch(): raise ApiError("x", where="here")
fetch()

# %%
try:
    fetch()
except ApiError as error:
    seen = error.code, error.reason, error.where, str(error)
seen

# %% raises MemoryError
raise MemoryError("all of it")

# %% raises UnicodeDecodeError
b"\xff".decode()

# %% raises CalledProcessError
import subprocess
subprocess.run("exit 4", shell=True, check=True)

# %% raises CalledProcessError
%%bash
echo before
exit 2

# %%
%%bash -s one "two three"
echo $2 $1

# %%
def down(n): return [] if n == 0 else [n, *down(n - 1)]
count_down, down = down, None

# %% raises TypeError
count_down(1)

# %%
from __future__ import annotations
def ahead(value: NotYet) -> list[NotYet]: return [value]

# %%
ahead(1), ahead.__annotations__["value"]

# %%
from functools import update_wrapper

class Counting:
    def __init__(self, function):
        update_wrapper(self, function)
        self.function, self.calls = function, 0
    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)

@Counting
def square(x): return x * x

square(2)

# %%
square(3), square.calls

# %%
class Registering(type):
    known = {}
    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        Registering.known[name] = cls

class First(metaclass=Registering): pass
class Second(First): pass

# %%
sorted(Registering.known), Registering.known["Second"] is Second, Second.__mro__[1] is First
