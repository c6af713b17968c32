# %%
import re
import pandas as pd

raw = pd.DataFrame({
    "Name ": [" ann LEE", "bob  ray", None, "Cy Ode"],
    "Phone": ["555-1234", "(555) 9876", "n/a", "5551111"],
    "Paid": ["yes", "No", "YES", ""],
    "Amount": ["1,200.50", "80", "-", "3,000"],
})

# %%
df = raw.rename(columns=lambda c: c.strip().lower())
df.columns.tolist()

# %%
DIGITS = re.compile(r"\d+")

def phone(text):
    found = "".join(DIGITS.findall(text or ""))
    return found if len(found) == 7 else pd.NA

def amount(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return float("nan")

# %%
df["phone"] = df["phone"].map(phone)
df["amount"] = df["amount"].map(amount)
df

# %%
df["name"] = df["name"].str.strip().str.replace(r"\s+", " ", regex=True).str.title()
df["paid"] = df["paid"].str.lower().map({"yes": True, "no": False}).astype("boolean")
df

# %%
report = {column: int(df[column].isna().sum()) for column in df}
report

# %%
clean = df.dropna(subset=["name"]).drop_duplicates("name")
clean["amount"].sum(), len(clean)

# %%
print(clean.to_string(index=False, na_rep="?"))

# %% raises ValueError
raw["Amount"].astype(float)

# %%
with pd.option_context("display.max_rows", 2):
    print(df)
