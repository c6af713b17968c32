"""Steps that make classes of special kinds: dataclasses, enums, metaclasses and others."""

from __future__ import annotations

from collections.abc import Iterator

from tests.travel.histories import Writer, step


@step
def dataclasses_(w: Writer) -> Iterator[str]:
    a, v = w.cls(), w.data()
    options = w.pick("", "(frozen=True)", "(order=True)", "(slots=True)", "(kw_only=True)")
    yield f"""
        @dataclass{options}
        class {a}:
            x: int = {v}
            y: list = field(default_factory=list)
            z: 'typing.ClassVar[int]' = {w.int()}
            k: int = field(default={v}, repr=False)
            def total(self): return self.x + self.k + {v}
    """
    yield f"""
        {v} = {w.int()}
        o{a} = {a}(x=1, y=[{v}])
    """
    w.use(
        f"repr({a}())", f"repr(o{a})", f"{a}().total()", f"o{a} == {a}(x=1, y=[{v}])",
        f"repr(dataclasses.replace(o{a}, x=7))", f"dataclasses.asdict(o{a})",
        f"[(f_.name, f_.default is dataclasses.MISSING) for f_ in dataclasses.fields({a})]",
        f"{a}() < {a}(x=100)", f"hash({a}(y=1))", f"setattr({a}(), 'x', 2)",
    )  # fmt: skip


@step
def dataclass_inherited(w: Writer) -> Iterator[str]:
    a, sub, make = w.cls(), w.own("Sub"), w.own("make")
    yield f"def {make}(): return [{w.int()}]"
    yield f"""
        @dataclass
        class {a}:
            x: int = 1
            def __post_init__(self): self.seen = self.x + {w.data()}
    """
    yield f"""
        @dataclass
        class {sub}({a}):
            y: list = field(default_factory={make})
    """
    if w.maybe():
        yield f"def {make}(): return 'other'"
    w.use(f"repr({sub}())", f"{sub}(3).seen", f"isinstance({sub}(), {a})")


@step
def enums(w: Writer) -> Iterator[str]:
    e = w.own("E")
    kind = w.pick("enum.Enum", "enum.IntEnum", "enum.Flag", "str, enum.Enum")
    values = ("'r'", "'g'") if "str" in kind else ("1", "2")
    yield f"""
        class {e}({kind}):
            RED = {values[0]}
            GREEN = {values[1]}
            ROT = RED
            @property
            def low(self): return self.name.lower()
            @classmethod
            def first(cls): return list(cls)[0]
    """
    yield w.pick(
        f"{e}.shout = lambda self: self.name + '!'",
        f"{e}.__str__ = lambda self: 'one of {e}'",
        f"{e}.note = {w.int()}",
        f"table{e} = {{{e}.RED: [1], {e}.GREEN: {e}}}",
    )
    w.use(
        f"repr({e}.ROT), {e}.GREEN.low, {e}.first().name",
        f"{e}.RED.shout()", f"str({e}.RED)", f"{e}.note", f"table{e}[{e}.RED]",
        f"table{e}[{e}.GREEN] is {e}", f"{e}({values[1]}).name, {e}['ROT'] is {e}.RED",
        f"list({e}.__members__)",
    )  # fmt: skip


@step
def enum_with_init(w: Writer) -> Iterator[str]:
    e = w.own("E")
    yield f"""
        class {e}(enum.Enum):
            EARTH = (1, {w.int()})
            MARS = (2, 3)
            def __init__(self, size, mass):
                self.size = size
                self.mass = mass
            def weight(self): return self.mass * {w.data()}
    """
    yield f"""
        {e}.MARS.mass = {w.int()}
        worlds{e} = [{e}.MARS, {e}.EARTH]
    """
    w.use(f"{e}.EARTH.weight()", f"{e}.MARS.weight()", f"worlds{e}[0] is {e}.MARS")


