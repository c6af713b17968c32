# %%
rows = [[1, 2, 3], [4, 5, 6]]
limit = 4
x = "kept"

# %%
[x for row in rows for x in row if x > limit], x

# %%
{x: y for x, y in zip("abc", range(limit))}

# %%
[[row[i] for row in rows] for i in range(3)]

# %%
any((hit := value) > limit for row in rows for value in row), hit

# %%
sum(x * y for x, y in zip(*rows)), {len(r) for r in rows}

# %%
pairs = ((a, b) for a in range(3) for b in range(a))
list(pairs), list(pairs)

# %%
f = [lambda v, k=k: v + k for k in range(3)]
[g(10) for g in f]

# %%
f[2](limit)

# %%
class Grid:
    size = 3
    cells = [n for n in range(size)]
    names = dict.fromkeys("ab", size)

Grid.cells, Grid.names

# %%
[(lambda y: y * limit)(y) for y in range(3)]

# %%
flat = [cell for row in rows for cell in row]
while (n := flat.pop()) > 3: pass
n, flat

# %%
first, *middle, last = flat_again = [cell for row in rows for cell in row]
first, middle, last, flat_again is not rows

# %%
print(*(f"{i}:{v}" for i, v in enumerate(rows[0], start=1)), sep="\n")

# %%
next((r for r in rows if sum(r) > 100), "none")

# %% raises NameError
[value for value in valeus]
