# %%
import pandas as pd

sales = pd.DataFrame({
    "shop": list("AABBCCAB"),
    "item": ["tea", "milk", "tea", "tea", "milk", "tea", "tea", "milk"],
    "units": [3, 5, 2, 8, 1, 4, 6, 2],
    "price": [2.5, 1.2, 2.4, 2.4, 1.3, 2.6, 2.5, 1.1],
})
sales["total"] = sales.units * sales.price

# %%
sales.groupby("shop")["total"].sum()

# %%
by_item = sales.groupby("item")
by_item.agg(units=("units", "sum"), price=("price", "mean")).round(2)

# %%
for name, group in by_item:
    print(name, len(group), group["total"].max())

# %%
pd.pivot_table(sales, index="shop", columns="item", values="units", aggfunc="sum", fill_value=0)

# %%
sales["share"] = sales.groupby("shop")["total"].transform(lambda s: s / s.sum())
sales[["shop", "share"]].round(3)

# %%
def best(group, by="total"):
    return group.loc[group[by].idxmax(), "item"]

# %%
{shop: best(group) for shop, group in sales.groupby("shop")}

# %%
sales.groupby("shop").apply(best, by="units", include_groups=False)

# %%
pd.crosstab(sales["shop"], sales["item"])

# %%
pd.cut(sales["units"], bins=[0, 2, 5, 10], labels=["few", "some", "many"]).value_counts()

# %%
sales.set_index(["shop", "item"]).loc[("A", "tea")]
