# %%
import enum
from enum import Enum, auto

class Suit(Enum):
    CLUBS = "c"
    HEARTS = "h"

    @property
    def red(self):
        return self is Suit.HEARTS

class Rank(enum.IntEnum):
    TWO = 2
    THREE = auto()
    ACE = 14

class Flag(enum.Flag):
    READ = auto()
    WRITE = auto()

# %%
list(Suit), Suit("h").red, Rank.THREE

# %%
hand = [(Rank.ACE, Suit.CLUBS), (Rank.TWO, Suit.HEARTS)]

# %%
sorted(hand), [suit.red for _, suit in hand]

# %%
hand[0][1] is Suit.CLUBS, {Suit.HEARTS: 1}[hand[1][1]]

# %%
mode = Flag.READ | Flag.WRITE

# %%
Flag.READ in mode, mode & Flag.WRITE

# %% raises ValueError
Suit("x")

# %%
class Planet(Enum):
    EARTH = (5.97, 6.37)
    MARS = (0.642, 3.39)

    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius

    def gravity(self, G=66.7):
        return round(G * self.mass / self.radius ** 2, 1)

# %%
{planet.name: planet.gravity() for planet in Planet}

# %%
match hand[0]:
    case (Rank.ACE, Suit() as suit):
        found = f"ace of {suit.name.lower()}"
    case _:
        found = None
found
