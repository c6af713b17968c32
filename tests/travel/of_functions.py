"""Steps that define, wrap, replace and hold functions."""

from __future__ import annotations

from collections.abc import Iterator

from tests.travel.histories import Writer, step


@step
def global_rebound(w: Writer) -> Iterator[str]:
    f, a = w.function(), w.data()
    yield f"""
        def {f}(x):
            return x * 10 + {a}
    """
    yield f"{a} = {w.int()}"
    w.use(f"{f}({w.int()})")


@step
def default_kept(w: Writer) -> Iterator[str]:
    f, a = w.function(), w.data()
    yield f"""
        def {f}(x, y={a}, *, z={a} + 1):
            return x, y, z
    """
    yield f"{a} = {w.int()}"
    w.use(f"{f}({w.int()})", f"{f}.__defaults__", f"{f}.__kwdefaults__")


@step
def default_list(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        def {f}(x, seen=[]):
            seen.append(x)
            return list(seen)
    """
    yield f"{f}({w.int()}); {f}({w.int()})"
    w.use(f"{f}({w.int()})", f"{f}({w.int()})")


@step
def default_function(w: Writer) -> Iterator[str]:
    f, g = w.function(), w.own("key")
    yield f"def {g}(x): return -x"
    yield f"""
        def {f}(x, key={g}, other=lambda v: v + {w.int()}):
            return key(x), other(x)
    """
    yield f"def {g}(x): return x + 100"
    w.use(f"{f}({w.int()})", f"{g}(1)")


@step
def closure(w: Writer) -> Iterator[str]:
    f, make = w.function(), w.own("make")
    yield f"""
        def {make}(n):
            def step(by=1):
                nonlocal n
                n += by
                return n
            return step
        {f} = {make}({w.int()})
    """
    if w.maybe():
        yield f"{f}({w.int()})"
    w.use(f"{f}()", f"{f}(3)")


@step
def closures_of_one_cell(w: Writer) -> Iterator[str]:
    up, look, make = w.own("up"), w.own("look"), w.own("make")
    yield f"""
        def {make}(n):
            def up():
                nonlocal n
                n += 1
            def look(): return n
            return up, look
        {up}, {look} = {make}({w.int()})
    """
    yield f"{up}()"
    w.use(f"({up}(), {look}())[1]", f"{look}()")


@step
def closure_over_function(w: Writer) -> Iterator[str]:
    f, g, a = w.function(), w.own("compose"), w.data()
    yield f"""
        def {g}(*fs):
            def run(x):
                for one in fs: x = one(x)
                return x
            return run
    """
    yield f"{f} = {g}(lambda x: x + {a}, lambda x: x * {w.int()}, str)"
    yield f"{a} = {w.int()}"
    w.use(f"{f}({w.int()})")


@step
def lambdas_in_dict(w: Writer) -> Iterator[str]:
    rules = w.own("rules")
    yield (
        f"{rules} = {{'bigger': lambda x, y: 'yes' if x > y else 'no',"
        f" 'sum': lambda x, y: x + y + {w.data()}, 'both': [lambda x, y: (x, y)]}}"
    )
    w.use(f"{rules}['bigger'](1, 2)", f"{rules}['sum'](1, {w.int()})", f"{rules}['both'][0](1, 2)")


@step
def lambdas_of_one_line(w: Writer) -> Iterator[str]:
    fs = w.own("fs")
    yield f"{fs} = [lambda x: x + 1, lambda x: x + 2, lambda x: x - 1, (lambda x: x + 1)]"
    w.use(f"[one({w.int()}) for one in {fs}]")


@step
def lambdas_of_comprehension(w: Writer) -> Iterator[str]:
    fs = w.own("fs")
    yield w.pick(
        f"{fs} = [lambda x, k=k: x * k for k in range(3)]",
        f"{fs} = [lambda x: x * k for k in range(3)]",
        f"{fs} = [(lambda n: lambda x: x + n)(k) for k in range(3)]",
        f"{fs} = list({{k: lambda x, k=k: k - x for k in range(3)}}.values())",
    )
    w.use(f"[one({w.int()}) for one in {fs}]")


@step
def lambda_named(w: Writer) -> Iterator[str]:
    f, a = w.function(), w.data()
    yield f"""
        {f} = lambda x, k={a}: (
            x +
            k + {w.data()})
    """
    yield f"{a} = {w.int()}"
    w.use(f"{f}({w.int()})", f"{f}.__name__")


@step
def lambda_conditional(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"{f} = (lambda x: x + 1) if {w.data()} > 4 else (lambda x: x - 1)"
    w.use(f"{f}({w.int()})")


@step
def partials(w: Writer) -> Iterator[str]:
    f, p = w.function(), w.own("p")
    yield f"def {f}(x, y, z=0): return x, y, z, {w.data()}"
    yield w.pick(
        f"{p} = partial({f}, {w.int()})",
        f"{p} = partial({f}, z={w.data()})",
        f"{p} = partial(lambda x, y: x - y, {w.int()})",
        f"{p} = partial(partial({f}, 1), z=3)",
        f"{p} = partial(max, {w.int()})",
    )
    w.use(f"{p}({w.int()})", f"{p}({w.int()}, {w.int()})")


@step
def recursion(w: Writer) -> Iterator[str]:
    f, g = w.function(), w.own("old")
    yield f"def {f}(n): return 1 if n < 1 else n * {f}(n - 1)"
    yield f"{g} = {f}"
    if w.maybe():
        yield f"def {f}(n): return {w.int()}"
    w.use(f"{f}(4)", f"{g}(4)", f"{g} is {f}")


@step
def mutual_recursion(w: Writer) -> Iterator[str]:
    even, odd = w.own("even"), w.own("odd")
    yield f"def {even}(n): return True if n == 0 else {odd}(n - 1)"
    yield f"def {odd}(n): return False if n == 0 else {even}(n - 1)"
    if w.maybe():
        yield f"both{odd} = [{even}, {odd}]"
        w.use(f"both{odd}[0](3)", f"both{odd}[1] is {odd}")
    w.use(f"{even}({w.int()})")


@step
def recursive_closure(w: Writer) -> Iterator[str]:
    f, make = w.function(), w.own("make")
    yield f"""
        def {make}(base):
            def inner(n): return base if n < 1 else inner(n - 1) + n
            return inner
        {f} = {make}({w.int()})
    """
    w.use(f"{f}(4)", f"{f}.__qualname__")


@step
def counting_global(w: Writer) -> Iterator[str]:
    f, n = w.function(), w.own("count")
    yield f"""
        {n} = 0
        def {f}(x):
            global {n}
            {n} += 1
            return x + {n}
    """
    yield f"{f}(1)"
    w.use(f"{f}({w.int()})", f"{f}({w.int()})", n)


@step
def global_only_in_function(w: Writer) -> Iterator[str]:
    f, n = w.function(), w.own("made")
    yield f"""
        def {f}(x):
            global {n}
            {n} = x
            return {n}
    """
    w.use(f"{f}({w.int()})", n)


@step
def made_by_eval(w: Writer) -> Iterator[str]:
    f = w.function()
    yield w.pick(
        f"{f} = eval('lambda x: x + {w.int()}')",
        f"exec('def {f}(x): return x * {w.int()}')",
        f"{f} = eval('lambda x: x + {w.data()}')",
        f"space_ = {{}}; exec('def made(x): return x - 1', space_); {f} = space_['made']",
    )
    w.use(f"{f}({w.int()})")


@step
def name_deleted(w: Writer) -> Iterator[str]:
    f, n = w.function(), w.own("gone")
    yield f"""
        {n} = 1
        def {f}(x): return x + {n}
    """
    yield f"del {n}"
    w.use(f"{f}({w.int()})")


@step
def shadowed_builtin(w: Writer) -> Iterator[str]:
    f, name = w.function(), w.pick("sum", "max", "sorted", "len")
    yield f"def {f}(x): return {name}([x, 1])"
    yield f"def {name}(xs): return 'mine', {w.data()}"
    w.use(f"{f}({w.int()})", f"{name}([1])")


@step
def asynchronous(w: Writer) -> Iterator[str]:
    f = w.own("later")
    yield f"""
        async def {f}(x):
            await asyncio.sleep(0)
            return x + {w.data()}
    """
    w.use(f"await {f}({w.int()})", f"await asyncio.gather({f}(1), {f}(2))")


@step
def generators(w: Writer) -> Iterator[str]:
    f = w.own("gen")
    yield f"""
        def {f}(n):
            for i in range(n):
                yield i * {w.data()}
    """
    yield f"""
        @contextlib.contextmanager
        def around_{f}(x):
            log.append(x)
            yield x + 1
    """
    w.use(f"list({f}(3))", f"(lambda cm: cm.__enter__())(around_{f}({w.int()}))", "log")


@step
def names_of_function(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        def {f}(x: int, *more: 'str', k: float = 1.0, **rest) -> list:
            '''Doc.'''
            return [x]
    """
    w.use(
        f"({f}.__name__, {f}.__qualname__, {f}.__module__, {f}.__doc__)",
        f"{f}.__annotations__",
        f"str(__import__('inspect').signature({f}))",
        f"typing.get_type_hints({f})",
        # a lambda's source is the lambda alone there
        f"{f}.__name__ == '<lambda>' or __import__('inspect').getsource({f})",
    )


@step
def code_in_one_line(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        def {f}(x): return x + {w.int()}
        for i_ in range(2): {f}s = [{f}, lambda x: {f}(x) + i_]
    """
    w.use(f"[one({w.int()}) for one in {f}s]")


@step
def defined_in_branch(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        if {w.data()} > 4:
            def {f}(x):
                return '''one
          two''', x
        else:
            def {f}(x):
                return {w.int()}
    """
    w.use(f"{f}({w.int()})")


@step
def defined_in_loop(w: Writer) -> Iterator[str]:
    fs = w.own("fs")
    yield f"""
        {fs} = []
        for i_ in range(3):
            def one(x, i=i_):
                return x + i, i_
            {fs}.append(one)
    """
    w.use(f"[one({w.int()}) for one in {fs}]")


@step
def bound_methods(w: Writer) -> Iterator[str]:
    a, m = w.cls(), w.own("m")
    yield f"""
        class {a}:
            def __init__(self, n): self.n = n
            def up(self):
                self.n += 1
                return self.n
    """
    yield f"""
        o{m} = {a}({w.int()})
        {m} = o{m}.up
        {m}s = [{m}, 'x,y'.split, [3, 1].index, {{1: 2}}.get]
    """
    yield f"{m}()"
    w.use(f"({m}(), o{m}.n)", f"{m}s[0]()", f"{m}s[1](',')", f"{m}s[2](1)", f"{m}s[3](1)")


@step
def references(w: Writer) -> Iterator[str]:
    fs = w.own("fs")
    yield f"""
        from statistics import mean as average
        import os.path
        {fs} = [math.sqrt, pow, average, os.path.join, operator.itemgetter(1), str.upper,
                dict.fromkeys]
    """
    w.use(
        f"{fs}[0](4), {fs}[1](2, 3), {fs}[2]([1, 2]), {fs}[3]('a', 'b')",
        f"{fs}[4]([5, 6]), {fs}[5]('x'), {fs}[6]([1])",
    )
