# %%
from itertools import accumulate, chain, count, groupby, islice, product, takewhile

def primes():
    found = []
    for n in count(2):
        if all(n % p for p in takewhile(lambda p: p * p <= n, found)):
            found.append(n)
            yield n

# %%
list(islice(primes(), 12))

# %%
def pipeline(source, *stages):
    for stage in stages:
        source = stage(source)
    return source

def evens(numbers): return (n for n in numbers if n % 2 == 0)
def squares(numbers): return (n * n for n in numbers)

# %%
list(pipeline(range(10), evens, squares))

# %%
def average():
    total = n = 0
    value = None
    while True:
        value = yield value
        total, n = total + value, n + 1
        value = total / n

averager = average()
next(averager)
[averager.send(v) for v in (10, 20, 30)]

# %% refused averager
averager.send(40)

# %%
{key: list(group) for key, group in groupby("aabbbc")}

# %%
list(accumulate(range(1, 6), lambda a, b: a * b)), list(product("ab", [1, 2]))

# %%
class Countdown:
    def __init__(self, start): self.start = start
    def __iter__(self):
        n = self.start
        while n:
            yield n
            n -= 1
    def __len__(self): return self.start

list(Countdown(3)), len(Countdown(5)), max(Countdown(4))

# %%
def walk(tree):
    if isinstance(tree, (list, tuple)):
        for branch in tree:
            yield from walk(branch)
    else:
        yield tree

list(walk([1, [2, (3, [4])], 5]))

# %%
list(chain.from_iterable(Countdown(n) for n in range(4)))

# %%
import asyncio

async def later(value, wait=0):
    await asyncio.sleep(wait)
    return value * 2

await asyncio.gather(*(later(n) for n in range(4)))

# %%
async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i

[tick async for tick in ticks(3)]

# %%
async with asyncio.timeout(5):
    result = await later("x")
result

# %%
task = asyncio.create_task(later(5))
await task

# %%
both = asyncio.gather(later(1), later(2))
values = await both
sum(values)
