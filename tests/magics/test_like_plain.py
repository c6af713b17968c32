"""What a cell finds in its process on `local`: the same as a plain cell, by a list of expressions;
and what a cell changes there, which the next one doesn't find."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.magics.conftest import Kernel

#: Of a plain cell and of one on `local`, the value is the same.
SAME = (
    "__import__('os').getcwd()",
    "__import__('sys').argv",
    "__import__('sys').path",
    "__import__('sys').getrecursionlimit()",
    "__import__('sys').getswitchinterval()",
    "__import__('sys').flags",
    "__import__('sys').executable, __import__('sys').prefix, __import__('sys').version",
    "__import__('sys').getfilesystemencoding(), __import__('sys').getdefaultencoding()",
    "__import__('sys').dont_write_bytecode",
    "open('/proc/self/status').read().partition('Umask:')[2].split()[0]",
    "sorted(__import__('os').sched_getaffinity(0))",
    "__import__('os').environ.get('OMP_NUM_THREADS'), __import__('os').environ.get('GC_OWN')",
    "{k: v for k, v in __import__('os').environ.items() if k not in ('MPLBACKEND', 'GC_TASK_UUID',"
    " 'GC_TASK_OUTPUT_DIR', 'JPY_PARENT_PID', '_', 'SHLVL', 'LINES', 'COLUMNS')}",
    "__import__('os').getuid(), __import__('os').getgid(), __import__('os').getgroups()",
    "__import__('os').nice(0)",
    "__import__('multiprocessing').get_start_method()",
    "__import__('multiprocessing').current_process().name",
    "__import__('multiprocessing').parent_process()",
    "__import__('signal').getsignal(__import__('signal').SIGINT)",
    "__import__('signal').getsignal(__import__('signal').SIGTERM)",
    "__import__('signal').getsignal(__import__('signal').SIGCHLD)",
    "__import__('signal').getsignal(__import__('signal').SIGPIPE)",
    "__import__('signal').getitimer(0)",
    "__import__('signal').pthread_sigmask(0, [])",
    "__import__('resource').getrlimit(__import__('resource').RLIMIT_NOFILE)",
    "__import__('resource').getrlimit(__import__('resource').RLIMIT_CORE)",
    "__import__('resource').getrlimit(__import__('resource').RLIMIT_STACK)",
    "__import__('threading').current_thread() is __import__('threading').main_thread()",
    "__import__('threading').current_thread().name",
    "__import__('locale').setlocale(0), __import__('time').tzname",
    "__import__('socket').getdefaulttimeout()",
    "__import__('gc').isenabled(), __import__('gc').get_threshold()",
    "__import__('decimal').getcontext().prec",
    "__import__('tempfile').gettempdir()",
    "__import__('sys').gettrace(), __import__('sys').getprofile()",
    "__name__, __import__('sys').modules['__main__'].__name__",
    "type(__builtins__).__name__",
    "__debug__",
)
#: A change, how it is seen, and what is seen before it.
CHANGES = {
    "module": ("import json\njson.mine = 1", "hasattr(__import__('json'), 'mine')"),
    "new module": (
        "import sys, types\nsys.modules['gc_left'] = types.ModuleType('gc_left')",
        "'gc_left' in __import__('sys').modules",
    ),
    "patched": (
        "import time\ntime.sleep = None",
        "__import__('time').sleep is None",
    ),
    "builtins": ("import builtins\nbuiltins.left = 1", "'left' in dir(__import__('builtins'))"),
    "logging": (
        "import logging\nlogging.basicConfig(level=5)\nlogging.disable(40)",
        "__import__('logging').root.level, __import__('logging').root.manager.disable",
    ),
    "environ": (
        "import os\nos.environ['GC_LEFT'] = '1'\ndel os.environ['HOME']",
        "__import__('os').environ.get('GC_LEFT'), 'HOME' in __import__('os').environ",
    ),
    "directory": ("import os\nos.chdir('/')", "__import__('os').getcwd()"),
    "umask": (
        "import os\nos.umask(0o777)",
        "__import__('os').open and __import__('os').umask(0o22)",
    ),
    "path": ("import sys\nsys.path.insert(0, '/left')", "'/left' in __import__('sys').path"),
    "argv": ("import sys\nsys.argv[:] = ['left']", "__import__('sys').argv"),
    "recursion": (
        "import sys\nsys.setrecursionlimit(9999)",
        "__import__('sys').getrecursionlimit()",
    ),
    "signals": (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "[__import__('signal').getsignal(one) for one in (2, 15)]",
    ),
    "alarm": (
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 1000)",
        "__import__('signal').getitimer(0)",
    ),
    "threads": (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "[one.name for one in __import__('threading').enumerate()]",
    ),
    "children": (
        "import subprocess\nsubprocess.Popen(['sleep', '600'])",
        "__import__('psutil').Process().children()",
    ),
    "warnings": (
        "import warnings\nwarnings.simplefilter('error')",
        "len(__import__('warnings').filters)",
    ),
    "locale": (
        "import locale, decimal\ndecimal.getcontext().prec = 5",
        "__import__('decimal').getcontext().prec",
    ),
    "streams": (
        "import sys, io\nsys.stdout = sys.stderr = io.StringIO()",
        "type(__import__('sys').stdout).__name__",
    ),
    "limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
        "__import__('resource').getrlimit(__import__('resource').RLIMIT_NOFILE)",
    ),
    "start method": (
        "import multiprocessing\nmultiprocessing.set_start_method('spawn', force=True)",
        "__import__('multiprocessing').get_start_method()",
    ),
    "names": ("left_behind = 1", "'left_behind' in globals()"),
}
POOLS = {
    "multiprocessing.Pool": "import multiprocessing\nwith multiprocessing.Pool(2) as pool:\n"
    "    found = pool.map(abs, [-1, -2, -3])\nfound",
    "ProcessPoolExecutor": "from concurrent.futures import ProcessPoolExecutor\n"
    "with ProcessPoolExecutor(2) as pool:\n    found = list(pool.map(abs, [-1, -2, -3]))\nfound",
    "a function of the cell": "import multiprocessing\ndef positive(x):\n    return abs(x)\n"
    "with multiprocessing.Pool(2) as pool:\n    found = pool.map(positive, [-1, -2, -3])\nfound",
    "Process": "import multiprocessing\nqueue = multiprocessing.Queue()\n"
    "process = multiprocessing.Process(target=queue.put, args=([1, 2, 3],))\nprocess.start()\n"
    "found = queue.get()\nprocess.join()\nfound",
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    home = tmp_path_factory.mktemp("home")
    kernel = Kernel(home, {"OMP_NUM_THREADS": "3", "GC_OWN": "mine"}, cwd=home)
    try:
        kernel.ok("%load_ext gc_jupyter")
        yield kernel
    finally:
        kernel.close()


@pytest.mark.parametrize("expression", SAME)
def test_the_same_as_in_a_plain_cell(kernel: Kernel, expression: str) -> None:
    plain = kernel.ok(f"repr(({expression}))").text
    assert kernel.ok(f"%%gcrun local\nrepr(({expression}))").text == plain


@pytest.mark.parametrize("name", CHANGES)
def test_the_next_cell_does_not_find_it(kernel: Kernel, name: str) -> None:
    change, seen = CHANGES[name]
    before = kernel.ok(f"%%gcrun local -q\nrepr(({seen}))").text
    changed = kernel.ok(f"%%gcrun local -q\n{change}\nrepr(({seen}))").text
    assert changed != before
    assert kernel.ok(f"%%gcrun local -q\nrepr(({seen}))").text == before


@pytest.mark.parametrize("name", POOLS)
def test_pools(kernel: Kernel, name: str) -> None:
    assert kernel.ok(f"%%gcrun local -q\n{POOLS[name]}").text == "[1, 2, 3]"
