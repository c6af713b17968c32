# %%
import collections
from collections import ChainMap, Counter, defaultdict, deque, namedtuple

Student = namedtuple("Student", ["name", "mark", "year"], defaults=[1])
students = [Student("Ann", 1.3), Student("Bo", 2.7, 2), Student("Cy", 1.0, 2)]

# %%
students[0], students[1]._asdict(), Student._fields

# %%
by_year = defaultdict(list)
for student in students:
    by_year[student.year].append(student.name)
by_year

# %%
by_year[3], dict(by_year)

# %%
best, *rest = sorted(students, key=lambda s: s.mark)
best.name, len(rest)

# %%
queue = deque(maxlen=3)
for n in range(5):
    queue.append(n)
queue.rotate(1)
queue

# %%
queue.popleft(), len(queue)

# %%
settings = ChainMap({"colour": "red"}, {"colour": "blue", "size": 3})
settings["colour"], settings["size"], settings.maps[1]

# %%
letters = Counter("mississippi")
letters - Counter("miss"), letters.total()

# %%
class Bag(collections.UserDict):
    def __missing__(self, key):
        return 0
    def add(self, *things):
        for thing in things:
            self[thing] += 1
        return self

bag = Bag().add("a", "b", "a")
bag

# %%
bag.add("c")["a"], bag["zz"], isinstance(bag, Bag)

# %%
from heapq import heappush, heappop, nlargest
heap = []
for mark, name in ((s.mark, s.name) for s in students):
    heappush(heap, (mark, name))
[heappop(heap)[1] for _ in range(len(heap))], nlargest(2, students, key=lambda s: s.mark)[0].name
