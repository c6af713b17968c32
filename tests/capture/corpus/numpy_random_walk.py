# %%
import numpy as np
from numpy.random import default_rng

SEED = 12
STEPS, WALKERS = 200, 30

# %%
rng = default_rng(SEED)
steps = rng.choice([-1, 1], size=(WALKERS, STEPS))
walks = steps.cumsum(axis=1)
walks[:, -1]

# %%
def first_passage(walk, level=5):
    hits = np.abs(walk) >= level
    return int(hits.argmax()) if hits.any() else None

# %%
times = [first_passage(w) for w in walks]
sum(t is None for t in times), np.median([t for t in times if t is not None])

# %%
spread = walks.std(axis=0)
exponent, _ = np.polyfit(np.log(np.arange(1, STEPS + 1)), np.log(spread), 1)
round(exponent, 3)

# %%
rng.normal(size=3)

# %%
rng.normal(size=2), rng.permutation(5)

# %%
np.percentile(walks[:, -1], [5, 50, 95])

# %%
np.random.seed(0)
np.random.rand(2, 2)

# %%
%%time
total = 0
for walk in walks:
    total += walk.max()
