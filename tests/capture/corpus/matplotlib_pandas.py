# %%
%matplotlib inline
import pandas as pd
import matplotlib.pyplot as plt

months = pd.DataFrame({"rain": [3, 5, 2, 8], "sun": [9, 7, 8, 4]}, index=["Jan", "Feb", "Mar", "Apr"])

# %%
months.plot();

# %%
ax = months.plot.bar(rot=0, title="Weather")
ax.set_ylabel("days")
ax.legend(loc="upper left")

# %%
def highlight(frame, column, *, above):
    fig, ax = plt.subplots()
    colours = ["red" if v > above else "grey" for v in frame[column]]
    ax.bar(frame.index, frame[column], color=colours)
    return fig

# %%
figure = highlight(months, "rain", above=4)

# %%
months["rain"].plot.hist(bins=3)
plt.xlabel("days")
months.rain.max()

# %%
from IPython.display import Markdown, display
display(months.T)
display("text", 3)

# %%
for name, column in months.items():
    print(name, column.idxmax())
    display(column.max())
