# %%
def greet(name="you", *names, sep=", ", **marks):
    return sep.join([name, *names]) + marks.get("end", "!")

# %%
greet(), greet("a", "b", sep="+", end="?")

# %%
def outer(n):
    def inner(k):
        return k * n if k < 3 else outer(n - 1)(k - 1)
    return inner

# %%
outer(5)(4)

# %%
triple = outer(3)
triple(2), triple.__name__

# %%
def counter():
    count = 0
    def step(by=1):
        nonlocal count
        count += by
        return count
    return step

tick = counter()
tick(), tick(10)

# %%
tick()

# %%
is_even = lambda n: n == 0 or is_odd(n - 1)
is_odd = lambda n: n != 0 and is_even(n - 1)

# %%
is_even(10), is_odd(10)

# %%
table = {"add": lambda a, b: a + b, "mul": lambda a, b: a * b, "neg": lambda a, _: -a}
{name: operation(6, 7) for name, operation in table.items()}

# %%
def apply_twice(f, x): return f(f(x))
apply_twice(lambda v: v ** 2, 3)

# %%
def gcd(a, b):
    return a if not b else gcd(b, a % b)

def lcm(a, b):
    return a * b // gcd(a, b)

import functools
functools.reduce(lcm, range(1, 15))

# %%
def hanoi(n, a="A", b="B", c="C"):
    if n:
        yield from hanoi(n - 1, a, c, b)
        yield a + c
        yield from hanoi(n - 1, b, a, c)

# %%
list(hanoi(3))

# %% raises TypeError
greet(1, 2)

# %% raises RecursionError
def forever(n): return forever(n + 1)
forever(0)
