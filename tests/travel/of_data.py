"""Steps with data: shared, cyclic, of every built-in kind; names of the shell; what comes back."""

from __future__ import annotations

from collections.abc import Iterator

from tests.travel.histories import Writer, step


@step
def shared(w: Writer) -> Iterator[str]:
    yield f"one = [{w.int()}]; two = {{'k': one}}; three = (one, two); one.append(two)"
    w.use("two['k'] is one and three[0] is one and one[1] is two", "three[0][0]")
    w.do("one.append('changed')")
    w.use("two['k'][-1]")


@step
def kinds_of_data(w: Writer) -> Iterator[str]:
    yield """
        import datetime, decimal, fractions, pathlib, uuid, array, ipaddress, string
        kept = [
            1 + 2j, float('nan'), -0.0, 10**40, b'x', bytearray(b'y'), range(3), slice(1, None),
            ..., NotImplemented, frozenset({1}),
            datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),
            decimal.Decimal('1.10'), fractions.Fraction(1, 3), pathlib.PurePosixPath('a/b'),
            uuid.UUID(int=5), array.array('d', [1]), ipaddress.ip_address('::1'),
            re.compile('a+', re.I), string.Template('$x'), collections.deque([1, 2], maxlen=2),
            collections.OrderedDict(b=1, a=2), types.SimpleNamespace(x=1),
            collections.Counter('aab'), collections.ChainMap({1: 2}),
            types.MappingProxyType({3: 4}), datetime.timedelta(1), OSError(2, 'no', 'f'),
            KeyError('k'), len, math.pi, type, int | str, list[int],
        ]
    """
    w.use("repr(kept)", "[type(one).__name__ for one in kept]")


@step
def default_dicts(w: Writer) -> Iterator[str]:
    yield f"""
        dd = collections.defaultdict(lambda: {w.data()}, x=1)
        dl = collections.defaultdict(list)
        dn = collections.defaultdict(lambda: collections.defaultdict(int))
    """
    yield "dd['seen']; dl['y'].append(2); dn['p']['q'] += 1"
    w.use("dd['new'], dict(dd)", "dl['z'], dict(dl)", "dn['r']['s'], dict(dn['p'])")


@step
def iterators(w: Writer) -> Iterator[str]:
    yield f"""
        it = iter([1, 2, 3]); next(it); rev = reversed([1, 2])
        en = enumerate('ab', {w.int()}); zp = zip([1], 'a'); mp = map(str, [1, 2])
    """
    w.use("list(it)", "list(rev)", "list(en)", "list(zp)", "list(mp)")


@step
def random_generator(w: Writer) -> Iterator[str]:
    yield f"""
        import random
        rng = random.Random({w.int()}); rng.random()
    """
    w.use("rng.random()", "rng.choice('abc')")


@step
def shell_names(w: Writer) -> Iterator[str]:
    yield f"{w.int()} + 1"
    yield "kept_last = _"
    w.use(
        "_ if isinstance(_, int) else kept_last",
        "kept_last",
        "__name__",
        "type(__builtins__).__name__",
        "__builtins__.len([1])",
    )


@step
def names_by_text(w: Writer) -> Iterator[str]:
    a = w.data()
    w.use(
        f"globals()['{a}']",
        f"eval('{a} + 1')",
        f"'{a}' in globals()",
        f"[eval('{a}') for i in 'x']",
    )
    yield f"{a} = {w.int()}"


@step
def scopes(w: Writer) -> Iterator[str]:
    a = w.data()
    yield f"""
        {a} = {w.int()}
        def outer_():
            {a} = 100
            def inner(): return {a}
            return inner() + globals()['{a}']
    """
    w.do(f"[{a} for {a} in range(3)]")
    w.use("outer_()", a, f"(lambda {a}=1: {a})()", f"[{a} for {a} in [1]]")


