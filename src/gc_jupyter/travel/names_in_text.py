"""Find names in text that a call evaluates: commands, `%time`, `eval`, pandas' `query`,
formulas."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gc_jupyter.travel import rebuild

_COMMANDS = {"system", "getoutput", "run_line_magic", "run_cell_magic"}
_IN_COMMAND = re.compile(r"\{([^{}]+)\}|\$([A-Za-z_]\w*)")
_IN_QUERY = re.compile(r"@([A-Za-z_]\w*)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TIMEIT_OPTIONS = re.compile(r"\A(\s*-([nr]\s*\d+|[tcpqov]+\b))+")
_EVALUATE = {("pd", "eval"), ("pandas", "eval"), ("ne", "evaluate"), ("numexpr", "evaluate")}


@dataclass
class InText:
    """The needs of a call's text. `code` is still to be read as Python; `names` are needed."""

    code: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def is_namespace(node: ast.expr) -> bool:
    """Whether an expression gives the notebook's variables or their names, as ``globals()``
    does."""
    functions: tuple[str, ...] = ("globals", "locals", "vars", "dir")
    if isinstance(node, ast.Attribute):
        functions = {"user_ns": ("get_ipython",), "keys": functions[:3]}.get(node.attr, ())
        node = node.value
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id in functions and not node.args


def read_call(call: ast.Call) -> InText:
    """Look into the constant texts among a call's arguments, if the call evaluates them."""
    found = InText()
    texts = list(_texts(call))
    function = call.func
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if isinstance(function, ast.Attribute) and is_namespace(function.value):
        found.names += texts[:1]  # globals().get("x")
    elif any(is_namespace(one) for one in given):  # "{x}".format(**globals())
        own = (one.value for one in ast.walk(function) if isinstance(one, ast.Constant))
        every = [*texts, *_texts_by_name(call), *(one for one in own if isinstance(one, str))]
        found.names += [name for text in every for name in _NAME.findall(text)]
    if isinstance(function, ast.Name):
        if function.id in ("eval", "exec"):
            found.code += [text.strip() for text in texts[:1]]
    elif isinstance(function, ast.Attribute):
        owner = function.value.id if isinstance(function.value, ast.Name) else ""
        if function.attr.startswith("run_") and texts[:1] in (["time"], ["timeit"]):
            found.code += [_TIMEIT_OPTIONS.sub("", text).strip() for text in texts[1:]]
        elif function.attr in _COMMANDS:
            found.names += [name for text in texts for name in _command(text)]
        elif (owner, function.attr) in _EVALUATE:
            found.code += texts[:1]
        elif function.attr in ("query", "eval"):
            found.names += [name for text in texts for name in _IN_QUERY.findall(text)]
    has_data = len(call.args) > 1 or bool(call.keywords)
    for text in [*texts, *_texts_by_name(call)]:
        if "~" in text:
            found.names += _formula(text, has_data=has_data)
    return found


def _texts(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def _texts_by_name(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
            yield keyword.value.value


def _formula(text: str, *, has_data: bool) -> Iterator[str]:
    """Return the caller's variables that ``y ~ np.sin(x) + a:b`` uses: its functions and modules,
    and the other names as well if no data is given."""
    try:
        tree = rebuild.parse(text.replace("~", "+").replace(":", "*").strip(), mode="eval")
    except (SyntaxError, ValueError):
        return
    used = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used += [node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    for node in ast.walk(tree) if not has_data else used:
        if isinstance(node, ast.Name):
            yield node.id


def _command(text: str) -> Iterator[str]:
    for match in _IN_COMMAND.finditer(text):
        try:
            tree = rebuild.parse(match.group(1) or match.group(2), mode="eval")
        except SyntaxError:
            continue  # braces of the shell
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                yield node.id
