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


@step
def made_by_its_own_new(w: Writer) -> Iterator[str]:
    a, o = w.cls(), w.own("made")
    base = w.pick("int", "str", "tuple", "frozenset", "list", "dict", "object")
    given = {"object": "", "tuple": "given", "frozenset": "given", "list": "", "dict": ""}
    yield f"""
        class {a}({base}):
            count = 0
            def __new__(cls, *given):
                cls.count += 1
                found = {base}.__new__(cls, {given.get(base, "len(given)")})
                found.given = given
                return found
            def __init__(self, *given): self.given += ('init',)
    """
    yield f"{o} = {a}({w.data()}, {w.int()})"
    w.use(
        f"{base} in (object, frozenset) or repr({o})",
        f"{o}.given",
        f"{a}.count",
        f"type({o}) is {a}",
    )
    w.back(o, f"{o}.given", f"type({o}) is {a}", f"{a}.count")


@step
def containers_of_their_own(w: Writer) -> Iterator[str]:
    a, o = w.cls(), w.own("box")
    base = w.pick("list", "dict", "collections.OrderedDict", "collections.deque", "set")
    yield f"""
        class {a}({base}):
            def __init__(self, *given):
                super().__init__()
                self.tag = {w.int()}
                for one in given: self.put(one)
            def put(self, one):
                (self.__setitem__(one, 1) if isinstance(self, dict) else
                 self.add(one) if isinstance(self, set) else self.append(one))
            def append(self, one): print('append'); super().append((one, 'in'))
            def add(self, one): print('add'); super().add(one)
            def __setitem__(self, key, one): print('set'); super().__setitem__(key, [one])
    """
    yield f"{o} = {a}({w.data()}, 'x')"
    if w.maybe():
        w.do(f"{o}.put('there')")
    w.use(f"sorted(map(str, {o}))", f"{o}.tag", f"len({o})", f"[*getattr({o}, 'values', list)()]")
    w.back(o, f"sorted(map(str, {o}))", f"{o}.tag")


@step
def keys_that_hold_themselves(w: Writer) -> Iterator[str]:
    a, o, p = w.cls(), w.own("node"), w.own("peer")
    kind = w.pick("{{one: one.name for one in {o}}}", "{{*{o}}}", "[*{o}]")
    near = kind.format(o=f"({o}, {p})")
    yield f"""
        class {a}:
            def __init__(self, name): self.near, self.name = None, name
            def __hash__(self): return hash(self.name)
            def __eq__(self, other): return self.name == other.name
    """
    yield f"""
        {o}, {p} = {a}({w.data()}), {a}('peer')
        {o}.near = {p}.near = {near}
    """
    w.use(
        f"{p} in {o}.near", f"{o}.near is {p}.near", f"[*vars({o})]",
        f"sorted(str(one_.name) for one_ in {o}.near)", f"{a}('peer') in {p}.near",
    )  # fmt: skip
    w.back(o, f"{a}('peer') in {o}.near", f"sorted(str(one_.name) for one_ in {o}.near)")


@step
def attributes_that_are_shared(w: Writer) -> Iterator[str]:
    a, o, p = w.cls(), w.own("one"), w.own("two")
    own = w.maybe()
    yield f"""
        class {a}({"dict" if own else ""}):
            state = {{'first': {w.data()}}}
            def __init__(self): self.__dict__ = {"self" if own else "self.state"}
    """
    yield f"{o}, {p} = {a}(), {a}()\n{o}.x = {w.int()}"
    w.do(f"{o}.y = {w.int()}")
    w.use(f"{o}.x, {o}.y", f"sorted(vars({o}))", f"vars({o}) is vars({p})", f"len(vars({p}))")
