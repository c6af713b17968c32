"""Which names a text needs: a table over what Python's scopes can do."""

from __future__ import annotations

import ast
import sys

import pytest

from gc_jupyter.travel.names import find_names

NOW = [
    ("x", "x"),
    ("x = 1\nx", ""),
    ("x += 1", "x"),
    ("x: int = y", "int y"),
    ("print(a.b.c)", "print a"),
    ("del x", "x"),
    ("x = 1\ndel x", ""),
    # comprehensions
    ("[a for a in b]", "b"),
    ("[a + c for a in b if d]", "b c d"),
    ("[[i * j for i in r] for j in s]", "r s"),
    ("{k: v for k, v in items}", "items"),
    ("(x for x in x)", "x"),
    ("[last := a for a in b]\nlast", "b last"),  # b may be empty
    ("[c for a in b if (c := a)]", "b"),
    ("any((hit := v) > t for v in values)\nhit", "any values t hit"),
    # functions: needed once they are used
    ("def f(): return g()", ""),
    ("def f(): return g()\nf()", "g"),
    ("def f(): return g()\ndef g(): return h\nf()", "h"),
    ("def f(n): return f(n - 1)\nf(1)", ""),
    ("def f(a, b=c, *, d=e) -> r: return a", "c e r"),
    ("def f(a: t): return a", "t"),
    ("@deco\ndef f(): return g", "deco g"),
    ("def outer():\n    v = 1\n    def inner(): return v + w\n    return inner\nouter()", "w"),
    ("def f():\n    global g\n    g = h\nf()", "h"),
    (
        "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y\n    return g\nf()",
        "y",
    ),
    ("lambda a, b=c: a + d", "c d"),
    ("f = lambda: g\nf()", "g"),
    ("f = lambda: g", ""),
    ("async def f():\n    async with a as b, c: return b\n    async for d in e: d\nf", "a c e"),
    # classes
    ("class A(B, metaclass=M): pass", "B M"),
    ("class A:\n    n = k\n    m = n + 1", "k"),
    ("class A:\n    n = 1\n    def f(self): return n\nA", "n"),
    ("class A:\n    def f(self): return super().f() + g", ""),
    ("class A:\n    def f(self): return __class__, g\nA()", "g"),
    ("@dataclass\nclass A:\n    x: t = field(d)", "dataclass t field d"),
    # text
    ("f'{a} {b!r:>{c}} {{d}}'", "a b c"),
    # looked up in the variables themselves
    ("globals()['a'], locals().get('b', 'c d')", "a b globals locals"),
    ("'a' in globals() and 'b' not in dir()", "a b dir globals"),
    ("'{a} b'.format(**vars()), vars(c)['d']", "a b c vars"),
    ("get_ipython().user_ns['a'], d['b']", "a d get_ipython"),
    ("import __main__\n__main__.a.b", "a"),
    ("from __main__ import a as b, c", "a c"),
    # walrus, match
    ("if (n := f()) > 1: n", "f"),
    (
        "match s:\n    case P(x=a, y=[b, *c]) | {'k': a, **b}: a, b, c\n    case N.V: d\n"
        "    case _ as e: e",
        "s P N d",
    ),
    # what may not be bound
    ("if c: x = 1\nx", "c x"),
    ("if c: x = 1\nelse: x = 2\nx", "c"),
    ("if c: x = 1\nelse: raise E\nx", "c E"),
    ("for i in r: x = i\nx, i", "r x i"),
    ("while c: x = 1\nx", "c x"),
    ("try: x = f()\nexcept E as e: e\nx", "f E x"),
    ("try: import a\nexcept ImportError: raise\na", "ImportError"),
    ("try: pass\nfinally: x = 1\nx", ""),
    ("with a as b, c(b) as (d, e): d", "a c"),
    ("with open(f) as g: x = g.read()\nx", "open f"),
    ("with suppress(E): x = f()\nx", "suppress E f x"),
    ("try: f()\nexcept E as e: pass\ne", "f E e"),
    ("a and (x := b)\nx", "a b x"),
    ("(x := a) and b\nx", "a b"),
    ("(x := 1) if a else (y := 2)\nx, y", "a x y"),
    ("a < (x := b) < (y := c)\nx, y", "a b c y"),
    # imports
    ("import a.b, c as d\nfrom e import f as g\na, d, g", ""),
    ("from math import *\nsqrt(n)", "n"),
    # commands
    ("get_ipython().system('ls {folder} $file {x[0]}')", "get_ipython folder file x"),
    ("get_ipython().getoutput('awk {print $1}')", "get_ipython"),
    # code in text
    ("get_ipython().run_line_magic('time', 'x = f(n)')\nx", "get_ipython f n"),
    ("get_ipython().run_line_magic('timeit', '-n 10 -r3 f(n)')", "get_ipython f n"),
    ("get_ipython().run_cell_magic('timeit', 's = a', 'g(s)')", "get_ipython a g"),
    ("get_ipython().run_line_magic('pip', 'install {name}')", "get_ipython name"),
    ("eval('x + 1')\nexec('y = z\\ny')", "eval exec x z"),
    ("eval(text)", "eval text"),
    ("df.query('a > @limit and b < @row.b')", "df limit row"),
    ("df.query(f'a > {low} and b < @high')", "df low high"),
    ("pd.eval('a + b')\ndf.eval('c = d')", "pd a b df"),
    # formulas: what isn't a column
    ("ols('y ~ np.sin(x) + I((z - 5)**2) + a:C(b)', df)", "ols df np I C"),
    ("ols(formula='y ~ bs(x, df=4)', data=df)", "ols df bs"),
    ("dmatrix('~ x + scale(y)')", "dmatrix x scale y"),
    ("open('~/f(x)')\nsay('some ~ 5 of them')", "open say"),
]
LATER = [
    ("def f(n): return g(n) + f(n)", "f", "g"),
    ("class A:\n    def f(self): return A, h", "A", "h"),
    ("@deco\ndef f(): return g", "f", ""),
]


@pytest.mark.parametrize(("text", "expected"), NOW)
def test_needed_to_execute(text: str, expected: str) -> None:
    assert set(find_names(ast.parse(text)).now) == set(expected.split())


@pytest.mark.parametrize(("text", "bound", "expected"), LATER)
def test_needed_once_called(text: str, bound: str, expected: str) -> None:
    names = find_names(ast.parse(text))
    assert set(names.later) - {bound} == set(expected.split())
    assert bound in names.bound


def test_outputs_are_read_at_the_end() -> None:
    tree = ast.parse("def f(): return g\nx = 1")
    assert set(find_names(tree, ["f", "x", "y"]).now) == {"g", "y"}


def test_paths_and_lines() -> None:
    names = find_names(ast.parse("import os\n\nscipy.stats.norm(1)\nn"))
    assert "scipy.stats.norm" in names.chains
    assert names.now == {"scipy": 3, "n": 4}
    assert names.modules == {"os"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_parameters() -> None:
    text = "def f[T](a: T) -> U: return T\nclass A[S](B[S]): pass\nf"
    assert set(find_names(ast.parse(text)).now) == {"U", "B"}
