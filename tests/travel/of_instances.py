"""Steps that make instances of classes: old ones, as keys, in cycles, with code in them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.travel.histories import Writer, step
from tests.travel.of_classes import plain_class


@step
def old_instance(w: Writer) -> Iterator[str]:
    a, old = w.cls(), w.own("old")
    yield plain_class(w, a)
    yield f"{old} = {a}({w.int()})"
    yield f"""
        class {a}:
            def __init__(self, n=0): self.n = n
            def loss(self, x): return 'new'
    """
    w.use(f"{old}.loss({w.int()})", f"{a}().loss(1)", f"isinstance({old}, {a})")


@step
def pickles_its_own_way(w: Writer) -> Iterator[str]:
    a = w.own("Own")  # attributes of another step are not what it says
    way = w.pick(
        "    def __getstate__(self): return {'n': self.n + 1}\n"
        "    def __setstate__(self, s): self.n = s['n'] - 1",
        f"    def __reduce__(self): return ({a}, (self.n,))",
        "    def __getnewargs__(self): return ()\n"
        "    def __new__(cls, *args): return super().__new__(cls)",
    )
    yield f"""
        class {a}:
            def __init__(self, n): self.n = n
        {way}
    """
    yield f"o{a} = [{a}({w.int()}), {a}(2)]"
    if "__reduce__" in way and w.maybe():
        yield w.pick(f"{a}.__init__ = lambda self: None", f"class {a}: other = {w.int()}")
    w.use(
        f"[one.n for one in o{a}]",
        f"[one.n for one in copy.deepcopy(o{a})]",
        f"type(o{a}[0]) is {a}",
    )


@step
def instances_as_keys(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield f"""
        keyed{a} = {{{a}(1): 'one', {a}(2): {{{a}(3)}}}}
        set{a} = {{{a}(4), {a}(5)}}
    """
    w.use(f"keyed{a}[{a}(1)]", f"{a}(3) in keyed{a}[{a}(2)]", f"sorted(one.n for one in set{a})")


@step
def instance_holding_code(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            def __init__(self, n): self.n = n; self.go = self.run; self.key = lambda x: x + self.n
            def run(self): return self.n + {w.data()}
    """
    yield f"""
        o{a} = {a}({w.int()})
        o{a}.extra = lambda x, k={w.data()}: x * k
    """
    yield f"o{a}.n = {w.int()}"
    w.use(f"o{a}.go()", f"o{a}.key(1)", f"o{a}.extra(2)", f"o{a}.go.__self__ is o{a}")


@step
def instance_in_its_class(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            known = {{}}
            def __init__(self, n): self.n = n; self.known[n] = self
            def go(self): return sorted(self.known)
    """
    yield f"{a}.only = {a}({w.int()}); last{a} = {a}(7)"
    w.use(
        f"{a}.only.go()",
        f"{a}.only is {a}.known[{a}.only.n]",
        f"last{a} is {a}.known[7]",
        f"type({a}.only) is {a}",
    )


@step
def instances_in_cycles(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            def __init__(self, up=None): self.up = up; self.down = []
    """
    yield f"""
        top{a} = {a}(); sub{a} = {a}(top{a}); top{a}.down.append(sub{a})
        all{a} = [sub{a}, top{a}, {a}]
    """
    w.use(
        f"all{a}[0] is sub{a}",
        f"sub{a}.up is all{a}[1] and top{a}.down[0] is sub{a}",
        f"all{a}[2] is {a} is type(top{a})",
    )
