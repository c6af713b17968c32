# %%
import numpy as np

# %%
a = np.arange(12).reshape(3, 4)
a

# %%
a[:, 1], a[1:, ::2], a[-1, -1]

# %%
a.sum(axis=0), a.mean(axis=1), a.max()

# %%
a[a % 2 == 0]

# %%
b = a.T @ a
b.shape, b.trace()

# %%
row = np.array([10, 20, 30, 40])
a + row, a * row[:, None].T

# %%
np.concatenate([a, row[None, :]]), np.vstack((a, a)).shape

# %%
c = a.copy()
c[c > 5] = -1
print(c)

# %%
np.where(a > 5, a, 0)

# %% raises ValueError
a + np.ones(5)

# %% raises IndexError
print(a.shape)
a[3]
