"""What earlier cells have set in installed modules is there, too, and gone after the task."""

from __future__ import annotations

import builtins
import decimal
import fractions
import logging
import random
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gc_jupyter.capture import CellFuture, capture_cell, history
from gc_jupyter.magics.generators import has_generator
from tests.capture.conftest import run_here
from tests.service.handle import Loopback
from tests.travel.histories import attempts
from tests.travel.kernel import History, Kernel

#: What a notebook sets, in Python alone -> what is evaluated here and there.
PLAIN = {
    "import decimal\ndecimal.getcontext().prec = 5": "decimal.Decimal(1) / 3",
    "decimal.getcontext().traps[decimal.DivisionByZero] = False": "decimal.Decimal(1) / 0",
    "import warnings\nwarnings.filterwarnings('error', message='bad')": "warnings.warn('bad')",
    "warnings.simplefilter('ignore', ResourceWarning)": "warnings.warn('x', ResourceWarning)",
    "warnings.formatwarning = lambda m, *_: f'W: {m}'": "warnings.warn('shown')",
    "import logging\nlogging.getLogger('a').setLevel(10)": "logging.getLogger('a').level",
    "logging.getLogger('a').propagate = False": "logging.getLogger('a').propagate",
    "logging.disable(logging.ERROR)": "logging.getLogger('a').isEnabledFor(40)",
    "import locale\nlocale.setlocale(locale.LC_TIME, 'C.UTF-8')": "locale.setlocale(2)",
    "import sys\nsys.setrecursionlimit(3456)": "sys.getrecursionlimit()",
    "sys.set_int_max_str_digits(0)": "len(str(10 ** 5000))",
    "import socket\nsocket.setdefaulttimeout(7)": "socket.getdefaulttimeout()",
    "import csv\ncsv.field_size_limit(10 ** 7)": "csv.field_size_limit()",
    "import builtins\nbuiltins.added = 7": "added",
    "def double(x): return 2 * x + k\nk = 3\nbuiltins.doubled = double": "doubled(4)",
    "import textwrap\ntextwrap.own = [1, 2]": "textwrap.own",
    "_d = textwrap.dedent\ntextwrap.dedent = lambda t: 'mine' + _d(t)": "textwrap.dedent(' a')",
    "import math\n_f = math.floor\nmath.floor = lambda x: ('mine', _f(x))": "math.floor(2.5)",
    "import shlex, functools\ndef marked(f):\n    @functools.wraps(f)\n    def inner(*a):"
    " return 'M' + f(*a)\n    return inner\nshlex.quote = marked(shlex.quote)": "shlex.quote('a')",
    "from shlex import quote": "quote('c d')",
    "import fractions\nfractions.Fraction.__repr__ = lambda self: 'F'": "fractions.Fraction(1, 2)",
    "import collections\nsetattr(collections.Counter, 'top', lambda self: self.most_common(1))": (
        "collections.Counter('aab').top()"
    ),
    "class Own(fractions.Fraction): pass\nfractions.Own = Own": "fractions.Own is Own",
    "import mimetypes\nmimetypes.types_map['.own'] = 'a/own'": "mimetypes.types_map.get('.own')",
    "_sqrt = math.sqrt\nmath.sqrt = len\nmath.sqrt = _sqrt": "math.sqrt(4)",
}
#: The same with packages that not every worker has.
PACKAGES = {
    "import numpy as np\nnp.set_printoptions(precision=2, formatter={'int': lambda n: f'<{n}>'})": (
        "str(np.array([1 / 3])), str(np.array([1, 2]))"
    ),
    "np.seterr(divide='raise')": "np.array([1.0]) / 0",
    "np.own = 5": "np.own",
    "_mean = np.mean\nnp.mean = lambda x: ('mine', float(_mean(x)))": "np.mean([1, 3])",
    "import pandas as pd\npd.set_option('display.max_rows', 4)": "str(pd.Series(range(9)))",
    "pd.options.display.float_format = '{:.1f}'.format": "str(pd.Series([1 / 3]))",
    "def first_of(self): return self.iloc[0, 0]\npd.DataFrame.first_of = first_of": (
        "int(pd.DataFrame({'a': [4]}).first_of())"
    ),
    "@pd.api.extensions.register_dataframe_accessor('own')\nclass Accessor:\n"
    "    def __init__(self, frame): self.frame = frame\n"
    "    def size(self): return len(self.frame)": "pd.DataFrame({'a': [4]}).own.size()",
    "import matplotlib.pyplot as plt\nplt.style.use('ggplot')": "plt.rcParams['axes.facecolor']",
    "plt.rcParams['figure.figsize'] = (3, 2)": "plt.rcParams['figure.figsize']",
    "import matplotlib.colors as colors\ncolors.get_named_colors_mapping()['b'] = (0, 0.5, 0)": (
        "colors.to_rgb('b')"
    ),
}