@step
def named_tuples(w: Writer) -> Iterator[str]:
    a, p = w.cls(), w.own("P")
    yield f"""
        class {a}(typing.NamedTuple):
            x: int
            y: int = {w.data()}
            def total(self): return self.x + self.y
    """
    yield f"""
        {p} = collections.namedtuple('{p}', 'x y', defaults=[{w.int()}])
        o{p} = [{p}(1), {a}(2)]
    """
    w.use(f"{a}(1).total(), repr({a}(1))", f"repr({p}(3))", f"repr(o{p})", f"type(o{p}[0]) is {p}")


@step
def slots_and_descriptors(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class Positive{a}:
            def __set_name__(self, owner, name): self.name = '_' + name
            def __get__(self, one, owner): return self if one is None else getattr(one, self.name)
            def __set__(self, one, value): setattr(one, self.name, abs(value))
    """
    yield f"""
        class {a}:
            __slots__ = ('_x', 'y')
            x = Positive{a}()
            def __init__(self, x): self.x = x; self.y = {w.data()}
            @property
            def both(self): return self.x, self.y
            @both.setter
            def both(self, value): self.x, self.y = value
    """
    yield f"""
        o{a} = {a}(-{w.int()})
        o{a}.both = (-4, {w.int()})
    """
    w.use(
        f"{a}(-3).both", f"o{a}.both", f"type({a}.x).__name__, {a}.x.name", f"setattr(o{a}, 'z', 1)"
    )


@step
def property_changed(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            n = 2
            @property
            def x(self): return self.n
            @functools.cached_property
            def y(self):
                log.append('y')
                return self.n * 10
    """
    yield f"o{a} = {a}(); o{a}.y"
    yield f"{a}.x = {a}.x.getter(lambda self: ('changed', self.n, {w.data()}))"
    w.use(f"{a}().x", f"o{a}.y", f"{a}().y", "log")


@step
def nested_classes(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            class Inner:
                size = {w.int()}
                def go(self): return self.size, {w.data()}
                class Deep(enum.Enum):
                    X = 1
            def make(self): return self.Inner()
    """
    yield f"""
        i{a} = {a}().make()
        {a}.Inner.size = {w.int()}
    """
    w.use(
        f"i{a}.go()",
        f"type(i{a}) is {a}.Inner",
        f"{a}.Inner.Deep.X.name",
        f"{a}.Inner.__qualname__",
    )


@step
def local_class(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        def {f}(k):
            class Local:
                def __init__(self, n): self.n = n
                def go(self): return self.n + k + {w.data()}
                def again(self): return Local(self.n + 1)
            return Local
    """
    yield f"""
        K{f} = {f}({w.int()})
        k{f} = K{f}({w.int()})
    """
    w.use(
        f"k{f}.go()", f"k{f}.again().go()", f"type(k{f}) is K{f}", f"K{f}.__name__, {f}(1)(2).go()"
    )


@step
def metaclass(w: Writer) -> Iterator[str]:
    a, meta = w.cls(), w.own("Meta")
    yield f"""
        class {meta}(type):
            known = {{}}
            def __new__(mcls, name, bases, space, **more):
                cls = super().__new__(mcls, name, bases, space)
                mcls.known[name] = more
                return cls
            def __len__(cls): return {w.int()}
    """
    yield f"""
        class {a}(metaclass={meta}, x=1):
            def go(self): return {w.data()}
    """
    w.use(f"len({a}), {a}().go()", f"{meta}.known", f"type({a}) is {meta}")


@step
def registered_subclasses(w: Writer) -> Iterator[str]:
    base = w.own("Base")
    yield f"""
        class {base}:
            known = []
            def __init_subclass__(cls, tag='t', **more):
                super().__init_subclass__(**more)
                {base}.known.append((cls.__name__, tag))
    """
    yield f"class {base}One({base}): pass"
    yield f"""
        class {base}Two({base}, tag='u'):
            def go(self): return {w.int()}
    """
    w.use(f"{base}.known", f"{base}Two().go()")


@step
def abstract(w: Writer) -> Iterator[str]:
    base, a = w.own("Shape"), w.cls()
    yield f"""
        class {base}(abc.ABC):
            @abc.abstractmethod
            def area(self): ...
            def twice(self): return 2 * self.area()
    """
    yield f"""
        class {a}({base}):
            def area(self): return {w.int()}
    """
    yield w.pick(f"{base}.register(int)", f"{base}.scale = {w.int()}")
    w.use(f"{a}().twice()", f"isinstance(1, {base})", f"{base}()", f"isinstance({a}(), {base})")


@step
def made_classes(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield w.pick(
        f"{a} = type('{a}', (), {{'x': {w.int()}, 'go': lambda self: self.x}})",
        f"{a} = dataclasses.make_dataclass('{a}', [('x', int, {w.int()})],"
        " namespace={'go': lambda self: self.x})",
        f"{a} = types.new_class('{a}', (dict,), {{}},"
        " lambda space: space.update(go=lambda self: len(self), x=3))",
        f"{a} = type('Other', (list,), {{'go': len, 'x': 1}})",
    )
    yield f"o{a} = {a}()"
    w.use(f"o{a}.go(), o{a}.x", f"{a}.__name__", f"type(o{a}) is {a}")


@step
def exceptions(w: Writer) -> Iterator[str]:
    e = w.own("Trouble")
    yield f"""
        class {e}(Exception):
            def __init__(self, code, *, text='t'):
                super().__init__(code)
                self.code, self.text = code, text
            def __str__(self): return f'{{self.code}} {{self.text}} {{{w.data()}}}'
    """
    yield f"""
        o{e} = {e}({w.int()}, text='kept')
        def raise{e}(n): raise {e}(n)
    """
    w.use(f"raise{e}({w.int()})", f"(str(o{e}), o{e}.code, o{e}.args)", f"isinstance(o{e}, {e})")


@step
def builtin_subclasses(w: Writer) -> Iterator[str]:
    a = w.cls()
    base = w.pick(
        *("dict", "list", "int", "str", "set", "collections.UserDict", "collections.Counter"),
        *("collections.deque", "collections.defaultdict", "collections.OrderedDict", "bytearray"),
    )
    yield f"""
        class {a}({base}):
            note = 'n'
            def go(self): return type(self).__name__, len(repr(self)), {w.data()}
    """
    yield f"o{a} = {a}(); o{a}.more = {w.int()}" if w.maybe() else f"o{a} = {a}(); o{a}.self = o{a}"
    w.use(
        f"o{a}.go()",
        f"o{a}.more",
        f"o{a}.self is o{a}",
        f"isinstance(o{a}, {base}), type(o{a}) is {a}",
    )


@step
def generics(w: Writer) -> Iterator[str]:
    a, t = w.cls(), w.own("T")
    yield f"""
        {t} = typing.TypeVar('{t}')
        class {a}(typing.Generic[{t}]):
            def __init__(self, x: {t}): self.x = x
            def get(self) -> {t}: return self.x
    """
    yield f"""
        class P{t}(typing.Protocol):
            def get(self): ...
        class D{t}(typing.TypedDict, total=False):
            k: int
    """
    w.use(
        f"{a}[int]({w.int()}).get()",
        f"{a}.__parameters__[0] is {t}",
        f"D{t}(k=1), D{t}.__total__",
        f"str({a}[str])",
    )


@step
def context_and_iterator(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            def __init__(self, n=3): self.n = n
            def __enter__(self): log.append('in'); return self
            def __exit__(self, *e): log.append('out'); return True
            def __iter__(self): return self
            def __next__(self):
                self.n -= 1
                if self.n < 0: raise StopIteration
                return self.n
    """
    yield f"o{a} = {a}(4); next(o{a})"
    w.do(f"""
        with {a}() as held_:
            1 / 0
    """)
    w.use(f"list(o{a})", f"list({a}({w.int()}))", "log")
