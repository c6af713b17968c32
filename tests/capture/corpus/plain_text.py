# %%
name, width, amount = "Ann", 10, 1234.5678
nested = {"k": [1, 2]}

# %%
f"{name:>{width}}|{amount:,.2f}|{name!r:^{width}}|{nested['k'][0]:03d}"

# %%
f"{amount=:.1f} {{literal}} {'in' + name} {[n * 2 for n in nested['k']]}"

# %%
"%-6s|%6.1f|%x" % (name, amount, 255), "{0} {n}".format(name, n=width)

# %%
from string import Template
Template("$who has $amount").substitute(who=name, amount=amount)

# %%
import textwrap
poem = """
    Roses are red,
      violets are blue.
"""
print(textwrap.dedent(poem).strip())

# %%
poem.split(), poem.strip().splitlines()[1].lstrip().capitalize()

# %%
"größe".encode("utf-8"), "naïve café ☕".upper(), "ß".casefold()

# %%
print("tab\there", r"raw\n", "two\nlines", sep=" | ", end=" <end>\n")

# %%
import re
re.sub(r"(\d+)", lambda m: str(int(m[1]) * width), "3 apples and 12 pears")

# %%
text = f"""{name}
    has {amount:.0f} '''quotes''' and "quotes"
"""
text

# %%
'''three ''' + "\\ backslash \x41 \N{DEGREE SIGN}"

# %% raises UnicodeEncodeError
"naïve".encode("ascii")
