# %%
import random
import statistics as st

class Dice:
    rolled = 0

    def __init__(self, sides=6, *, seed=None):
        self.sides = sides
        self.random = random.Random(seed)

    def roll(self, n=1):
        Dice.rolled += n
        return [self.random.randint(1, self.sides) for _ in range(n)]

dice = Dice(seed=1)

# %%
dice.roll(5)

# %%
Dice.rolled, dice.roll(3)

# %%
Dice.rolled

# %%
rolls = dice.roll(1000)
st.mean(rolls), round(st.stdev(rolls), 3), st.mode(rolls)

# %%
BOARD = """
.#.
..#
###
"""

def parse(board):
    return {(x, y) for y, line in enumerate(board.split()) for x, c in enumerate(line) if c == "#"}

def step(alive):
    near = [(x + dx, y + dy) for x, y in alive for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
    return {cell for cell in near if near.count(cell) == 3 or (near.count(cell) == 2 and cell in alive)}

# %%
alive = parse(BOARD)
for _ in range(4):
    alive = step(alive)
sorted(alive)

# %%
def show(alive, size=5):
    for y in range(size):
        print("".join("#" if (x, y) in alive else "." for x in range(size)))

show(alive)

# %%
class Rabbit:
    def __init__(self, age=0): self.age = age
    def grown(self): return [Rabbit(self.age + 1)] + ([Rabbit()] if self.age > 0 else [])

meadow = [Rabbit()]
sizes = []
for month in range(8):
    sizes.append(len(meadow))
    meadow = [young for rabbit in meadow for young in rabbit.grown()]
sizes

# %%
max(rabbit.age for rabbit in meadow), sum(r.age == 0 for r in meadow)

# %%
random.seed(10)
inside = sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(2000))
4 * inside / 2000
