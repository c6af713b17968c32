"""Results past the service's limit, on real endpoints: they come in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

MOST = 10_000_000  # of a result, as the service counts


@pytest.fixture
def far(tmp_path: Path, loopback_session: Loopback) -> Iterator[Kernel]:
    made = Kernel(tmp_path, loopback_session.environment, cwd=tmp_path)
    made.ok("%load_ext gc_jupyter")
    made.ok("import numpy as np")
    yield made
    made.close()


@pytest.fixture
def there(loopback_session: Loopback) -> str:
    """An endpoint that has nothing yet."""
    return loopback_session.new_endpoint("inline", count=2)


def test_a_value_and_names(far: Kernel, there: str) -> None:
    cell = "a = np.arange(2_500_000.0)\nb = a[:1000]\nrows = [{'i': i} for i in range(500_000)]\na"
    far.ok(f"%%gcrun {there} --out b,rows,a\n{cell}")
    assert far.ok("float(_.sum()), _ is a, len(rows), rows[7]").text == (
        "(3124998750000.0, True, 500000, {'i': 7})"
    )
    assert far.ok("a[0] = 5; float(a[0]), len(b)").text == "(5.0, 1000)"


def test_calls_and_fan_outs(far: Kernel, there: str) -> None:
    far.ok(f"%%gcrun {there}\ndef many(n, x):\n    return np.full(n, x)")
    assert far.ok("float(many(1_500_000, 2.0).sum())").text == "3000000.0"
    assert far.ok("[float(x.sum()) for x in many.map([10, 1_500_000], [1.0, 3.0])]").text == (
        "[10.0, 4500000.0]"
    )
    assert far.ok("float(many.submit(1_250_000, 2.0).result()[-1])").text == "2.0"
    far.ok(f"%%gcrun {there} -q --map i=range(3) --out y\ny = np.full(1_250_000, float(i))")
    assert far.ok("[float(one[-1]) for one in y]").text == "[0.0, 1.0, 2.0]"


def test_a_cell_that_isnt_waited_for(far: Kernel, there: str) -> None:
    far.ok(f"%%gcrun {there} -a -q --future f --out z\nz = np.ones(1_250_000)\nz")
    assert far.ok("float(f.result().sum()), f.out['z'] is f.result()").text == "(1250000.0, True)"
    assert far.ok("z is f.result()").text == "True"


def test_displays(far: Kernel, there: str) -> None:
    cell = (
        "import base64, os\nfor i in range(2):\n"
        "    display({'image/png': base64.b64encode(os.urandom(3_600_000)).decode(),"
        " 'text/plain': str(i)}, raw=True)"
    )
    shown = far.ok(f"%%gcrun {there} -q\n{cell}")
    pictures = [one["data"] for one in shown.outputs if "image/png" in one.get("data", {})]
    assert [len(one["image/png"]) for one in pictures] == [4_800_000, 4_800_000]
    assert [one["text/plain"] for one in pictures] == ["0", "1"]
    assert shown.stream("stderr") == ""


def test_over_the_bound_it_stays_there(far: Kernel, there: str) -> None:
    far.ok("%gc config fetch_mb 15")
    shown = far.ok(f"%%gcrun {there} --out big,small\nbig = np.arange(3e6)\nsmall = 2\nbig")
    assert re.fullmatch(rf"<_: ndarray 3,000,000, 24\.0 MB, kept on {there} \d+ s ago>", shown.text)
    said = shown.stream("stderr")
    why = f"stays on {there}: it has 24.0 MB, which is over fetch_mb (%gc config)."
    assert f"big {why} Cells there may use it; its .fetch() brings it." in said
    assert f"The value {why}" in said
    assert far.ok(f"%%gcrun {there} -q\nfloat(big.sum()), _ is big").text == (
        "(4499998500000.0, True)"
    )
    assert far.ok("small, type(big).__name__").text == "(2, 'KeptValue')"
    assert far.ok("float(big.fetch().sum())").text == "4499998500000.0"
    rows = far.ok("%gc kept").stream("stdout")
    assert re.search(r"^big +ndarray 3,000,000 .* not by --keep, goes in 14 days", rows, re.M)
    far.ok(f"%%gcrun {there}\ndef many(n):\n    return np.ones(n)")
    assert far.ok("type(many(2_000_000)).__name__, type(many(9)).__name__").text == (
        "('KeptValue', 'ndarray')"
    )
    far.ok(f"%%gcrun {there} -q --map i=range(2) --out y\ny = np.full(2_000_000, i)")
    assert far.ok(f"%%gcrun {there} -q\n[int(one[0]) for one in y]").text == "[0, 1]"


def test_what_is_damaged_there_and_what_cant_be_kept(far: Kernel, there: str) -> None:
    far.ok("%gc config fetch_mb 5")
    far.ok(f"%%gcrun {there} -q --out big\nbig = np.arange(1_250_000.0)")
    far.ok("%gc config fetch_mb 100")
    far.ok(
        f"%%gcrun {there} -q --no-capture\nimport glob, os\n"
        "found = glob.glob(os.path.expanduser('~/.gc_jupyter/store/[0-9a-f]*'))\n"
        "os.truncate(max(found, key=os.path.getsize), 5)"
    )
    shown = far.run("big.fetch()")
    assert shown.error["ename"] == "ValuesMissing"
    assert "1 of a value's parts are not in /" in shown.traceback
    assert ".py" not in shown.traceback  # no inner frames
    far.ok(
        f"%%gcrun {there} -q --no-capture\nimport os, shutil\n"
        "home = os.path.expanduser('~/.gc_jupyter')\nshutil.rmtree(home)\nopen(home, 'w').close()"
    )
    shown = far.ok(f"%%gcrun {there} -q --out big,one\nbig, one = np.arange(1_250_000.0), 1")
    assert far.ok("one, type(big).__name__").text == "(1, 'Undecoded')"
    assert "it has 10.0 MB, and can't be kept there. The store /" in far.ok("big.reason").text


@pytest.mark.parametrize("kind", ["thread", "process", "parsl"])
def test_engines(far: Kernel, loopback_session: Loopback, kind: str) -> None:
    there = loopback_session.endpoint(kind)
    far.ok("a = np.arange(1_250_000.0)")
    far.ok(f"%%gcrun {there} -q --out b\nb = a + 1")
    assert far.ok("bool((b == a + 1).all())").text == "True"