def notebook(table: Mapping[str, str], *before: str) -> History:
    body = "\n".join([*before, *attempts(list(table.values()))])
    return History((), tuple(table), body)


@pytest.fixture
def far(loopback_session: Loopback) -> Iterator[Kernel]:
    """A kernel whose cells run by the official `execute_task`, in the endpoint's environment."""
    with Kernel(loopback_session.endpoint("inline"), loopback_session.environment) as kernel:
        yield kernel


@pytest.fixture
def near() -> Iterator[Kernel]:
    with Kernel("local") as kernel:
        yield kernel


def check(kernel: Kernel, one: History) -> None:
    answer = kernel.see(one)
    assert not answer.before
    assert not answer.differences(), "\n".join(answer.differences())
    # and it isn't what it would be anyway
    assert len(answer.here[0].value) > 100


def test_an_endpoint_has_what_was_set(far: Kernel) -> None:
    check(far, notebook(PLAIN))


def test_local_has_what_was_set(near: Kernel) -> None:
    check(near, notebook({**PLAIN, **PACKAGES}))


def test_a_cell_that_imports_by_itself(near: Kernel) -> None:
    imports = "import numpy as np, pandas as pd, matplotlib.pyplot as plt"
    imports += "\nfrom matplotlib import colors"
    table = {text: PACKAGES[text] for text in PACKAGES if "_mean" not in text}
    answer = near.see(notebook(table, f"del np, pd, plt\n{imports}"))
    assert not answer.differences(), "\n".join(answer.differences())


def in_cells(*cells: str) -> dict[str, Any]:
    """The variables of a notebook whose cells have run here."""
    namespace: dict[str, Any] = {"__name__": "__main__", "In": ["", *cells]}
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), namespace)
    return namespace


@pytest.fixture
def context() -> Iterator[decimal.Context]:
    with decimal.localcontext() as found:
        yield found


def test_the_worker_is_left_as_it_was_found(context: decimal.Context) -> None:
    context.prec = 7
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnicodeWarning)
        logger = logging.getLogger("a.b")
        logger.setLevel(logging.INFO)
        namespace = in_cells(
            "import decimal, logging, fractions, warnings",
            "builtins = __import__('builtins')\nbuiltins.added = 1",
            "fractions.Fraction.own = lambda self: 5",
        )
        captured = capture_cell(
            "import warnings\nwarnings.filterwarnings('ignore', message='of the cell')\n"
            "(added, fractions.Fraction(1).own(), decimal.getcontext().prec, logging.root.level)",
            namespace,
        )
        del builtins.added, fractions.Fraction.own  # type: ignore[attr-defined]
        context.prec = 9
        warnings.simplefilter("error", BytesWarning)
        before = [*warnings.filters]
        handlers = [*logging.root.handlers]
        logger.setLevel(logging.ERROR)
        future = CellFuture(captured, "there")
        value = future.decode(run_here(captured))
        assert value[:3] == (1, 5, 7)
        assert context.prec == 9
        assert not hasattr(builtins, "added")
        assert not hasattr(fractions.Fraction, "own")
        assert logger.level == logging.ERROR
        assert logging.root.handlers == handlers
        assert warnings.filters[1:] == before  # what the cell itself has set stays
        assert "of the cell" in str(warnings.filters[0])
        logger.setLevel(logging.NOTSET)


