"""What goes wrong with a store, made for real: accounts, disks, folders and bytes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gc_jupyter.travel.store import name_of
from tests.magics.conftest import Kernel
from tests.service import handle
from tests.service.handle import Loopback
from tests.travel.test_store import as_root, mounted

MB_5 = "np.random.default_rng(1).random(625_000)"
MB_10 = "np.random.default_rng(4).random(1_250_000)"
MB_20 = "np.random.default_rng(2).random(2_500_000)"
Start = Callable[..., str]


@pytest.fixture
def far(tmp_path: Path, loopback_session: Loopback) -> Iterator[Kernel]:
    made = kernel_of(tmp_path, loopback_session)
    yield made
    made.close()


def kernel_of(home: Path, loopback: Loopback) -> Kernel:
    made = Kernel(home, loopback.environment, cwd=home)
    made.ok("%load_ext gc_jupyter")
    made.ok(f"import numpy as np\nsmall = {MB_5}\nlarge = {MB_20}")
    return made


@pytest.fixture
def start(tmp_path: Path, loopback_session: Loopback) -> Start:
    """Makes an endpoint whose workers are started by a shell's words, with a store of its own."""

    def make(words: str = "", store: str = "", count: int = 1) -> str:
        script = tmp_path / f"start{len(list(tmp_path.glob('start*')))}"
        script.write_text(f'#!/bin/sh\n{words or "exec"} {loopback_session.endpoint_python} "$@"\n')
        script.chmod(0o755)
        environment = {"GC_JUPYTER_STORE": store or str(tmp_path / "store")}
        return loopback_session.new_endpoint(
            "inline", python=str(script), environment=environment, count=count
        )

    return make


def refused(kernel: Kernel, cell: str) -> str:
    """The one line that a cell is refused with."""
    shown = kernel.run(cell)
    assert shown.error["ename"] in ("StoreRefused", "ValuesMissing"), shown.outputs
    assert "Traceback" not in shown.traceback
    return " ".join(shown.traceback.split())


def half_written(folder: Path) -> list[str]:
    return [one for one in os.listdir(folder) if one.startswith(".part")]


def test_no_file_may_be_large(far: Kernel, start: Start, tmp_path: Path) -> None:
    """As a quota of the account's: the limit strikes in the middle of a part."""
    there = start("ulimit -f 9000; exec")  # 4.6 MB
    text = refused(far, f"%%gcrun {there} -q\nlen(large)")
    assert "can't be written (File too large): name another folder by GC_JUPYTER_STORE" in text
    assert half_written(tmp_path / "store") == []
    cell = f"import numpy as np\nkept = {MB_20}\nsmall = 5"
    shown = far.ok(f"%%gcrun {there} -q --keep kept\n{cell}")
    assert "--keep kept: The store" in shown.stream("stderr")
    assert "File too large" in shown.stream("stderr")
    shown = far.ok(f"%%gcrun {there} -q --out kept,small\n{cell}")
    assert "can't be kept there. The store" in shown.stream("stderr")
    assert far.ok("small").text == "5"
    assert half_written(tmp_path / "store") == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "8m") as folder:
        yield folder


@as_root
def test_a_full_disk(far: Kernel, start: Start, disk: Path) -> None:
    there = start(store=str(disk))
    text = refused(far, f"%%gcrun {there} -q\nlen(large)")
    assert f"The disk of the store {disk} on " in text
    assert "is full: make room there, or name another folder by GC_JUPYTER_STORE" in text
    assert half_written(disk) == []
    cell = f"import numpy as np\nkept = {MB_20}\nsmall = 5"
    shown = far.ok(f"%%gcrun {there} -q --keep kept\n{cell}")
    assert f"--keep kept: The disk of the store {disk} on " in shown.stream("stderr")
    shown = far.ok(f"%%gcrun {there} -q --out kept,small\n{cell}")
    assert f"can't be kept there. The disk of the store {disk}" in shown.stream("stderr")
    assert far.ok("small").text == "5"
    for one in disk.iterdir():
        one.unlink()
    far.ok("fits = large[:625_000].copy()")
    assert far.ok(f"%%gcrun {there} -q\nlen(fits)").text == "625000"


def test_bytes_that_have_changed_there(far: Kernel, start: Start, tmp_path: Path) -> None:
    there = start()
    expected = far.ok("float(large.sum())").text
    assert far.ok(f"%%gcrun {there} -q\nfloat(large.sum())").text == expected
    largest = max((tmp_path / "store").iterdir(), key=lambda one: one.stat().st_size)
    with largest.open("r+b") as file:  # of the same size still
        file.seek(1000)
        file.write(b"other bytes")
    shown = far.ok(f"%%gcrun {there}\nprint('ran')\nfloat(large.sum())")
    assert shown.text == expected
    assert shown.stream("stdout") == "ran\n"  # once: nothing ran on what is damaged
    assert "1 of a value's parts are not in" in shown.stream("stderr")
    assert "They are sent again." in shown.stream("stderr")


