"""Steps that decorate, register, wrap and change functions that exist."""

from __future__ import annotations

from collections.abc import Iterator

from tests.travel.histories import Writer, step

COUNTING = """\
def counted(function):
    log.append(function.__name__)
    print('decorating', function.__name__)
    @functools.wraps(function)
    def inner(*args, **kwargs):
        inner.calls += 1
        return function(*args, **kwargs)
    inner.calls = 0
    return inner"""


@step
def decorated_counting(w: Writer) -> Iterator[str]:
    f = w.function()
    yield COUNTING
    yield f"""
        @counted
        def {f}(x): return x + {w.data()}
    """
    if w.maybe():
        yield f"{f}({w.int()})"
    w.use(f"{f}({w.int()})", f"{f}.calls", "log", f"{f}.__wrapped__({w.int()})")


@step
def decorator_redefined(w: Writer) -> Iterator[str]:
    f, d = w.function(), w.own("deco")
    yield f"def {d}(function): return lambda x: function(x) + 1"
    yield f"""
        @{d}
        def {f}(x): return x * 2
    """
    yield f"def {d}(function): return lambda x: function(x) + 100"
    w.use(f"{f}({w.int()})")


@step
def decorator_with_argument(w: Writer) -> Iterator[str]:
    f, d, a = w.function(), w.own("times"), w.data()
    yield f"""
        def {d}(k):
            def wrap(function):
                @functools.wraps(function)
                def inner(x): return k * function(x)
                return inner
            return wrap
    """
    yield f"""
        @{d}({a})
        @{d}({w.int()})
        def {f}(x):
            return x + 1
    """
    yield f"{a} = {w.int()}"
    w.use(f"{f}({w.int()})", f"{f}.__name__")


@step
def registry(w: Writer) -> Iterator[str]:
    r, f = w.own("R"), w.function()
    kind = w.pick("dict", "list", "attribute")
    made, put, get = {
        "dict": (f"{r} = {{}}", f"{r}[one.__name__] = one", f"sorted({r})"),
        "list": (f"{r} = []", f"{r}.append(one)", f"[one.__name__ for one in {r}]"),
        "attribute": (
            f"class {r}:\n    known = {{}}",
            f"{r}.known[one.__name__] = one",
            f"sorted({r}.known)",
        ),
    }[kind]
    yield f"""
        {made}
        def register{r}(one):
            {put}
            return one
    """
    yield f"""
        @register{r}
        def {f}(x): return x + {w.int()}
    """
    yield f"""
        @register{r}
        def other{r}(x): return {f}(x) + {w.data()}
    """
    call = {
        "dict": f"{r}['other{r}']({w.int()})",
        "list": f"{r}[1]({w.int()})",
        "attribute": f"{r}.known['other{r}']({w.int()})",
    }[kind]
    w.use(get, call, f"other{r}({w.int()})", f"{f}({w.int()})")


@step
def registry_used_alone(w: Writer) -> Iterator[str]:
    r, f = w.own("R"), w.function()
    yield f"""
        {r} = {{}}
        def register{r}(one): {r}[one.__name__] = one; return one
    """
    yield f"""
        @register{r}
        def {f}(x): return x + {w.int()}
    """
    w.use(f"{f}({w.int()})")


@step
def cached(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        @functools.lru_cache(maxsize={w.pick("None", "8")})
        def {f}(x):
            return x + {w.data()}
    """
    w.use(f"{f}({w.int()})", f"{f}.__wrapped__(3)", f"{f}.__name__")


@step
def single_dispatch(w: Writer) -> Iterator[str]:
    f, a = w.function(), w.cls()
    yield f"""
        class {a}: pass
        @functools.singledispatch
        def {f}(x): return 'any', {w.data()}
    """
    yield f"""
        @{f}.register
        def _(x: int): return 'int', x + {w.int()}
    """
    yield f"""
        @{f}.register({a})
        def _(x): return 'own'
    """
    w.use(f"{f}(1)", f"{f}('s')", f"{f}({a}())")


@step
def old_function_kept(w: Writer) -> Iterator[str]:
    f, kept = w.function(), w.own("kept")
    yield f"def {f}(x): return x + 1"
    yield f"{kept} = {f}"
    yield f"def {f}(x): return {kept}(x) * 10"
    yield f"{kept}s = [{kept}, {f}]"
    w.use(f"{f}({w.int()})", f"{kept}({w.int()})", f"[one(1) for one in {kept}s]", f"{f}.__name__")


@step
def function_attributes(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        def {f}(x):
            {f}.calls += 1
            return x + {f}.calls
        {f}.calls = {w.int()}
    """
    yield f"""
        {f}.note = [{w.data()}, {f}.calls]
        {f}(1)
    """
    w.use(f"{f}({w.int()})", f"{f}.calls", f"{f}.note")


@step
def function_changed(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"""
        def {f}(x, y=1):
            'Adds.'
            return x + y
    """
    yield w.pick(
        f"{f}.__defaults__ = ({w.int()},)",
        f"{f}.__doc__ = 'Changed.'",
        f"{f}.__name__ = 'renamed'",
        f"def helper_(x, y=3): return x * y\n{f}.__code__ = helper_.__code__",
        f"{f}.__annotations__['x'] = int",
    )
    w.use(f"{f}({w.int()})", f"{f}.__doc__", f"{f}.__name__", f"{f}.__annotations__")


@step
def decorator_deleted(w: Writer) -> Iterator[str]:
    f, d = w.function(), w.own("deco")
    yield f"""
        def {d}(one):
            one.marked = {w.int()}
            return one
    """
    yield f"""
        @{d}
        def {f}(x): return x
    """
    yield f"del {d}"
    w.use(f"{f}({w.int()})", f"{f}.marked")


@step
def wrapped_by_hand(w: Writer) -> Iterator[str]:
    f = w.function()
    yield f"def {f}(x): return x + {w.data()}"
    yield w.pick(
        f"def timed(one):\n    def inner(*args):\n        log.append('timed')\n"
        f"        return one(*args)\n    return inner\n{f} = timed({f})",
        f"{f} = functools.lru_cache({f})",
        f"{f} = partial({f})",
        f"{f} = functools.wraps({f})(lambda x, one={f}: one(x) + 1)",
    )
    w.use(f"{f}({w.int()})", "log")