def test_one_of_several_threads_keeps_to_its_own(context: decimal.Context) -> None:
    context.prec = 7
    namespace = in_cells("import decimal, fractions", "fractions.Fraction.own = 5")
    captured = capture_cell("(decimal.getcontext().prec, hasattr(fractions, 'gcd'))", namespace)
    replies: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: replies.append(run_here(captured)))
    thread.start()
    thread.join()
    future = CellFuture(captured, "there")
    assert future.decode(replies[0]) == (7, False)
    assert "set in fractions doesn't hold here" in future.stderr
    del fractions.Fraction.own  # type: ignore[attr-defined]


def test_what_stays_is_said() -> None:
    namespace = in_cells(
        "import fractions, json, logging",
        "fractions.lock = open(__import__('os').devnull)",
        "fractions.large = bytes(200_000)",
        "class Own(logging.Handler): pass\nlogging.getLogger('a.c').addHandler(Own())",
    )
    try:
        captured = capture_cell("fractions", namespace)
        said = "\n".join(captured.left)
        assert "fractions.lock stays here: " in said
        assert "fractions.large stays here: it has 0.2 MB." in said
        assert "The handlers of the logger 'a.c' stay here (Own)" in said
        assert captured.states
        assert run_here(captured)["error"] is None
    finally:
        fractions.lock.close()  # type: ignore[attr-defined]
        del fractions.lock, fractions.large  # type: ignore[attr-defined]
        logging.getLogger("a.c").handlers.clear()


def test_calls_that_set_something_in_other_packages_are_said() -> None:
    namespace = in_cells("import hypothesis, json")
    namespace["In"] += [
        "hypothesis.set_seed(3)\nhypothesis.settings.register_profile('a')\nhypothesis.given(1)",
        "json.set_up()",  # not used by the cell
    ]
    said = capture_cell("hypothesis", namespace).left
    assert [one.partition(" was called")[0] for one in said] == [
        "hypothesis.set_seed(3)",
        "hypothesis.settings.register_profile('a')",
    ]
    assert len(capture_cell("hypothesis.set_seed(4)", namespace).left) == 1


def test_nothing_is_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numpy", "pandas", "matplotlib", "csv"):
        for module in [one for one in sys.modules if one.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
    captured = capture_cell("1", in_cells("x = 1"))
    assert not {"numpy", "pandas", "matplotlib", "csv"} & sys.modules.keys()
    assert "numpy" not in captured.options.get("states", {})


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a.b = 1", [("a", (), "attribute", "b")]),
        ("a.b.c, x = 1, 2", [("a", ("b",), "attribute", "c")]),
        ("a.b['k'] += 1", [("a", ("b",), "item", "k")]),
        ("setattr(a.b, 'c', 1)", [("a", ("b",), "attribute", "c")]),
        ("def f():\n    a.b: int = 1", [("a", (), "attribute", "b")]),
        ("get_ipython().run_cell_magic('time', '', 'a.b = 1')", [("a", (), "attribute", "b")]),
        ("get_ipython().run_cell_magic('gcrun', 'local', 'a.b = 1')", []),
        ("a().b = 1\na[0] = 1\na.b == 1\nf(a.b, c=1)", []),
        ("a.b = ", []),
    ],
)
def test_what_a_text_sets(text: str, places: list[Any]) -> None:
    assert history.marks(text).places == places


def test_each_cell_is_read_once() -> None:
    """A notebook may have hundreds, and this is done for each cell that is sent."""
    namespace = {"In": [f"df.x = {at}\nplot({at})\n" for at in range(200)]}
    capture_cell("1", namespace)
    before = history.marks.cache_info().misses
    capture_cell("1", namespace)
    assert history.marks.cache_info().misses == before


def test_a_logger_is_no_random_generator() -> None:
    """Its manager knows all that loggers and handlers of this process hold."""
    logger = logging.getLogger("a.d")
    logger.generator = random.Random(1)  # type: ignore[attr-defined]
    assert not has_generator([logger])
    assert has_generator([logger.generator])  # type: ignore[attr-defined]