def test_purged_between_the_reply_and_the_fetch(far: Kernel, start: Start, tmp_path: Path) -> None:
    there = start()
    far.ok(
        "import shutil\nfrom gc_jupyter.session import store_places\n"
        "real = store_places.Far.get\n"
        "def get(self, names):\n"
        f"    shutil.rmtree({str(tmp_path / 'store')!r})\n"
        "    store_places.Far.get = real\n    return real(self, names)\n"
        "store_places.Far.get = get"
    )
    shown = far.ok(
        f"%%gcrun {there} -q --out made,small\nimport numpy as np\nmade = {MB_20}\nsmall = 5"
    )
    assert "of a value's parts are not in" in shown.stream("stderr")
    assert far.ok("small").text == "5"
    text = refused(far, "made.fetch()")
    assert "of a value's parts are not in" in text
    assert far.ok(f"%%gcrun {there} -q\nfloat(large[0]) >= 0").text == "True"


@as_root
def test_workers_without_a_common_folder(far: Kernel, start: Start, tmp_path: Path) -> None:
    """Each has a disk of its own: what one leaves there, the other hasn't got."""
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces here")
    (tmp_path / "store").mkdir(mode=0o700)
    mount = f"mount -t tmpfs -o mode=700 tmpfs {tmp_path / 'store'}"
    there = start(f"exec unshare -m sh -c '{mount} && exec \"$@\"' sh", count=2)
    cell = "import numpy as np\nmade = np.random.default_rng(3).random(10_000_000)\nsmall = 5"
    shown = far.ok(f"%%gcrun {there} -q --out made,small\n{cell}")
    assert "of a value's parts are not in" in shown.stream("stderr")
    assert far.ok("small").text == "5"
    text = refused(far, f"%%gcrun {there} -q\nlen(large)")
    assert "the workers share no folder: name one that all of them have by GC_JUPYTER_STORE" in text


#: A worker's process dies at each step of writing a part, once.
DIES = """
import os, signal, tempfile

def dies(owner, name, before):
    real = getattr(owner, name)

    def call(*args, **more):
        marker = os.path.join({folder!r}, name + str(before))
        if ".part" not in str((args, more)) or os.path.exists(marker):
            return real(*args, **more)
        open(marker, "w").close()
        if not before:
            real(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, call)

for owner, name in ((tempfile, "mkstemp"), (os, "replace")):
    dies(owner, name, True)
    dies(owner, name, False)
"""


def test_a_worker_dies_at_each_step(far: Kernel, start: Start, tmp_path: Path) -> None:
    """Its part goes again; nothing is half there, and nothing ran twice."""
    died = tmp_path / "died"
    died.mkdir()
    (died / "sitecustomize.py").write_text(DIES.format(folder=str(died)))
    there = start(f"PYTHONPATH={died} exec")
    shown = far.ok(f"%%gcrun {there} -q\nprint('ran')\nfloat(large.sum())")
    assert shown.text == far.ok("float(large.sum())").text
    assert shown.stream("stdout") == "ran\n"
    markers = {one.name for one in died.iterdir()} - {"sitecustomize.py", "__pycache__"}
    assert markers == {
        f"{name}{before}" for name in ("mkstemp", "replace") for before in (True, False)
    }
    for one in (tmp_path / "store").iterdir():
        if len(one.name) == 64:
            assert name_of(one.read_bytes()) == one.name


@as_root
def test_two_accounts_and_one_folder(far: Kernel, start: Start, loopback_session: Loopback) -> None:
    """Endpoints of two accounts that were told the same folder: it is the first one's alone."""
    account = "setpriv --reuid=12345 --regid=12345 --clear-groups"
    script = str(Path(handle.__file__).with_name("inline_worker.py"))
    probe = f"import globus_compute_sdk; open({script!r})"
    command = [*account.split(), loopback_session.endpoint_python, "-c", probe]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("another account can't run a worker here")
    with tempfile.TemporaryDirectory(dir="/tmp") as shared:
        os.chmod(shared, 0o777)
        other = f'cd {shared}; export HOME={shared}; set -- "$1" "$2" {shared}; exec {account}'
        mine, theirs = Path(shared, "mine"), Path(shared, "theirs")
        first, second = start(store=str(mine)), start(other, store=str(mine))
        far.ok(f"%%gcrun {first} -q --keep left\nleft = large\nlen(left)")
        before = sorted(os.listdir(mine))
        for cell in ("len(large)", "len(small)"):
            assert f"The store {mine} on " in (text := refused(far, f"%%gcrun {second} -q\n{cell}"))
            assert "belongs to another account: name a folder of your own by GC_JUPYTER" in text
        shown = far.ok(f"%%gcrun {second} -q --out some,few\nsome = bytes(20_000_000)\nfew = 5")
        assert "belongs to another account" in shown.stream("stderr")
        assert far.ok("few").text == "5"
        assert sorted(os.listdir(mine)) == before
        # and the other way round: what is theirs isn't root's, though root could read it
        third, fourth = start(other, store=str(theirs)), start(store=str(theirs))
        far.ok(f"%%gcrun {third} -q --keep left\nleft = large\nlen(left)")
        assert os.stat(theirs).st_uid == 12345
        assert "belongs to another account" in refused(far, f"%%gcrun {fourth} -q\nlen(small)")
        assert far.ok(f"%%gcrun {third} -q\nlen(left)").text == "2500000"


