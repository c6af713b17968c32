# %%
class AppError(Exception):
    pass

class NotFound(AppError):
    def __init__(self, key, where):
        super().__init__(f"{key!r} is not in {where}")
        self.key = key

def lookup(table, key):
    try:
        return table[key]
    except KeyError as error:
        raise NotFound(key, sorted(table)) from error

# %%
try:
    lookup({"a": 1}, "b")
except AppError as error:
    kept = error.key, str(error), type(error.__cause__).__name__
kept

# %% raises NotFound
lookup({"x": 1, "y": 2}, "z")

# %% raises NotFound
values = {"a": 1}
total = 0
for key in "ab":
    total += lookup(values, key)
print("never")

# %%
def safe(function, *args):
    try:
        result = function(*args)
    except (ValueError, ZeroDivisionError) as error:
        return f"{type(error).__name__}: {error}"
    else:
        return result
    finally:
        print("tried", args)

safe(int, "12"), safe(int, "x"), safe(lambda n: 1 / n, 0)

# %% raises ZeroDivisionError
def ratio(a, b):
    return a / b

def ratios(pairs):
    return [ratio(*pair) for pair in pairs]

ratios([(1, 2),
        (3, 0)])

# %%
import contextlib

@contextlib.contextmanager
def noted(name):
    print("enter", name)
    try:
        yield name.upper()
    finally:
        print("leave", name)

with noted("a") as first, noted("b") as second:
    print(first, second)

# %%
with contextlib.suppress(KeyError):
    {}["nothing"]
    print("not printed")

# %% raises RuntimeError
with noted("c"):
    raise RuntimeError("inside")

# %% raises AttributeError
None.nothing

# %% raises TypeError
"a" + 1

# %% raises UnboundLocalError
def broken():
    print(later)
    later = 1
broken()

# %% raises SyntaxError
x = 1
y = = 2

# %%
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("careful", UserWarning)
[str(w.message) for w in caught]

# %% raises StopIteration
next(iter(()))

# %% raises ExceptionGroup
raise ExceptionGroup("several", [ValueError(1), TypeError("two")])
