"""Find the names that a function scope binds, by Python's rules, and the parts of a definition."""

from __future__ import annotations

import ast
from collections.abc import Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef


class StoredNames(ast.NodeVisitor):
    """The names that a function scope binds, without nested scopes."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.outer: set[str] = set()  # declared global or nonlocal

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.names.add(node.id)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.outer.update(node.names)

    visit_Nonlocal = visit_Global

    def visit_FunctionDef(self, node: Function | ast.ClassDef) -> None:
        self.names.add(node.name)
        for decorator in node.decorator_list:
            self.visit(decorator)

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def comprehension(self, node: ast.AST) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self.names.add(inner.target.id)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.names.add(node.rest)
        self.generic_visit(node)


def leaves(body: Sequence[ast.AST]) -> bool:
    """Whether control never passes the end of this body."""
    return bool(body) and isinstance(body[-1], (ast.Raise, ast.Return, ast.Continue, ast.Break))


def defaults(args: ast.arguments) -> list[ast.AST]:
    """Return the default values, which are evaluated where the function is defined."""
    return [default for default in [*args.defaults, *args.kw_defaults] if default is not None]


def annotated(node: Function) -> list[ast.AST]:
    """Return the annotations, which are evaluated where the function is defined."""
    found = [argument.annotation for argument in arguments(node.args)]
    return [annotation for annotation in [*found, node.returns] if annotation is not None]


def arguments(args: ast.arguments) -> list[ast.arg]:
    """Return every parameter, starred ones included."""
    starred = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *starred]


def type_parameters(node: ast.AST) -> list[str]:
    """Return the type parameters in `def f[T]` and `class A[T]` (Python 3.12)."""
    return [parameter.name for parameter in getattr(node, "type_params", [])]
