"""Find syntax that an older Python lacks, without that Python.

The search covers the tree, and the tokens for syntax that leaves no trace in the tree. Python's own
parser can't do it: `feature_version` covers a part of the syntax only, and gives no place.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from gc_jupyter.travel import rebuild

#: The oldest Python that workers have.
_OLDEST = (3, 8)
OLDEST = "3.8"
_ONLY_SINCE = re.compile(r"(.+) (?:is|are) only supported in Python (\d+)\.(\d+)")
#: Nodes whose mere presence tells, by name.
_NODES = {
    "Match": ("a match statement", (3, 10)),
    "TryStar": ("except*", (3, 11)),
    "TypeAlias": ("a type statement", (3, 12)),
    "TemplateStr": ("a template string", (3, 14)),
}
_OPENING, _CLOSING = ("FSTRING_START", "TSTRING_START"), ("FSTRING_END", "TSTRING_END")


class Lacking(NamedTuple):
    """Syntax that a Python lacks: its name, the first version that has it, and its line."""

    what: str
    since: tuple[int, int]
    line: int

    def __str__(self) -> str:
        return f"{self.what} on line {self.line}, new in Python {self.version}"

    @property
    def version(self) -> str:
        """The first version that has it, as text."""
        return f"{self.since[0]}.{self.since[1]}"


@functools.lru_cache(maxsize=1024)
def find_lacking(text: str, python: str) -> Lacking | None:
    """Return the first syntax in a text that a Python lacks; None if it lacks none or isn't known.

    Parameters
    ----------
    text:
        Python that this interpreter reads: statements, also those of a class's body, or an
        expression.
    python:
        A version, such as ``"3.9"`` or ``"3.9.18"``; empty if it isn't known.
    """
    version = tuple(int(part) for part in re.findall(r"\d+", python)[:2])
    if len(version) < 2 or not _OLDEST <= version < sys.version_info[:2]:
        return None
    for before, after in (("", ""), ("if 1:\n", ""), ("(\n", "\n)")):
        whole = before + text + after
        try:
            tree = rebuild.parse(whole)
        except (SyntaxError, ValueError, RecursionError):
            continue
        found = [one for one in _all(whole, tree, (version[0], version[1])) if one.since > version]
        for one in sorted(found, key=lambda one: one.line):
            return one._replace(line=one.line - before.count("\n"))
        return None
    return None


def _all(text: str, tree: ast.Module, version: tuple[int, int]) -> Iterator[Lacking]:
    lines = text.split("\n")
    for node in ast.walk(tree):
        yield from _in_tree(node, lines)
    try:  # for 3.9 it checks parentheses only, and some Pythons see them where there are none
        rebuild.parse(text, python=max(version, (3, 9)))
    except SyntaxError as error:
        if (said := _ONLY_SINCE.match(str(error.msg))) is not None:
            what, since = said[1][:1].lower() + said[1][1:], (int(said[2]), int(said[3]))
            yield Lacking(what, since, error.lineno or 1)
    if version < (3, 12):
        tokens: list[tokenize.TokenInfo] = []
        with contextlib.suppress(tokenize.TokenError, SyntaxError):
            tokens += tokenize.generate_tokens(io.StringIO(text).readline)
        yield from _in_strings(tokens)
        if version < (3, 9):
            yield from _parenthesized(tree, tokens)


def _in_tree(node: ast.AST, lines: list[str]) -> Iterator[Lacking]:
    line = getattr(node, "lineno", 1)
    if type(node).__name__ in _NODES:
        yield Lacking(*_NODES[type(node).__name__], line)
    if parameters := getattr(node, "type_params", None):
        defaults = any(getattr(one, "default_value", None) for one in parameters)
        what = "a default of a type parameter" if defaults else "type parameters"
        yield Lacking(what, (3, 13) if defaults else (3, 12), line)
    for decorator in getattr(node, "decorator_list", ()):
        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if not isinstance(inner, ast.Name):
            yield Lacking("a decorator that is an expression", (3, 9), decorator.lineno)
    if isinstance(node, (ast.For, ast.AsyncFor)) and _has_bare_star(node.iter, lines):
        yield Lacking("a bare * in a for statement", (3, 9), line)
    elif isinstance(node, ast.Subscript):
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if any(isinstance(one, ast.NamedExpr) and not _in_parens(one, lines) for one in inside):
            yield Lacking("a bare := in an index", (3, 10), line)
        if _has_bare_star(node.slice, lines):
            yield Lacking("a * in an index", (3, 11), line)
    elif isinstance(node, ast.Set):
        if any(isinstance(one, ast.NamedExpr) and not _in_parens(one, lines) for one in node.elts):
            yield Lacking("a bare := in a set", (3, 9), line)
    elif isinstance(node, ast.arguments):
        starred = node.vararg.annotation if node.vararg is not None else None
        if isinstance(starred, ast.Starred):
            yield Lacking("a * in an annotation", (3, 11), starred.lineno)
    elif isinstance(node, ast.FormattedValue) and _depth(node) > 2:
        yield Lacking("an f-string in the format of another's format", (3, 12), line)


def _depth(node: ast.FormattedValue) -> int:
    """Return how deep an f-string's formats nest expressions."""
    parts = node.format_spec.values if isinstance(node.format_spec, ast.JoinedStr) else []
    return 1 + max((_depth(one) for one in parts if isinstance(one, ast.FormattedValue)), default=0)


