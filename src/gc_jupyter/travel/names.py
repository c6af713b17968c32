"""Find the names that a piece of source needs from outside, from its syntax tree.

The text is read in evaluation order. A name that is read where it may not be bound yet is needed.
After branches, only names that all of them bind count as bound. A loop may run zero times. Names
inside a function are needed when the function is: once its own name is read, or at once if a
decorator gets it. So no guess makes a name missing on the worker, and a name that the text
certainly binds itself isn't sent.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gc_jupyter.travel import rebuild
from gc_jupyter.travel.names_in_text import is_namespace, read_call
from gc_jupyter.travel.scopes import (
    Function,
    StoredNames,
    annotated,
    arguments,
    defaults,
    leaves,
    type_parameters,
)


@dataclass
class Names:
    """The names that a text needs and binds. Maps lead from a name to the first line that reads
    it."""

    now: dict[str, int] = field(default_factory=dict)  # needed to execute the text
    later: dict[str, int] = field(default_factory=dict)  # needed once its functions are called
    chains: set[str] = field(default_factory=set)  # dotted paths as read: "scipy.stats.norm"
    modules: set[str] = field(default_factory=set)  # names that the text imports itself
    bound: set[str] = field(default_factory=set)

    @property
    def needed(self) -> dict[str, int]:
        """Return all names that must be there, sooner or later."""
        return {**self.later, **self.now}


def find_names(tree: ast.Module, outputs: Iterable[str] = ()) -> Names:
    """Read a module's tree. `outputs` are names that are read after its end."""
    reader = _Reader()
    reader.run(tree.body)
    for name in outputs:
        reader.read(name, 0)
    names = reader.names
    names.bound = reader.bound
    for free in reader.pending.values():
        for name, line in free.items():
            if name not in names.now:
                names.later.setdefault(name, line)
    return names


