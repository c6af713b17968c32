# %%
import pandas as pd, numpy as np

days = pd.date_range("2024-01-01", periods=60, freq="D")
rng = np.random.default_rng(7)
ts = pd.Series(rng.normal(size=60).cumsum(), index=days, name="level")

# %%
ts.head(3)

# %%
ts.resample("W").mean().round(3)

# %%
ts.rolling(7).mean().dropna().iloc[[0, -1]]

# %%
ts["2024-02"].agg(["min", "max"])

# %%
monthly = ts.groupby(ts.index.month).std()
monthly.to_dict()

# %%
ts.diff().abs().nlargest(3).index.strftime("%d %b").tolist()

# %%
stamp = pd.Timestamp("2024-03-10 12:00", tz="Europe/Oslo")
stamp.tz_convert("UTC"), stamp + pd.Timedelta(hours=36)

# %%
frame = ts.to_frame().assign(weekday=lambda f: f.index.day_name())
frame.groupby("weekday", sort=False)["level"].mean().idxmax()

# %%
ts.shift(1).corr(ts).round(4)

# %% raises KeyError
ts.loc["2030-01-01"]
