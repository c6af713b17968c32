"""Random notebooks: a few cells that define things, and one that uses them in every way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

DATA = ["a", "b", "c", "d"]
LOCAL = ["x", "y", "a", "b"]  # parameters and loop variables, some of them shadow data
FUNCTIONS = ["f", "g", "h"]
CLASSES = ["A", "B"]
DECORATOR = """\
def noted(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        log.append(function.__name__)
        return function(*args, **kwargs)
    return inner
"""


@dataclass
class Writer:
    """Writes Python that mostly works; `draw` makes the choices."""

    draw: Any
    data: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    scope: list[str] = field(default_factory=list)  # names that are local here

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    # --- expressions: all of them are small integers

    def name(self) -> str:
        known = [*self.scope, *self.data]
        if not known or self.draw(st.integers(0, 40)) == 0:
            return str(self.one_of(*DATA, "missing"))
        return str(self.one_of(*known))

    def number(self, depth: int = 2) -> str:
        plain = ["literal", "name", "name", "name"]
        if depth <= 0:
            kind = self.one_of(*plain)
        else:
            nested = ["sum", "if", "fstring", "lambda", "walrus", "comp", "dict", "any", "math"]
            nested += ["call", "call"] * bool(self.functions)
            nested += ["method", "attribute"] * bool(self.kinds)
            kind = self.one_of(*plain, *nested)
        return str(getattr(self, f"number_{kind}")(depth - 1))

    def number_literal(self, _depth: int) -> str:
        return str(self.draw(st.integers(0, 9)))

    def number_name(self, _depth: int) -> str:
        return self.name()

    def number_sum(self, depth: int) -> str:
        return f"({self.number(depth)} {self.one_of('+', '-', '*', '%')} {self.number(depth)})"

    def number_if(self, depth: int) -> str:
        test = f"{self.number(depth)} > {self.number(depth)}"
        return f"({self.number(depth)} if {test} else {self.number(depth)})"

    def number_fstring(self, _depth: int) -> str:
        # Python before 3.12 can't nest them
        return f'len(f"{{{self.name()} * 7:>{{{self.number(0)} % 5 + 1}}}}")'

    def number_lambda(self, depth: int) -> str:
        parameter = self.one_of(*LOCAL)
        default = f", q={self.number(0)}"
        body = self.inside([parameter, "q"], depth)
        return f"(lambda {parameter}{default}: {body})({self.number(depth)})"

    def number_walrus(self, depth: int) -> str:
        target = self.one_of(*DATA)
        return f"({target} := {self.number(depth)})" if not self.scope else self.name()

    def number_comp(self, depth: int) -> str:
        first, second = self.one_of("x", "a"), self.one_of("y", "b")
        outer = self.inside(["a"], depth)  # no walrus here
        test = self.inside([first], depth)
        inner = self.inside([first], depth)
        value = self.inside([first, second], depth)
        opening, closing = self.one_of("[]", "()", "{}")
        return (
            f"sum({opening}{value} for {first} in range({outer} % 4) if {test} % 2"
            f" for {second} in range({inner} % 3){closing})"
        )

    def number_dict(self, depth: int) -> str:
        key = self.one_of(*LOCAL)
        pairs = f"{{{key}: {self.inside([key], depth)} for {key} in range(3)}}"
        return f"{pairs}[{self.one_of(0, 1, 2, 2, 3)}]"

    def number_any(self, depth: int) -> str:
        if self.scope:
            return self.name()
        target = self.one_of(*DATA)
        body = self.inside(["x"], depth)
        return f"any(({target} := {body}) > 3 for x in range({self.number(0)} % 5))"

    def number_math(self, depth: int) -> str:
        return f"{self.one_of('math.gcd', 'm.gcd', 'gcd')}({self.number(depth)}, 12)"

    def number_call(self, depth: int) -> str:
        keyword = self.one_of("", "", f", k={self.number(0)}")
        return f"{self.one_of(*self.functions)}({self.number(depth)}{keyword})"

    def number_method(self, depth: int) -> str:
        made = f"{self.one_of(*self.kinds)}({self.number(depth)})"
        return f"{made}.{self.one_of('total()', 'plus(1)', 'n', 'twice')}"

    def number_attribute(self, _depth: int) -> str:
        return f"{self.one_of(*self.kinds)}.{self.one_of('size', 'count')}"

    def inside(self, names: list[str], depth: int) -> str:
        """An expression in a scope that has these names."""
        before = self.scope
        self.scope = [*before, *names]
        try:
            return self.number(depth)
        finally:
            self.scope = before

    # --- statements

    def bind(self, name: str, where: list[str]) -> str:
        if name not in where:
            where.append(name)
        return name

    def statement(self) -> str:
        kinds = ["assign", "assign", "augment", "print", "loop", "branch", "attempt", "match"]
        kinds += ["unpack", "delete", "function", "function", "closure", "generator", "class_"]
        kinds += ["with_block", "lambda_", "annotated", "star", "later"]
        kinds += ["set_attribute"] * bool(self.kinds)
        return str(getattr(self, self.one_of(*kinds))())

    def assign(self) -> str:
        value = self.number()
        return f"{self.bind(self.one_of(*DATA), self.data)} = {value}"

    def augment(self) -> str:
        return f"{self.one_of(*(self.data or DATA))} += {self.number(1)}"

    def annotated(self) -> str:
        value = self.number(1)
        target = self.bind(self.one_of(*DATA), self.data)
        return f"{target}: {self.one_of('int', 'list[int]')} = {value}"

    def print(self) -> str:
        return f"print({self.number()}, {self.number(1)})"

    def loop(self) -> str:
        target, body = self.one_of(*DATA), self.one_of(*DATA)
        count = self.number(1)
        text = f"for {target} in range({count} % 4):\n    {body} = {self.inside([target], 1)}"
        return text + self.one_of("", f"\nelse:\n    {target} = {self.number(0)}")

    def branch(self) -> str:
        first, second = self.one_of(*DATA), self.one_of(*DATA)
        test = self.number(1)
        text = f"if {test} > 4:\n    {first} = {self.number(1)}"
        return text + self.one_of("", f"\nelse:\n    {second} = {self.number(1)}")

    def attempt(self) -> str:
        target = self.one_of(*DATA)
        risky = f"{target} = {self.number(1)} // {self.number(1)}"
        handler = self.one_of("ZeroDivisionError", "Exception")
        saved = f"{self.bind(self.one_of(*DATA), self.data)} = {self.number(0)}"
        caught = f"except {handler} as error:\n    print(error)"
        return f"try:\n    {risky}\n{caught}\nfinally:\n    {saved}"

    def match(self) -> str:
        rest = self.one_of(*DATA)
        return (
            f"match [{self.number(1)}, {self.number(0)}]:\n"
            f"    case [0, x]:\n        print(x)\n"
            f"    case [{rest}, *x] if {self.inside([rest], 1)} > 2:\n        print({rest}, x)\n"
            f"    case _ as other:\n        print(other)"
        )

    def unpack(self) -> str:
        values = f"{self.number(1)}, {self.number(1)}, {self.number(0)}"
        one, two = self.one_of(*DATA), self.one_of(*DATA)
        self.bind(one, self.data)
        return self.one_of(
            f"{one}, *rest = {values}", f"({one}, _u), {two} = ({values[:0]}1, 2), 3"
        )

    def delete(self) -> str:
        return f"del {self.one_of(*(self.data or DATA))}" if self.one_of(0, 0, 1) else "pass"

    def function(self) -> str:
        name, parameter = self.one_of(*FUNCTIONS), self.one_of(*LOCAL)
        decorator = self.one_of("", "", "@noted\n")
        default = self.number(1)
        annotation = self.one_of("", ": int")
        head = f"{decorator}def {name}({parameter}{annotation}, k={default}):\n"
        before, self.scope = self.scope, [parameter, "k"]
        body = self.one_of(
            f"    return {self.number()}",
            f"    if {parameter} > 3:\n        return {self.number(1)}\n    return {self.number()}",
            f"    if {parameter} <= 0: return 1\n    return {parameter} + {name}({parameter} - 3)",
            f"    total = {self.number(1)}\n    for i in range(k % 3): total += i\n"
            "    return total",
            f"    global {self.one_of('d', 'c')}\n    d = c = {self.number(1)}\n    return d",
        )
        self.scope = before
        self.bind(name, self.functions)
        return head + body

    def closure(self) -> str:
        name = self.one_of(*FUNCTIONS)
        start = self.number(1)
        body = self.inside(["x", "n"], 1)
        self.bind(name, self.functions)
        return (
            f"def make(n):\n    def step(x=1, k=2):\n        nonlocal n\n        n += {body}\n"
            f"        return n\n    return step\n{name} = make({start})"
        )

    def generator(self) -> str:
        name = self.one_of(*FUNCTIONS)
        body = self.inside(["x", "k"], 1)
        self.bind(name, self.functions)
        return (
            f"def numbers(x, k):\n    while k > 0:\n        yield {body}\n        k -= 1\n"
            f"def {name}(x, k=2):\n    return sum(numbers(x, k % 5))"
        )

    def lambda_(self) -> str:
        name, default = self.one_of(*FUNCTIONS), self.number(0)
        text = f"{name} = lambda x, k={default}: {self.inside(['x', 'k'], 2)}"
        self.bind(name, self.functions)
        return text

    def class_(self) -> str:
        name = self.one_of(*CLASSES)
        base = self.one_of("", *(kind for kind in self.kinds if kind < name))
        size = self.number(0)  # a call would be made again there: see capture/state.py
        method = self.inside(["other"], 1)
        total = self.number(1)
        parent = self.one_of("", "super().total() + ") if base else ""
        self.bind(name, self.kinds)
        return (
            f"class {name}{f'({base})' if base else ''}:\n"
            f"    size = {size}\n    count = size + 1\n    seen = []\n"
            f"    def __init__(self, n):\n        self.n = n\n        self.seen.append(n)\n"
            f"    @property\n    def twice(self): return self.n * 2 + len(self.seen)\n"
            f"    def plus(self, other): return self.n + {method}\n"
            f"    def total(self): return {parent}self.n + {total}"
        )

    def set_attribute(self) -> str:
        return f"{self.one_of(*self.kinds)}.count = {self.number(1)}"

    def with_block(self) -> str:
        target = self.bind(self.one_of(*DATA), self.data)
        return f"with contextlib.nullcontext({self.number(1)}) as {target}:\n    print({target})"

    def star(self) -> str:
        return str(self.one_of("from math import *", "import math as m", "from math import gcd"))

    def later(self) -> str:
        """Two functions that use each other, and one that uses what comes after it."""
        return "def even(n): return n <= 0 or odd(n - 1)\ndef odd(n): return n > 0 and even(n - 1)"


IMPORTS = "import contextlib, functools, math\nimport math as m\nfrom math import gcd\nlog = []"


@st.composite
def notebooks(draw: st.DrawFn) -> list[str]:
    """Cells; the last one ends with an expression."""
    writer = Writer(draw)
    cells = [f"{IMPORTS}\n{DECORATOR}", "a, b = 2, 5"]
    writer.data += ["a", "b"]
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 2))
        cells.append("\n".join(writer.statement() for _ in range(count)))
    body = [writer.statement() for _ in range(draw(st.integers(0, 3)))]
    last = f"[{writer.number()}, {writer.number()}, log]"
    cells.append("\n".join([*body, last]))
    return cells
