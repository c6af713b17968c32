# %%
import sqlite3, hashlib, base64, zlib, struct, uuid, decimal, fractions, operator
from decimal import Decimal
from fractions import Fraction

rows = [("pen", 2, 1.5), ("book", 1, 12.0), ("cup", 4, 3.25)]

# %%
with sqlite3.connect(":memory:") as db:
    db.execute("create table shop (name text, n int, price real)")
    db.executemany("insert into shop values (?, ?, ?)", rows)
    total = db.execute("select sum(n * price) from shop").fetchone()[0]
total

# %% refused db
db.execute("select 1")

# %%
hashlib.sha256(b"jupyter").hexdigest()[:16], base64.b64encode(b"\x00\xff")

# %%
packed = struct.pack(">IhB", 1024, -2, 7)
packed, struct.unpack(">IhB", packed)

# %%
zlib.decompress(zlib.compress(packed * 100)) == packed * 100

# %%
decimal.getcontext().prec = 6
Decimal(1) / Decimal(7), Fraction(3, 4) + Fraction("0.1")

# %%
sorted(rows, key=operator.itemgetter(2), reverse=True)[0][0]

# %%
half = Fraction(1, 2)
half ** 3, complex(half) * 1j, bytes(3), bytearray(b"ab"), range(2, 9, 3), slice(1, None)

# %%
uuid.uuid5(uuid.NAMESPACE_DNS, "example.org")

# %%
import threading, queue
from concurrent.futures import ThreadPoolExecutor

def slow_square(n):
    return n * n

with ThreadPoolExecutor(3) as pool:
    squares = list(pool.map(slow_square, range(5)))
squares

# %%
class Tally:
    def __init__(self):
        self.lock, self.count = threading.RLock(), 0
    def add(self):
        with self.lock:
            self.count += 1

tally = Tally()
tally.add()

# %%
threads = [threading.Thread(target=tally.add) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
tally.count

# %%
results = queue.Queue()
worker = threading.Thread(target=lambda: [results.put(n) for n in range(3)])
worker.start(); worker.join()
results.qsize(), [results.get() for _ in range(3)]

# %% raises OverflowError
float(10) ** 1000

# %%
import inspect
inspect.getsource(slow_square)

# %%
print(inspect.signature(slow_square), slow_square.__doc__, slow_square.__module__)
