# %%
import heapq
import math
import random
from bisect import bisect_left, insort

# %%
def quicksort(values):
    if len(values) < 2:
        return values
    pivot, *rest = values
    return quicksort([v for v in rest if v < pivot]) + [pivot] + quicksort([v for v in rest if v >= pivot])

random.seed(4)
quicksort(random.sample(range(100), 10))

# %%
GRAPH = {"a": {"b": 7, "c": 3}, "b": {"d": 2}, "c": {"b": 1, "d": 8}, "d": {}}

def shortest(graph, source):
    distances = {source: 0}
    queue = [(0, source)]
    while queue:
        distance, node = heapq.heappop(queue)
        if distance > distances[node]:
            continue
        for other, length in graph[node].items():
            if (new := distance + length) < distances.get(other, math.inf):
                distances[other] = new
                heapq.heappush(queue, (new, other))
    return distances

# %%
shortest(GRAPH, "a")

# %%
def change(amount, coins=(1, 5, 10, 25)):
    best = [0] + [math.inf] * amount
    for value in range(1, amount + 1):
        best[value] = min(best[value - coin] + 1 for coin in coins if coin <= value)
    return best[amount]

[change(n) for n in (4, 30, 99)]

# %%
def permutations(items):
    if not items:
        yield []
    for i, item in enumerate(items):
        for rest in permutations(items[:i] + items[i + 1:]):
            yield [item, *rest]

sum(1 for _ in permutations(list("abcd"))), next(permutations([3, 1]))

# %%
def queens(n, columns=()):
    if len(columns) == n:
        return 1
    row = len(columns)
    return sum(queens(n, (*columns, c)) for c in range(n)
               if all(c != d and abs(c - d) != row - r for r, d in enumerate(columns)))

[queens(n) for n in range(1, 7)]

# %%
def binary_search(values, wanted):
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted: low = middle + 1
        else: high = middle
    return low if low < len(values) and values[low] == wanted else -1

ordered = sorted({n * n % 97 for n in range(50)})
binary_search(ordered, 16) == bisect_left(ordered, 16), binary_search(ordered, -5)

# %%
insort(ordered, 17)
ordered[10:14]

# %%
memo = {}
def ackermann(m, n):
    if (m, n) not in memo:
        memo[m, n] = n + 1 if m == 0 else ackermann(m - 1, 1) if n == 0 else ackermann(m - 1, ackermann(m, n - 1))
    return memo[m, n]

ackermann(2, 3), len(memo)

# %%
len(memo), ackermann(2, 2)

# %%
def sieve(limit):
    flags = bytearray([1]) * (limit + 1)
    flags[:2] = 0, 0
    for n in range(2, math.isqrt(limit) + 1):
        if flags[n]:
            flags[n * n::n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n, flag in enumerate(flags) if flag]

sieve(50)