def test_two_kernels_at_once(
    far: Kernel, start: Start, tmp_path: Path, loopback_session: Loopback
) -> None:
    """The same bytes, sent and kept by both: each has them, and no part is there twice."""
    (tmp_path / "other").mkdir()
    other = kernel_of(tmp_path / "other", loopback_session)
    there = start(count=2)
    try:
        for cell in (
            f"%%gcrun {there} -q --keep mine\nmine = large\nfloat(mine.sum())",
            f"%%gcrun {there} -q\nfloat(mine.sum())",
        ):
            requests = [(one, one.send(cell)) for one in (far, other)]
            texts = {one.finish(request).text for one, request in requests}
            assert texts == {far.ok("float(large.sum())").text}
        assert far.ok("mine.record.ident").text != other.ok("mine.record.ident").text
    finally:
        other.close()
    names = [one for one in os.listdir(tmp_path / "store") if not one.endswith(".kept")]
    size = sum((tmp_path / "store" / one).stat().st_size for one in names)
    assert size < 20_200_000
    assert half_written(tmp_path / "store") == []


@pytest.mark.parametrize("way", ["task", "short", "group", "all"])
def test_attaching_to_large_results(far: Kernel, start: Start, way: str) -> None:
    """After a restart: by the task's id, by its beginning, by the group, and by nothing."""
    there = start()
    ids = left_behind(far, there)
    later = Kernel(far.home, far.environment, cwd=far.home)
    try:
        later.ok("%load_ext gc_jupyter")
        later.attach(ids[way])
        all_is_there(later, there)
    finally:
        later.close()


@pytest.mark.parametrize("way", ["task", "group"])
def test_attaching_where_nobody_has_heard_of_it(
    far: Kernel, start: Start, tmp_path: Path, way: str
) -> None:
    """As on a second machine: the service and the replies know all."""
    there = start()
    ids = left_behind(far, there)
    home = tmp_path / "elsewhere"
    home.mkdir()
    later = Kernel(home, far.environment, cwd=home)
    try:
        later.ok("%load_ext gc_jupyter")
        later.attach(ids[way])
        all_is_there(later, there)
    finally:
        later.close()


@pytest.mark.parametrize("known", [True, False])
def test_attaching_to_a_fan_out_with_large_results(
    far: Kernel, start: Start, tmp_path: Path, loopback_session: Loopback, known: bool
) -> None:
    """What each task keeps, and what it leaves for the way back, has the task's place."""
    there = start()
    far.ok(
        f"%%gcrun {there} -q -a --map i=range(2) --future f --out made --keep part\n"
        f"import numpy as np\nmade = {MB_10} + i\npart = made + i"
    )
    far.wait_for_ids("f")
    tasks = eval(far.ok("[one.task_id for one in f]").text)
    group = far.ok("f[0].info.task_group_id").text.strip("'")
    loopback_session.wait_for_results(tasks)
    far.kill()
    home = far.home if known else tmp_path / "elsewhere"
    home.mkdir(exist_ok=True)
    later = Kernel(home, far.environment, cwd=home)
    try:
        later.ok("%load_ext gc_jupyter")
        later.attach("" if known else group)
        assert later.ok("[type(one).__name__ for one in part], len(f)").text == (
            "(['KeptValue', 'KeptValue'], 2)"
        )
        assert later.ok("[len(one) for one in made], bool((made[1] > 1).all())").text == (
            "([1250000, 1250000], True)"
        )
        cell = f"%%gcrun {there} -q\nbool((part[1] > 2).all()), len(part[0])"
        assert later.ok(cell).text == "(True, 1250000)"
    finally:
        later.close()


def left_behind(far: Kernel, there: str) -> dict[str, str]:
    """A task that nobody waits for any more, its result too large for the reply; its names."""
    far.ok(f"%%gcrun {there} -q\n1")
    far.ok(
        f"%%gcrun {there} -q -a --future f --out made --keep model\n"
        f"import numpy as np\nmade = {MB_10}\nmodel = made + 1\nmade * 2"
    )
    far.wait_for_ids("[f]")
    far.ok("f.exception(60)")
    task, group = eval(far.ok("f.task_id, f.info.task_group_id").text)
    far.kill()
    return {"task": task, "short": task[:8], "group": group, "all": ""}


def all_is_there(later: Kernel, there: str) -> None:
    later.ok(f"import numpy as np\nlarge = {MB_10}")
    assert later.ok("bool((made == large).all()), type(model).__name__").text == (
        "(True, 'KeptValue')"
    )
    assert later.ok("bool((f.result() == large * 2).all())").text == "True"
    assert later.ok(f"%%gcrun {there} -q\nlen(model)").text == "1250000"
    assert later.ok("bool((model.fetch() == large + 1).all())").text == "True"
