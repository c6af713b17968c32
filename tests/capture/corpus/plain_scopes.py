# %%
level = 1
history = []

def raise_level(by=1):
    global level
    level += by
    history.append(level)
    return level

# %%
raise_level(), raise_level(5), level

# %%
def define():
    global made_later
    made_later = level * 100

define()
made_later

# %%
def shadow(level):
    history = [level]
    return history

shadow(9), level, history

# %%
if level > 100:
    def choice(): return "high"
else:
    def choice(): return "low"

choice()

# %%
choice(), choice.__name__

# %%
for index in range(3):
    last = index
index, last

# %%
del last
"last" in globals(), index

# %%
try:
    undefined_name
except NameError as error:
    text = str(error)
text

# %%
list, dict = [1], "shadowed"
len(list), dict

# %%
del list, dict
list("ab")

# %%
import math as m, os.path as osp
from collections import OrderedDict as OD, abc

def use():
    return m.floor(2.5), osp.join("a", "b"), OD(a=1)["a"], issubclass(OD, abc.Mapping)

use()

# %%
use()[0] + m.ceil(0.5)

# %%
from math import *
floor(pi), gcd(12, 18)

# %%
def radius(area):
    return sqrt(area / pi)

radius(pi * 4)

# %%
with open("/dev/null") as stream:
    size = len(stream.read())
size

# %% refused stream
stream.closed

# %%
a = b = c = [0]
b += [1]
a is c, a

# %%
a is b, (a, c)

# %%
exec("dynamic = level + 1")
dynamic

# %%
eval("level * 2"), [eval(f"index + {n}") for n in range(3) if index]

# %%
_ = 5
__name__, _ + 1
