# %%
import csv, io, json, os, pathlib, tempfile
from pathlib import Path

records = [{"name": "Ann", "age": 31, "langs": ["py", "c"]}, {"name": "Bo", "age": 27, "langs": []}]

# %%
text = json.dumps(records, indent=1, sort_keys=True)
print(text)

# %%
json.loads(text) == records

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "people.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["name", "age"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(records)
    lines = path.read_text().splitlines()
    size = path.stat().st_size
lines, size

# %%
def read_people(source):
    return [{**row, "age": int(row["age"])} for row in csv.DictReader(source)]

read_people(lines)

# %%
p = pathlib.PurePosixPath("/data/run-3/out.tar.gz")
p.stem, p.suffixes, p.parent.name, p.with_suffix("").name

# %%
class Upper(json.JSONEncoder):
    def default(self, value):
        return sorted(value) if isinstance(value, set) else super().default(value)

json.dumps({"s": {3, 1}}, cls=Upper)

# %% raises TypeError
json.dumps({"s": {3, 1}})

# %% raises JSONDecodeError
json.loads('{"name": }')

# %% raises FileNotFoundError
open("/no/such/file.txt")

# %%
buffer = io.StringIO()
print("kept", file=buffer)
print("in memory", file=buffer)

# %%
buffer.getvalue().splitlines()

# %%
import pickle, copy
again = pickle.loads(pickle.dumps(records))
deep = copy.deepcopy(records)
deep[0]["langs"].append("rust")
again == records, deep == records

# %%
name = "/tmp/gc_jupyter_corpus.txt"
!rm -f {name}

# %%
%%writefile -a /tmp/gc_jupyter_corpus.txt
one
two

# %%
!sort -u {name}

# %%
!rm -f $name; ls $name 2> /dev/null || echo gone
