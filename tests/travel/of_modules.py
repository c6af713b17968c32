"""Steps with modules: beside the notebook, reloaded, patched, packages, and installed ones."""

from __future__ import annotations

from collections.abc import Iterator

from tests.travel.histories import Writer, step

BODY = """\
BASE = {base}
STATE = []
def mf(x):
    return x * 1000 + BASE
def keep(x):
    STATE.append(x)
    return len(STATE)
class K:
    size = BASE
    def __init__(self, n=1): self.n = n
    def go(self, x): return mf(x) + self.n
    def __eq__(self, other): return isinstance(other, K) and other.n == self.n
    __hash__ = None
key = lambda x: x + BASE
TABLE = {{'key': key, 'mf': mf}}"""


def write(w: Writer, name: str) -> str:
    """A cell that makes a module's file."""
    return f"%%writefile {name}.py\n{BODY.format(base=w.int())}"


@step
def module(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    yield f"import {m}"
    w.use(f"{m}.mf({w.int()})", f"{m}.K(2).go(1)", f"{m}.BASE", f"{m}.TABLE['key'](1)")


@step
def module_changed(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    yield f"import {m}"
    yield w.pick(
        f"{m}.BASE = {w.int()}",
        f"{m}.keep({w.int()}); {m}.keep(1)",
        f"{m}.mf = lambda x: ('patched', x)",
        f"def mf(x): return 'notebook', x, {w.data()}\n{m}.mf = mf",
        f"{m}.K.go = lambda self, x: ('patched', x)",
        f"{m}.K.size = {w.int()}",
        f"{m}.added = {w.int()}",
        f"del {m}.BASE",
    )
    w.use(
        f"{m}.mf({w.int()})",
        f"{m}.K(2).go(1)",
        f"{m}.keep(5), {m}.STATE",
        f"{m}.added",
        f"{m}.K.size",
    )


@step
def module_taken_from(w: Writer) -> Iterator[str]:
    m, f, base = w.module(), w.function(), w.int()
    yield write(w, m)
    yield f"""
        from {m} import mf, K, keep as {f}, key, STATE as state_
        BASE = {base}
    """
    if w.maybe():
        yield f"import {m}; {m}.BASE = {w.int()}"
    yield f"{f}(3); o{m} = K({w.int()})"
    w.use(
        f"mf({w.int()})",
        "K().go(1)",
        f"{f}(1), state_",
        "key(2)",
        f"o{m}.go(1)",
        f"type(o{m}) is K",
    )


@step
def module_reloaded(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    yield f"""
        import {m}
        from {m} import mf as older, K as OldK, key as oldkey
        old{m} = {m}.K(3)
        BASE = 77
    """
    yield write(w, m) + "\nADDED = 1"
    if w.maybe():
        yield f"importlib.reload({m})"
    w.use(
        f"{m}.mf(1)", "older(1)", "OldK(1).go(1)", "oldkey(1)", f"{m}.K(1).go(2)",
        f"isinstance(old{m}, {m}.K), isinstance(old{m}, OldK)", f"{m}.ADDED", "OldK.__name__",
    )  # fmt: skip


@step
def module_edited(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    yield f"import {m}"
    yield f"""
        %%writefile {m}.py
        BASE = 'edited'
        def mf(x): return 'edited'
    """
    w.use(f"{m}.mf(1)", f"{m}.K(1).go(1)", f"{m}.BASE")


@step
def module_under_another_name(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    yield f"""
        import {m} as short
        alias = short.mf
        lam = short.key
        BASE = 55
        held{m} = [short.K, short.key, short]
    """
    w.use(
        "alias(1)",
        "lam(1)",
        f"held{m}[0](1).go(1), held{m}[1](1)",
        f"held{m}[2] is short, held{m}[2].BASE",
        "short.__name__",
    )


@step
def star_import(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    yield f"from {m} import *"
    w.use("mf(1)", "K(1).go(2)", "keep(1)", "BASE")


@step
def instance_of_module_class(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    yield f"""
        import {m}
        inst = [{m}.K({w.int()})]; inst[0].extra = {m}.mf
    """
    w.use(
        "inst[0].go(1)",
        "inst[0].extra(1)",
        "type(inst[0]).__module__",
        f"inst[0] == {m}.K(inst[0].n)",
    )


@step
def subclass_of_module_class(w: Writer) -> Iterator[str]:
    m, a = w.module(), w.cls()
    yield write(w, m)
    yield f"""
        import {m}
        class {a}({m}.K):
            def go(self, x): return 'sub', super().go(x), {w.data()}
    """
    w.use(f"{a}(1).go(2)", f"isinstance({a}(), {m}.K)")


@step
def modules_of_each_other(w: Writer) -> Iterator[str]:
    yield f"""
        %%writefile lone.py
        import ltwo
        X = {w.int()}
        def go(x): return ltwo.go(x) + X
    """
    yield f"""
        %%writefile ltwo.py
        import lone
        Y = {w.int()}
        def go(x): return x + Y
        def back(): return lone.X
    """
    yield "import lone"
    if w.maybe():
        yield f"lone.ltwo.Y = {w.int()}"
    w.use("lone.go(1)", "lone.ltwo.back()", "lone.ltwo.lone is lone")


@step
def package(w: Writer) -> Iterator[str]:
    yield "import os; os.makedirs('lpkg/deep', exist_ok=True)"
    yield f"""
        %%writefile lpkg/__init__.py
        from .inner import go
        from . import inner as renamed
        NAME = {w.int()}
    """
    yield f"""
        %%writefile lpkg/inner.py
        from . import deep
        X = {w.int()}
        def go(x): return x + X, deep.leaf.L, __package__
    """
    yield """
        %%writefile lpkg/deep/__init__.py
        from lpkg.deep import leaf
    """
    yield f"""
        %%writefile lpkg/deep/leaf.py
        L = {w.int()}
        class Leaf:
            def go(self): return L, __name__
    """
    yield w.pick(
        "import lpkg", "import lpkg.deep.leaf", "import lpkg; from lpkg.deep.leaf import Leaf",
        "import lpkg, lpkg.inner as li",
    )  # fmt: skip
    w.use(
        "lpkg.go(1)",
        "lpkg.deep.leaf.Leaf().go()",
        "lpkg.renamed.X, lpkg.NAME",
        "Leaf().go()",
        "li.go(1)",
    )


@step
def module_from_another_folder(w: Writer) -> Iterator[str]:
    yield "import os, sys; os.makedirs('tools', exist_ok=True); sys.path.append('tools')"
    yield f"""
        %%writefile tools/lfar.py
        Z = {w.int()}
        def go(): return Z, __name__
    """
    yield """
        import lfar
        sys.path.remove('tools')
    """
    w.use("lfar.go()", "lfar.Z")


@step
def module_reads_its_folder(w: Writer) -> Iterator[str]:
    yield f"""
        %%writefile lread.py
        import pathlib
        W = {w.int()}
        def name(): return pathlib.Path(__file__).name, __name__, W
    """
    yield "import lread"
    w.use("lread.name()")


@step
def module_with_effects(w: Writer) -> Iterator[str]:
    yield f"""
        %%writefile leff.py
        print('imported')
        import itertools
        count = itertools.count({w.int()})
        first = next(count)
        R = {{}}
        def reg(one): R[one.__name__] = one; return one
        @reg
        def one(x): return x + first
    """
    yield """
        import leff
        @leff.reg
        def two(x): return x * 2
    """
    w.use(
        "leff.one(1)", "sorted(leff.R)", "leff.R['two'](4)", "two(1)", "leff.R['one'] is leff.one"
    )


@step
def module_made_by_hand(w: Writer) -> Iterator[str]:
    yield f"""
        box = types.ModuleType('box', 'A box.')
        box.x = {w.int()}
        box.f = lambda v: v + box.x
    """
    w.use("box.x, box.f(1), box.__doc__, type(box).__name__")


@step
def module_imported_in_function(w: Writer) -> Iterator[str]:
    m, f = w.module(), w.function()
    yield write(w, m)
    yield f"""
        def {f}(x):
            import {m}
            from {m} import K as Kind
            return {m}.mf(x), Kind(1).go(1)
    """
    if w.maybe():
        yield f"import {m}"
    w.use(f"{f}({w.int()})")


@step
def module_imported_in_cell(w: Writer) -> Iterator[str]:
    m = w.module()
    yield write(w, m)
    if w.maybe():
        yield f"import {m}"
    w.do(f"import {m} as within")
    w.use("within.mf(1)")


@step
def standard_modules(w: Writer) -> Iterator[str]:
    yield """
        import os.path, xml.dom.minidom, json as j, collections.abc as cabc, decimal
        from os import path as p_
        from math import *
        from decimal import Decimal as D
    """
    yield "held_modules = {'j': j, 'list': [os, math]}"
    w.use(
        "xml.dom.minidom.parseString('<a/>').documentElement.tagName",
        "j.dumps({'a': 1}), os.path.join('a', 'b')",
        "issubclass(list, cabc.Sequence), p_.basename('a/b'), floor(2.5)", "D('1.5') + 1",
        "held_modules['j'].loads('[1]'), held_modules['list'][1].gcd(4, 6)",
    )  # fmt: skip


@step
def installed_module_set(w: Writer) -> Iterator[str]:
    yield "import decimal, fractions, logging, textwrap, warnings"
    yield w.pick(
        f"decimal.getcontext().prec = {w.int() + 2}",
        "warnings.filterwarnings('error', message='own')",
        f"textwrap.own = {w.int()}",
        f"textwrap.own = lambda x: (x, {w.data()})",
        f"def own(self): return self.numerator, {w.data()}\nfractions.Fraction.own = own",
        "fractions.Fraction.own = property(lambda self: lambda: 'property')",
        f"logging.getLogger('own').setLevel({w.int() * 10})",
    )
    w.use(
        *("str(decimal.Decimal(1) / 7)", "fractions.Fraction(3).own()"),
        *("textwrap.own", "textwrap.own(1)", "logging.getLogger('own').level"),
        "[one[0] for one in warnings.filters if 'own' in str(one[1])]",
    )
