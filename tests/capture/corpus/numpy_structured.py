# %%
import numpy as np

people = np.array([("Ada", 36, 1.7), ("Bob", 25, 1.8), ("Cy", 41, 1.65)],
                  dtype=[("name", "U10"), ("age", "i4"), ("height", "f8")])

# %%
people["name"], people["age"].mean()

# %%
people[people["age"] > 30]["name"].tolist()

# %%
np.sort(people, order="age")

# %%
names = np.char.upper(people["name"])
names

# %%
dates = np.arange("2024-02-27", "2024-03-02", dtype="datetime64[D]")
dates, np.diff(dates)

# %%
masked = np.ma.masked_less(people["height"], 1.68)
masked.mean(), masked

# %%
image = np.zeros((4, 4, 3), dtype=np.uint8)
image[1:3, 1:3] = [255, 0, 0]
image.sum(axis=(0, 1))

# %%
grid = np.meshgrid(np.arange(2), np.arange(3), indexing="ij")
[g.tolist() for g in grid]

# %%
f = np.vectorize(lambda age, height: f"{age}/{height:.1f}")
f(people["age"], people["height"])

# %%
total = np.frompyfunc(lambda p, q: p + q, 2, 1).reduce(people["age"].astype(object))
total