def _has_bare_star(node: ast.expr, lines: list[str]) -> bool:
    if not isinstance(node, ast.Tuple) or not any(isinstance(e, ast.Starred) for e in node.elts):
        return False
    return lines[node.lineno - 1].encode()[node.col_offset :][:1] != b"("


def _in_parens(node: ast.expr, lines: list[str]) -> bool:
    """Whether the last character before a node, white space apart, is a parenthesis."""
    before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
    return "".join([*lines[: node.lineno - 1], before]).rstrip().endswith("(")


def _in_strings(tokens: list[tokenize.TokenInfo]) -> Iterator[Lacking]:
    """Check expressions in f-strings. Since Python 3.12 the tokenizer splits an f-string into
    tokens, which was one string before."""
    quotes: list[str] = []  # the enclosing f-strings
    for before, token in zip([*tokens[:1], *tokens], tokens, strict=False):
        kind = tokenize.tok_name[token.type]
        if kind in _CLOSING:
            quotes.pop()
        outer = quotes if kind in (*_OPENING, *_CLOSING) else quotes[:-1]
        inside = quotes if kind in ("STRING", "COMMENT", "NL", *_OPENING) else outer
        what = ""
        if any(quote in token.string for quote in inside):
            what = "the same quotes"
        elif inside and "\\" in token.string:
            what = "a backslash"
        elif quotes and before.type != tokenize.NL and before.end[0] < token.start[0]:
            what = "a backslash"  # it isn't a token
        elif kind == "COMMENT" and quotes:
            what = "a comment"
        elif kind == "NL" and any(len(quote) == 1 for quote in quotes):
            what = "a line break"
        if what:
            yield Lacking(f"{what} in an f-string's expression", (3, 12), token.start[0])
        if kind in _OPENING:
            quotes.append(token.string.lstrip("fFrRtT"))


def _parenthesized(tree: ast.Module, tokens: list[tokenize.TokenInfo]) -> Iterator[Lacking]:
    """Whether a statement has the form ``with (a as b, c as d):``."""
    many = {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.With, ast.AsyncWith))
        and (len(node.items) > 1 or node.items[0].optional_vars is not None)
    }
    for at, token in enumerate(tokens[:-1]):
        if token.string != "with" or token.start[0] not in many or tokens[at + 1].string != "(":
            continue
        depth, end = 0, at
        while end == at or depth:
            end += 1
            one = tokens[end].string
            depth += (one in ("(", "[", "{")) - (one in (")", "]", "}"))
        if tokens[end + 1].string == ":":
            yield Lacking("a parenthesized with statement", (3, 9), token.start[0])
