# %%
import pandas as pd
import numpy as np

df = pd.DataFrame({
    "city": ["Oslo", "Rome", "Oslo", "Lima", "Rome", "Lima"],
    "year": [2020, 2020, 2021, 2020, 2021, 2021],
    "rain": [70.5, 80.1, 66.0, 1.2, np.nan, 0.9],
})

# %%
df.head()

# %%
df.info()

# %%
df.describe()

# %%
df.isna().sum()

# %%
df["rain"].fillna(df["rain"].mean()).round(1)

# %%
df[df.year == 2021].sort_values("rain", ascending=False)

# %%
df.query("rain > 50 and city == 'Oslo'")

# %%
limit = 50
df.query("rain > @limit")[["city", "rain"]]

# %%
df.assign(wet=lambda d: d["rain"] > limit, decade=df.year // 10 * 10)

# %%
df.iloc[1:3, :2], df.loc[0, "city"], df.at[1, "rain"]

# %% raises KeyError
df["snow"]

# %%
df.dtypes