@step
def unicode_names(w: Writer) -> Iterator[str]:
    yield f"""
        größe = {w.int()}
        def λ(x): return x + größe, 'ü', '''
        \U0001f600'''
    """
    w.use("λ(1)", "größe")


@step
def numpy_values(w: Writer) -> Iterator[str]:
    yield f"""
        import numpy as np
        base_ = np.arange(6).reshape(2, 3) + {w.int()}
        view_ = base_[:, 1:]
        gen_ = np.random.default_rng(3); gen_.random()
        uf = np.vectorize(lambda x: x + {w.data()})
    """
    w.use(
        "repr(base_), repr(view_)",
        "float(gen_.random())",
        "repr(uf(base_))",
        "repr(np.sqrt(base_)), np.float64(1.5)",
    )


@step
def data_with_code(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        def helper(x): return x + {w.data()}
        class {a}: pass
    """
    yield f"""
        config = {{'f': helper, 'k': {a},
                  'nested': [({a}, helper), {{'p': partial(helper, {w.int()})}}]}}
    """
    if w.maybe():
        yield "def helper(x): return 'new helper'"
    w.use(
        "config['f'](1)",
        "config['nested'][1]['p']()",
        f"config['k'] is {a} is config['nested'][0][0]",
        "config['f'] is config['nested'][0][1]",
        "config['f'] is helper",
    )


@step
def cell_redefines(w: Writer) -> Iterator[str]:
    f, a = w.function(), w.data()
    yield f"""
        def {f}(x): return x + {a}
        user_{f} = lambda x: {f}(x)
    """
    w.do(f"""
        before_ = {f}(1)
        def {f}(x): return 'cell', x
        {a} = {w.int()}
    """)
    for name in (f, a):  # bound anew: else what another step looks at after the cell differs
        w.back(name)
    w.use("before_", f"{f}(1)", f"user_{f}(1)", a)


@step
def cell_changes(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            n = 1
            def go(self): return self.n
        changed = {a}()
    """
    w.do(f"""
        {a}.go = lambda self: ('in the cell', self.n)
        {a}.n = {w.int()}
    """)
    w.use("changed.go()", f"{a}().go()")


@step
def cell_raises(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        def {f}(x):
            return 1 / x
    """
    w.do(
        w.pick(
            f"{f}(0)",
            "undefined_name_",
            "raise ValueError('on purpose')",
            "[][1]",
            "assert a > 1000, a",
            "1 + 'x'",
        )
    )


@step
def back_functions(w: Writer) -> Iterator[str]:
    n = w.own("b")
    w.do(f"""
        def {n}(x, k={w.int()}): return x + k + {n}_base
        {n}_base = {w.int()}
        {n}s = [{n}, lambda x: x * {n}_base]
    """)
    w.back(n, f"{n}({w.int()})", f"{n}.__name__")
    w.back(f"{n}_base", f"{n}_base")
    w.back(f"{n}s", f"{n}s[1](2), {n}s[0](1)", f"{n}s[0] is {n}")
    yield "pass"


@step
def back_mutual(w: Writer) -> Iterator[str]:
    n = w.own("b")
    w.do(f"""
        def {n}even(n): return n == 0 or {n}odd(n - 1)
        def {n}odd(n): return n != 0 and {n}even(n - 1)
    """)
    w.back(f"{n}even", f"{n}even(4)")
    w.back(f"{n}odd", f"{n}odd(4)")
    yield "pass"


@step
def back_closure(w: Writer) -> Iterator[str]:
    n = w.own("b")
    w.do(f"""
        def {n}make(k):
            def add(x):
                nonlocal k
                k += x
                return k
            return add
        {n} = {n}make({w.int()}); {n}(1)
    """)
    w.back(n, f"{n}(1)", f"{n}(1)")
    yield "pass"


@step
def back_class_and_instance(w: Writer) -> Iterator[str]:
    n = w.own("B")
    kind = w.pick("plain", "dataclass", "enum", "namedtuple", "exception")
    text = {
        "plain": f"class {n}:\n    def __init__(self, x): self.x = x\n"
        f"    def go(self): return self.x + 1\n    def __repr__(self): return f'{n}({{self.x}})'",
        "dataclass": f"@dataclass\nclass {n}:\n    x: int = 1\n    def go(self): return self.x + 1",
        "enum": f"class {n}(enum.IntEnum):\n    X = 1\n    Y = 2\n"
        "    def go(self): return self.name",
        "namedtuple": f"class {n}(typing.NamedTuple):\n    x: int = 1\n"
        "    def go(self): return self.x",
        "exception": f"class {n}(Exception):\n    def go(self): return self.args\n"
        "    def __str__(self): return 'text of it'",
    }[kind]
    w.do(f"""
        {text}
        o{n} = {n}(2); l{n} = [o{n}, {n}(1), {n}]
    """)
    w.back(n, f"{n}(1).go()", f"repr({n}(1)), {n}.__module__")
    w.back(
        f"o{n}",
        f"o{n}.go()",
        f"repr(o{n}), str(o{n})",
        f"isinstance(o{n}, {n})",
        f"type(o{n}) is {n}",
    )
    w.back(f"l{n}", f"l{n}[0] is o{n}", f"l{n}[2] is {n}")
    yield "pass"


@step
def back_notebook_class(w: Writer) -> Iterator[str]:
    a, n = w.cls(), w.own("b")
    yield f"""
        class {a}:
            def __init__(self, x=0): self.x = x
            def go(self): return self.x, {w.data()}
    """
    w.do(f"{n} = {a}({w.int()}); {n}s = {{'k': [{n}, {a}]}}")
    w.back(n, f"{n}.go()", f"type({n}) is {a}")
    w.back(f"{n}s", f"{n}s['k'][0] is {n}", f"{n}s['k'][1] is {a}")


@step
def back_changed(w: Writer) -> Iterator[str]:
    n = w.own("b")
    yield f"{n} = {{'x': [{w.int()}]}}; {n}two = {n}['x']"
    w.do(f"{n}['x'].append(5); {n}['y'] = {n}two")
    w.back(n, f"{n}")
    w.back(f"{n}two", f"{n}two is {n}['x'] is {n}['y']", f"{n}two")


@step
def back_module_things(w: Writer) -> Iterator[str]:
    n = w.own("b")
    yield f"""
        %%writefile lback.py
        class K:
            def __init__(self, n): self.n = n
            def go(self): return self.n, Z
        Z = {w.int()}
        def f(x): return x + Z
    """
    yield "import lback"
    w.do(f"{n} = lback.K(3); {n}f = lback.f; {n}s = [{n}, lback.K, lback]")
    w.back(n, f"{n}.go()", f"type({n}) is lback.K")
    w.back(f"{n}f", f"{n}f(1)", f"{n}f is lback.f")
    w.back(f"{n}s", f"{n}s[0] is {n}, {n}s[1] is lback.K, {n}s[2] is lback")


@step
def back_local_class(w: Writer) -> Iterator[str]:
    n = w.own("b")
    w.do(f"""
        def {n}make(k):
            class Inner:
                def go(self): return k
                def __repr__(self): return f'Inner {{k}}'
            return Inner
        {n} = {n}make({w.int()})()
    """)
    w.back(n, f"{n}.go()", f"repr({n})", f"type({n}).__name__")
    yield "pass"


@step
def back_decorated(w: Writer) -> Iterator[str]:
    n = w.own("b")
    w.do(f"""
        {n}log = []
        def {n}deco(one):
            {n}log.append(one.__name__)
            @functools.wraps(one)
            def inner(x): return one(x) + 1
            return inner
        @{n}deco
        def {n}(x): return x * 2
    """)
    w.back(n, f"{n}(3)", f"{n}.__name__")
    w.back(f"{n}log", f"{n}log")
    yield "pass"
