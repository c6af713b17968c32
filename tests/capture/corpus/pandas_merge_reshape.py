# %%
import pandas as pd
from io import StringIO

# %%
text = """id,name,team
1,Ann,red
2,Bea,blue
3,Cid,red
"""
people = pd.read_csv(StringIO(text), index_col="id")
people

# %%
scores = pd.DataFrame([(1, "run", 9.5), (1, "jump", 4.0), (2, "run", 8.9), (4, "run", 7.0)],
                      columns=["id", "event", "score"])

# %%
people.merge(scores, left_index=True, right_on="id", how="left")

# %%
both = people.reset_index().merge(scores, on="id", how="outer", indicator=True)
both["_merge"].value_counts()

# %%
wide = scores.pivot(index="id", columns="event", values="score")
wide

# %%
wide.reset_index().melt(id_vars="id").dropna()

# %%
pd.concat({"a": people, "b": people}, names=["copy"]).loc["b"].shape

# %%
people["team"].map({"red": "#f00", "blue": "#00f"}).str.upper()

# %%
people.apply(lambda row: f"{row['name']} ({row.team})", axis=1).tolist()

# %%
print(people.to_csv(), end="")

# %%
json_text = people.to_json(orient="records")
pd.read_json(StringIO(json_text)).equals(people.reset_index(drop=True))

# %% raises MergeError
people.merge(scores, left_index=True, right_on="id", validate="one_to_one")

# %%
exploded = pd.DataFrame({"k": ["x", "y"], "v": [[1, 2], [3]]}).explode("v")
exploded.groupby("k").size()
