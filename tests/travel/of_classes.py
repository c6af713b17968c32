"""Steps that define classes, and change them after."""

from __future__ import annotations

from collections.abc import Iterator

from tests.travel.histories import Writer, step


def plain_class(w: Writer, name: str, base: str = "") -> str:
    return (
        f"class {name}{f'({base})' if base else ''}:\n    size = {w.int()}\n"
        f"    def __init__(self, n={w.int()}): self.n = n\n"
        f"    def loss(self, x): return self.n * 100 + x + {w.data()}\n"
        f"    def __eq__(self, other): return type(self) is type(other) and self.n == other.n\n"
        f"    def __hash__(self): return hash(self.n)"
    )


@step
def plain(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield f"o{a} = {a}({w.int()})"
    w.use(f"{a}().loss({w.int()})", f"o{a}.loss(1)", f"type(o{a}) is {a}", f"{a}.__qualname__")


@step
def method_replaced(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield f"def loss(self, x): return 'replaced', self.n, x, {w.data()}"
    yield f"{a}.loss = loss"
    w.use(f"{a}(1).loss({w.int()})")


@step
def method_added(w: Writer) -> Iterator[str]:
    a = w.cls()
    kind = w.pick("plain", "lambda", "property", "static", "class", "nested", "closure")
    yield plain_class(w, a)
    yield {
        "plain": f"def extra(self, x=1): return self.n + x\n{a}.extra = extra",
        "lambda": f"{a}.extra = lambda self, x=1: self.n - x + {w.data()}",
        "property": f"{a}.extra = property(lambda self: lambda x=1: self.n * x)",
        "static": f"{a}.extra = staticmethod(lambda x=1: x + {w.data()})",
        "class": f"{a}.extra = classmethod(lambda cls, x=1: (cls.__name__, x))",
        "nested": f"""
            class Extra:
                def __init__(self, x=1): self.x = x
                def __repr__(self): return f'Extra {{self.x}}'
            {a}.extra = Extra
        """,
        "closure": f"""
            def make_(k):
                def extra(self, x=1): return self.n + x + k
                return extra
            {a}.extra = make_({w.int()})
        """,
    }[kind]
    w.use(f"{a}(4).extra()", f"{a}(4).extra({w.int()})", f"{a}(2).loss(1)")


@step
def method_wrapped(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield """
        def timed(one):
            @functools.wraps(one)
            def inner(*args):
                log.append(one.__name__)
                return 'timed', one(*args)
            return inner
    """
    yield f"{a}.loss = timed({a}.loss)"
    w.use(f"{a}(1).loss({w.int()})", "log", f"{a}.loss.__name__")


@step
def operators_added(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield w.pick(
        f"{a}.__call__ = lambda self, x: self.n + x",
        f"{a}.__repr__ = lambda self: f'<{{self.n}} of {a}>'",
        f"{a}.__add__ = lambda self, other: {a}(self.n + other.n)\n{a}.__repr__ = lambda self: 'r'",
        f"{a}.__len__ = lambda self: self.n\n{a}.__getitem__ = lambda self, i: i * 2",
        f"{a}.__lt__ = lambda self, other: self.n < other.n\n{a} = functools.total_ordering({a})",
        f"{a}.__getattr__ = lambda self, name: 'no ' + name",
        f"{a}.__init__ = lambda self, n=1: setattr(self, 'n', n + 1000)",
        f"{a}.__eq__ = lambda self, other: 'equal'\n",
        f"{a}.__bool__ = lambda self: False",
        f"{a}.__doc__ = 'Added.'",
    )
    w.use(
        f"{a}(3)(2)",
        f"repr({a}(3) + {a}(4))",
        f"len({a}(3)), {a}(3)[2]",
        f"{a}(1) >= {a}(2)",
        f"{a}(1).nothing",
        f"{a}(1) == {a}(2)",
        f"({a}(1).n, bool({a}(1)), {a}.__doc__)",
    )


@step
def method_deleted(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield f"del {a}.{w.pick('loss', 'size', '__eq__')}"
    w.use(f"{a}(1).loss(1)", f"{a}.size", f"{a}(1) == {a}(1)")


@step
def attribute_changed(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            count = {w.int()}
            made = []
            table = {{'x': {w.data()}}}
            def __init__(self):
                {a}.count += 1
                self.made.append({a}.count)
    """
    yield w.pick(f"{a}(); {a}()", f"{a}.count = {w.int()}", f"{a}.table['y'] = [{a}.made]", "pass")
    yield f"{a}.later = ({w.int()}, {a}.made)"
    w.use(f"({a}(), {a}.count)[1]", f"{a}.made", f"{a}.table", f"{a}.later[1] is {a}.made")


@step
def class_as_later_attribute(w: Writer) -> Iterator[str]:
    a, parser = w.cls(), w.own("Parser")
    yield f"""
        class {a}:
            def go(self, x): return self.parser().parse(x)
    """
    yield f"""
        class {parser}:
            def parse(self, x): return x, {w.data()}
    """
    yield f"{a}.parser = {parser}"
    if w.maybe():
        yield f"{parser}.job = {a}"
        w.use(f"{parser}.job is {a}")
    w.use(f"{a}().go({w.int()})", f"{a}.parser is {parser}")


@step
def inheritance(w: Writer) -> Iterator[str]:
    base, sub = w.cls(), w.own("Sub")
    yield plain_class(w, base)
    yield f"""
        class {sub}({base}):
            def loss(self, x): return 'sub', super().loss(x)
            def up(self): return super()
    """
    if w.maybe():
        yield plain_class(w, base)  # the subclass keeps the older one
    w.use(f"{sub}(2).loss({w.int()})", f"issubclass({sub}, {base})", f"isinstance({sub}(), {base})")
    w.use(f"[one.__name__ for one in {sub}.__mro__]")


@step
def class_of_its_own_name(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield f"""
        class {a}({a}):
            def loss(self, x): return 'second', super().loss(x)
    """
    w.use(f"{a}(2).loss({w.int()})", f"len({a}.__mro__)")


@step
def patched_super(w: Writer) -> Iterator[str]:
    base, sub = w.own("Base"), w.cls()
    yield f"""
        class {base}:
            def go(self, x): return 'base', x
    """
    yield f"""
        class {sub}({base}):
            def go(self, x): return 'sub', super().go(x)
    """
    yield f"""
        def go(self, x): return 'patched', super({sub}, self).go(x)
        {sub}.go = go
    """
    yield f"""
        def go(self, x): return 'base2', x, {w.data()}
        {base}.go = go
    """
    w.use(f"{sub}().go({w.int()})", f"{base}().go(1)")


@step
def default_of_method(w: Writer) -> Iterator[str]:
    a, v = w.cls(), w.data()
    yield f"""
        class {a}:
            def go(self, x={v}, *, y=[{v}]):
                y.append(x)
                return x, list(y)
    """
    yield f"{v} = {w.int()}"
    if w.maybe():
        yield f"{a}().go()"
    w.use(f"{a}().go()", f"{a}().go(1)")


@step
def body_with_effects(w: Writer) -> Iterator[str]:
    a, v = w.cls(), w.data()
    yield f"""
        class {a}:
            print('body of {a}')
            log.append('{a}')
            here = {v} + 1
            squares = [i * i for i in range(3)]
            for i in range(2): last = i
            if {v} > 4:
                def go(self): return 'big'
            else:
                def go(self): return 'small'
            def here_of(self): return self.here
    """
    yield f"{v} = {w.int()}"
    w.use(f"{a}().go()", f"{a}().here_of()", f"({a}.squares, {a}.last, {a}.i)", "log")


@step
def class_decorators(w: Writer) -> Iterator[str]:
    a, d = w.cls(), w.own("keep")
    yield f"""
        kept{d} = {{}}
        def {d}(cls):
            kept{d}[cls.__name__] = cls
            cls.mark = len(kept{d})
            print('keeping')
            return cls
    """
    yield f"""
        @{d}
        @functools.total_ordering
        class {a}:
            def __init__(self, n=1): self.n = n
            def __eq__(self, o): return self.n == o.n
            def __lt__(self, o): return self.n < o.n
    """
    w.use(f"{a}.mark", f"{a}(1) >= {a}(2)", f"kept{d}['{a}'] is {a}", f"len(kept{d})")


@step
def class_in_containers(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield plain_class(w, a)
    yield f"""
        kinds{a} = [{a}, {{'k': {a}}}, partial({a}, 5), ({a}.loss, {a}.__init__),
                    int, list[int], type(None)]
    """
    w.use(
        f"kinds{a}[0] is {a} is kinds{a}[1]['k']",
        f"kinds{a}[2]().n",
        f"kinds{a}[3][0]({a}(2), 1)",
        f"kinds{a}[4:]",
    )


@step
def static_and_class_methods(w: Writer) -> Iterator[str]:
    a, v = w.cls(), w.data()
    yield f"""
        class {a}:
            base = {w.int()}
            @staticmethod
            def s(x={v}): return x + {v}
            @classmethod
            def c(cls, x): return cls.base + x
            go = s
            p = property(lambda self: self.base)
            l = staticmethod(lambda x: x * {v})
            partly = functools.partialmethod(lambda self, x, y: (x, y), {v})
    """
    yield f"""
        {v} = {w.int()}
        {a}.base = {v}
        held{a} = [{a}.s, {a}.c, {a}().c]
    """
    w.use(
        f"{a}.s(), {a}.s(1), {a}.c(1), {a}().go(2)",
        f"{a}().p, {a}.l(3)",
        f"[one(1) for one in held{a}]",
        f"{a}().partly(1)",
    )


@step
def about_the_class(w: Writer) -> Iterator[str]:
    a = w.cls()
    yield f"""
        class {a}:
            '''Documented.'''
            x: int = 1
            y: 'str'
            def go(self): 'Goes.'
    """
    w.use(
        f"({a}.__name__, {a}.__qualname__, {a}.__module__, {a}.__doc__)", f"{a}.__annotations__",
        f"({a}.go.__qualname__, {a}.go.__doc__)", f"typing.get_type_hints({a})",
        f"[name for name in vars({a}) if not name.startswith('__')]", f"str({a})",
        f"__import__('inspect').getsource({a})",
    )  # fmt: skip
