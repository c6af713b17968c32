# %%
%matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

# %%
x = np.linspace(0, 2 * np.pi, 50)
plt.plot(x, np.sin(x), label="sin")
plt.plot(x, np.cos(x), "--", label="cos")
plt.legend();

# %%
fig, ax = plt.subplots(figsize=(4, 3))
ax.plot(x, x**2)
ax.set_xlabel("x")
ax.set_title("A parabola")

# %%
fig

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, f in zip(axes, (np.sin, np.cos)):
    ax.plot(x, f(x))
    ax.set(title=f.__name__)
plt.show()
print("done")

# %%
plt.hist(np.random.default_rng(0).normal(size=100), bins=5)

# %%
def curve(a, *, points=30):
    t = np.linspace(-a, a, points)
    return t, t**3 - t

for a in (1, 2):
    plt.figure()
    plt.plot(*curve(a))
    plt.title(f"a = {a}")
    plt.show()

# %%
with plt.style.context("ggplot"):
    fig, ax = plt.subplots()
    ax.bar(["a", "b", "c"], [3, 1, 2])
    display(fig)
    plt.close(fig)

# %%
plt.imshow(np.outer(x, x), cmap="viridis")
plt.colorbar()
plt.axis("off")