class _Reader(ast.NodeVisitor):
    """Reads one scope. `names.now` collects the names that the scope doesn't bind itself."""

    def __init__(self, bound: Iterable[str] = (), *, defer: bool = True) -> None:
        self.names = Names()
        self.bound = set(bound)
        self.defer = defer
        self.pending: dict[str, dict[str, int]] = {}  # function -> the names that its body needs
        self.shadows: list[set[str]] = []  # comprehension variables

    # -- reading and binding

    def read(self, name: str, line: int) -> None:
        if any(name in shadow for shadow in self.shadows):
            return
        for needed, at in self.pending.pop(name, {}).items():
            self.read(needed, at)
        if name not in self.bound:
            self.names.now.setdefault(name, line)

    def read_all(self, free: dict[str, int]) -> None:
        for name, line in free.items():
            self.read(name, line)

    def bind(self, name: str) -> None:
        if self.shadows and name in self.shadows[-1]:
            return
        self.bound.add(name)

    def run(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id, node.lineno)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:  # `del` of an outer name needs that name
            self.read(node.id, node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        parts = [node.attr]
        inner: ast.expr = node.value
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.names.chains.add(".".join([inner.id, *reversed(parts)]))
            if inner.id == "__main__":
                self.read(parts[-1], node.lineno)

    # -- statements that don't run simply from left to right

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if self.defer and isinstance(node.value, ast.Lambda) and isinstance(target, ast.Name):
            self.run(defaults(node.value.args))
            self.pending.setdefault(target.id, {}).update(self.body_names(node.value))
        else:
            self.visit(node.value)
        self.run(node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id, node.lineno)
        self.visit(node.value)
        self.visit(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.bound.add(node.target.id)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names.modules.add(alias.name)
            self.bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if not node.level:
            self.names.modules.add(module)
        for alias in node.names:
            if module == "__main__":
                self.read(alias.name, node.lineno)
            if alias.name == "*":
                known = sys.modules.get(module)
                public = getattr(known, "__all__", None) or [
                    name for name in vars(known or object) if not name.startswith("_")
                ]
                self.bound.update(public)
            else:
                self.names.modules.add(f"{module}.{alias.name}")
                self.bind(alias.asname or alias.name)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.branches([node.body, node.orelse])

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self.branches([node.body, []])
        self.branches([node.orelse, []])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.branches([[node.target, *node.body], []])
        self.branches([node.orelse, []])

    visit_AsyncFor = visit_For

    def visit_Try(self, node: ast.Try) -> None:
        before = set(self.bound)
        self.run(node.body)
        self.run(node.orelse)
        ends = [self.bound]
        for handler in node.handlers:
            self.bound = set(before)
            self.visit(handler)
            if not leaves(handler.body):
                ends.append(self.bound)
        after = set.intersection(*ends)
        self.bound = before
        self.run(node.finalbody)
        self.bound |= after

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self.bind(node.name)
        self.run(node.body)
        self.bound.discard(node.name or "")  # Python deletes it

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        self.run(node.items)
        if "suppress" in ast.unparse(node.items[0].context_expr):
            self.branches([node.body, []])
        else:
            self.run(node.body)

    visit_AsyncWith = visit_With

    # -- expressions that may skip a part of themselves

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self.branches([node.values[1:], []])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self.branches([[node.body], [node.orelse]])

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.generic_visit(node)
        if is_namespace(node.value):
            self.read_text(node.slice)

    def read_text(self, node: ast.expr) -> None:
        """Read a name that is looked up in the namespace itself: `globals()["x"]`."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.read(node.value, node.lineno)

    def visit_Compare(self, node: ast.Compare) -> None:
        if is_namespace(node.comparators[0]):
            self.read_text(node.left)
        self.run([node.left, node.comparators[0]])
        self.branches([node.comparators[1:], []])

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self.branches([*([case] for case in node.cases), []])

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        if node.name:
            self.bind(node.name)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self.bind(node.rest)

    def branches(self, bodies: Sequence[Sequence[ast.AST]]) -> None:
        """Read branches of which one runs. Afterwards only names that all of them bind are
        bound."""
        before = set(self.bound)
        ends = []
        for body in bodies:
            self.bound = set(before)
            self.run(body)
            if not leaves(body):
                ends.append(self.bound)
        self.bound = set.intersection(*ends) if ends else before

    # -- scopes

    def visit_FunctionDef(self, node: Function) -> None:
        self.run(node.decorator_list)
        self.run(defaults(node.args))
        with self.shadow(type_parameters(node)):
            self.run(annotated(node))
        self.bind(node.name)
        free = self.body_names(node)
        if self.defer and not node.decorator_list:
            self.pending.setdefault(node.name, {}).update(free)
        else:
            self.read_all(free)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.run(defaults(node.args))
        self.read_all(self.body_names(node))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.run(node.decorator_list)
        with self.shadow(type_parameters(node)):
            self.run([*node.bases, *node.keywords])
            body = _Reader({"__module__", "__qualname__"})
            body.run(node.body)
            self.merge(body.names)
            self.read_all(body.names.now)
        self.bind(node.name)
        methods: dict[str, int] = {}
        for free in body.pending.values():
            methods.update(free)
        methods.pop("__class__", None)
        if self.defer:
            self.pending.setdefault(node.name, {}).update(methods)
        else:
            self.read_all(methods)

    def body_names(self, node: Function | ast.Lambda) -> dict[str, int]:
        """Return the names that a function's body needs from outside the function."""
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
        stores = StoredNames()
        for part in body:
            stores.visit(part)
        parameters = [argument.arg for argument in arguments(node.args)]
        local = {*parameters, *type_parameters(node), *(stores.names - stores.outer)}
        inner = _Reader(local, defer=False)
        inner.run(body)
        self.merge(inner.names)
        inner.names.now.pop("__class__", None)
        return inner.names.now

    def merge(self, names: Names) -> None:
        self.names.chains |= names.chains
        self.names.modules |= names.modules

    @contextlib.contextmanager
    def shadow(self, names: Iterable[str]) -> Iterator[None]:
        self.shadows.append(set(names))
        try:
            yield
        finally:
            self.shadows.pop()

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        before = set(self.bound)
        with self.shadow(()):
            for generator in (first, *others):
                if generator is not first:
                    self.visit(generator.iter)
                targets = StoredNames()
                targets.visit(generator.target)
                self.shadows[-1] |= targets.names
                self.visit(generator.target)
                self.run(generator.ifs)
            if isinstance(node, ast.DictComp):
                self.run([node.key, node.value])
            else:
                self.visit(node.elt)
        self.bound = before  # the iterable may be empty

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension

    # -- code and commands in text: `!ls {folder}`, `%time f(x)`, `eval("x + 1")`

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        found = read_call(node)
        for code in found.code:
            with contextlib.suppress(SyntaxError):  # the error appears when the text runs
                self.run(rebuild.parse(code).body)
        for name in found.names:
            self.read(name, node.lineno)
