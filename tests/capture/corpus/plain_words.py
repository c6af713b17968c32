# %%
import re
from collections import Counter

text = """It was a bright cold day, and the clocks were striking. The day was cold;
the clocks were bright. A clock struck, and another clock struck."""

# %%
words = re.findall(r"[a-z]+", text.lower())
len(words), words[:4]

# %%
counts = Counter(words)
for word, count in counts.most_common(4):
    print(f"{word:<8}{count:>3}")

# %%
STOP = {"the", "a", "and", "it", "was", "were"}
interesting = {w: c for w, c in counts.items() if w not in STOP and c > 1}
interesting

# %%
def stem(word):
    """A very small stemmer."""
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word[: -len(ending)]
    return word


def stems(words):
    return Counter(map(stem, words))

# %%
stems(words).most_common(3)

# %%
sorted(interesting, key=lambda w: (-interesting[w], w))

# %%
max(words, key=len), min((w for w in words if len(w) > 3), key=len)

# %% raises KeyError
by_length = {}
for word in words:
    by_length.setdefault(len(word), set()).add(word)
print(sorted(by_length))
by_length[40]

# %%
Out[2][0] if False else _
