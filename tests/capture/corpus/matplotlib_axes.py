# %%
import matplotlib
import matplotlib.pyplot as plt
import matplotlib.dates as mdates
from matplotlib.ticker import FuncFormatter
import numpy as np
%config InlineBackend.figure_format = "png"
%matplotlib inline

# %%
rng = np.random.default_rng(1)
data = rng.normal(loc=[0, 1, 3], size=(50, 3))

# %%
fig, (left, right) = plt.subplots(ncols=2, figsize=(6, 2.5), constrained_layout=True)
left.boxplot(data)
right.scatter(data[:, 0], data[:, 1], c=data[:, 2], s=9)
right.grid(True)

# %%
def percent(value, _position):
    return f"{value:.0%}"

fig, ax = plt.subplots()
ax.yaxis.set_major_formatter(FuncFormatter(percent))
ax.plot([0, 0.5, 1])
ax.annotate("here", xy=(1, 0.5), xytext=(1.2, 0.2), arrowprops={"arrowstyle": "->"});

# %%
ax.get_xlim(), [line.get_ydata().tolist() for line in ax.lines]

# %%
with plt.rc_context({"lines.linewidth": 3, "axes.spines.top": False}):
    plt.fill_between(range(5), [1, 2, 1, 3, 2], alpha=0.3)
    plt.step(range(5), [1, 2, 1, 3, 2], where="mid")

# %%
plt.rcParams["figure.figsize"] = (3, 2)
plt.pie([3, 1], labels=["yes", "no"], autopct="%d%%")
plt.show()
plt.rcdefaults()

# %%
ax = plt.figure().add_subplot(projection="polar")
ax.plot(np.linspace(0, 6, 40), np.linspace(0, 1, 40));

# %%
x = y = np.linspace(-2, 2, 20)
X, Y = np.meshgrid(x, y)
contours = plt.contourf(X, Y, np.exp(-(X**2) - Y**2), levels=5)
plt.colorbar(contours)
contours.levels.round(2)

# %%
figures = []
for power in (1, 2):
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.plot(x, x**power)
    figures.append(figure)
    plt.close(figure)
len(figures)

# %% raises ValueError
plt.plot([1, 2, 3], [1, 2])
