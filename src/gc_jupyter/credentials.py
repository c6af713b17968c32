"""Find what looks like a credential in a text, or in a value before it is sent.

The search calls no code of the value: no property, no `__repr__`, no `__eq__`. It is bounded, so
that large data take no time: in each value it looks at the first `MOST_OBJECTS` objects and
`MOST_TEXT` characters that it reaches.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gc_jupyter.remote_text import one_line

MOST_OBJECTS = 20_000
MOST_TEXT = 1_000_000
#: The most cells of an array, a column or a table of text that is searched.
MOST_CELLS = 10_000
_LEAST = 8  # the most characters of a credential

#: A text that each credential of a kind has, its pattern, and the kind. The text is found fast; the
#: pattern may begin before it.
_SHAPES = tuple(
    (sign, re.compile(shape), kind)
    for sign, shape, kind in (
        ("Ag", r"Ag(?<![\w+/=-]Ag)[A-Za-z0-9]{40,200}(?![\w+/=-])", "a Globus token"),
        ("gh", r"gh[pousr]_(?<![A-Za-z0-9]gh._)[A-Za-z0-9]{30,}", "a GitHub token"),
        ("github_pat_", r"github_pat_\w{22,}", "a GitHub token"),
        ("glpat-", r"glpat-[\w-]{20,}", "a GitLab token"),
        ("AKIA", r"AKIA(?<![A-Za-z0-9]AKIA)[A-Z0-9]{16}(?![A-Za-z0-9])", "a key of AWS"),
        ("ASIA", r"ASIA(?<![A-Za-z0-9]ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", "a key of AWS"),
        ("xox", r"xox[abeprs]-[A-Za-z0-9-]{10,}", "a Slack token"),
        ("eyJ", r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}", "a JSON web token"),
        ("PRIVATE KEY-----", r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----", "a private key"),
        ("sk-", r"sk-(?<![\w-]sk-)(?:(?:ant|proj)-[\w-]{40,}|[A-Za-z0-9]{32,})", "an API key"),
        ("k_live_", r"k_live_[A-Za-z0-9]{20,}", "a Stripe key"),
        ("AIza", r"AIza(?<![A-Za-z0-9]AIza)[\w-]{35}", "a Google API key"),
        ("ya29.", r"ya29\.[\w-]{20,}", "a Google token"),
        ("hf_", r"hf_(?<![A-Za-z0-9]hf_)[A-Za-z0-9]{30,}", "a Hugging Face token"),
        ("npm_", r"npm_(?<![A-Za-z0-9]npm_)[A-Za-z0-9]{36}", "a package registry's token"),
        ("pypi-", r"pypi-[\w-]{50,}", "a package registry's token"),
        ("earer ", r"earer [\w.~+/-]{20,}=*", "an authorization header"),
        ("asic ", r"asic [A-Za-z0-9+/]{20,}=*", "an authorization header"),
        # no control characters: in a pickle they separate two texts
        (
            "://",
            r"://[^\s/:@\'\"\x00-\x1f\x7f-\x9f]{1,200}:[^\s/@\'\"\x00-\x1f\x7f-\x9f]{3,500}@",
            "a URL with a password",
        ),
    )
)
#: Names of variables, keys and attributes that hold a credential.
_KEYS = re.compile(
    r"(?i:.*(?:^|[_.-])(?:access_token|refresh_token|id_token|auth_token|api_token|bearer_token"
    r"|client_secret|secret_key|secret_access_key|private_key|api_key|apikey|password|passwd"
    r"|passphrase|authorization))"
)
#: Modules whose classes hold or use credentials.
_CLASSES = (
    *("globus_sdk.authorizers", "globus_sdk.client", "globus_sdk.globus_app"),
    *("globus_sdk.token_storage", "globus_sdk.login_flows", "globus_sdk.services.auth.response"),
    *("gc_jupyter.secret", "gc_jupyter.auth", "botocore.credentials", "google.auth.credentials"),
    *("google.oauth2", "azure.identity", "azure.core.credentials"),
)
_NAMES = {("os", "_Environ"): "this environment", ("pydantic.types", "SecretStr"): "a secret"}
_ENVIRONMENT = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|GLOBUS_DATA"
    r"|(?:^|_)(?:AUTH|KEY|PASS|APIKEY)(?:$|_)|_PWD$"
)
_HARMLESS = re.compile(
    r"_(?:URL|URI|FILE|PATH|DIR|SOCK|HOST|PORT|ASKPASS|EXPIRES|EXPIRATION|TYPE|NAME|USER)$"
)


def masked(text: str) -> str:
    """Text with ``***`` in place of what looks like a credential.

    Parameters
    ----------
    text:
        Only its first `MOST_TEXT` characters are kept.
    """
    text = text[:MOST_TEXT]
    if len(text) < _LEAST:
        return text
    for _, value in _secrets_lately(len(os.environ), int(time.monotonic())):
        text = text.replace(value, "***")
    for sign, shape, _ in _SHAPES:
        if sign in text:
            text = shape.sub("***", text)
    return text


@functools.lru_cache(maxsize=1)
def _secrets_lately(_variables: int, _second: int) -> tuple[tuple[str, str], ...]:
    """The environment's secrets, cached for a second, since many texts are masked together."""
    return _secrets()


def _secrets() -> tuple[tuple[str, str], ...]:
    """The names and values of variables in this environment that hold credentials."""
    return tuple(
        (name, value)
        for name, value in os.environ.items()
        if len(value) >= _LEAST
        and _ENVIRONMENT.search(name.upper())
        and not _HARMLESS.search(name.upper())
        and not value.isdigit()
        and not (value.startswith(os.sep) and os.path.exists(value))
    )


class Search:
    """Searches for credentials, also for those in the environment's variables.

    Parameters
    ----------
    travels:
        Whether the functions and classes of a module are sent by value, by the module's name. What
        those hold (closures, defaults, attributes) is searched, too. None: all are.
    """

    def __init__(self, travels: Callable[[str], bool] | None = None) -> None:
        self._travels = functools.lru_cache(maxsize=None)(travels or bool)
        self._own = _secrets()
        self._environment = dict(os.environ)

    def in_text(self, text: str | bytes | bytearray) -> str:
        """The kind of credential that a text seems to hold; empty for none.

        Parameters
        ----------
        text:
            Its first `MOST_TEXT` characters are looked at.
        """
        return self._kind_of(text, MOST_TEXT)

    def in_value(self, value: Any, name: str) -> str:
        """The place and kind of what looks like a credential in a value; empty for none.

        Parameters
        ----------
        value:
            Anything.
        name:
            The value's name in the answer, such as ``name['key'] is …``.
        """
        objects, characters = MOST_OBJECTS, MOST_TEXT
        todo: deque[tuple[Any, str, str]] = deque([(value, name, name)])
        seen: set[int] = set()
        while todo and objects > 0 and characters > 0:
            one, path, key = todo.popleft()
            objects -= 1
            if _is(one, (str, bytes, bytearray)):
                kind = self._kind_of(one, characters) or _called(one, key)
                if kind:
                    return f"{path} is {kind}"
                characters -= len(_beginning(one, characters))
                continue
            if one is None or type(one) in _PLAIN or id(one) in seen:
                continue
            seen.add(id(one))
            if kind := self._kind_of_object(one):
                return f"{path} is {kind}"
            for inner, step, key in self._parts(one):
                todo.append((inner, self._step(path, step), key))
                if len(todo) >= objects:
                    break
        return ""

    def _kind_of(self, text: str | bytes | bytearray, most: int) -> str:
        piece = _beginning(text, most)
        if len(piece) < _LEAST:
            return ""
        for name, value in self._own:
            if value in piece:
                return f"the value of this environment's {name}"
        for sign, shape, kind in _SHAPES:
            if sign in piece and shape.search(piece):
                return kind
        return "a secret of this login" if _is_ours(text) else ""

    def _kind_of_object(self, one: Any) -> str:
        for kind in _mro(type(one)):
            home, name = _home(kind)
            if home.startswith(_CLASSES):
                return f"an object of {home.partition('.')[0]} with a login ({name})"
            if (home, name) in _NAMES:
                return _NAMES[home, name]
        if _is(one, dict) and dict.__len__(one) >= 5 and self._is_environment(one):
            return "a copy of this environment"
        return ""

    def _is_environment(self, one: dict[Any, Any]) -> bool:
        wanted = max(5, len(self._environment) // 2)
        same = 0
        for name, value in self._environment.items():
            found = dict.get(one, name)
            if found is None:
                found = dict.get(one, name.encode("utf-8", "surrogateescape"))
            if type(found) is bytes:
                found = found.decode("utf-8", "surrogateescape")
            same += type(found) is str and found == value
        return same >= wanted

    def _parts(self, one: Any) -> Iterator[tuple[Any, Any, str]]:
        """The objects that an object holds: each with the step to it, and its name."""
        if _is(one, dict):
            for key, value in dict.items(one):
                yield value, key, key if type(key) is str else ""
                if type(key) is not str or len(key) >= 16:  # a token may be a key, too
                    yield key, "…", ""
            return
        items: Iterable[Any] | None = None
        for kind, iterate in _SEQUENCES:
            if _is(one, kind):
                items = iterate(one)
        if items is None:
            items = _cells(one)
        for at, value in enumerate(items or ()):
            yield value, at, ""
        if _is(one, types.CodeType):
            yield from ((value, ".code", "") for value in one.co_consts)
        elif _is(one, types.FunctionType):
            if self._is_sent(dict.get(one.__globals__, "__name__")):
                yield from _held_by(one)
        elif _is(one, type):
            if self._is_sent(_home(one)[0]):
                for name, value in _TYPE_DICT(one).items():
                    yield value, f".{name}", name
        else:
            yield from _attributes(one)

    def _is_sent(self, module: Any) -> bool:
        return type(module) is not str or self._travels(module)

    def _step(self, path: str, step: Any) -> str:
        if len(path) > 200:
            return path
        if type(step) is int:
            return f"{path}[{step}]"
        hidden = type(step) is not str or len(step) > 60 or self._kind_of(step, 60)
        shown = "…" if hidden else one_line(step, 60)
        return path + shown if shown.startswith(".") else f"{path}[{shown!r}]"


def _beginning(text: Any, most: int) -> str:
    """The first characters of a text, read by the built-in types' own methods."""
    kind = next(kind for kind in (str, bytes, bytearray) if _is(text, kind))
    piece = kind.__getitem__(text, slice(most))
    return piece if isinstance(piece, str) else bytes(piece).decode("latin-1")


def _called(text: Any, key: str) -> str:
    if len(_beginning(text, _LEAST)) >= _LEAST and len(key) < 100 and _KEYS.fullmatch(key):
        return "called like a credential"
    return ""


_PLAIN = (int, float, complex, bool, type(Ellipsis), range, slice, types.ModuleType)
_TYPE_MRO = type.__dict__["__mro__"].__get__
_TYPE_MODULE = type.__dict__["__module__"].__get__
_TYPE_NAME = type.__dict__["__name__"].__get__
_TYPE_DICT = type.__dict__["__dict__"].__get__


def _is(one: Any, kind: Any) -> bool:
    return issubclass(type(one), kind)  # isinstance would call the object's own code


def _mro(kind: type) -> tuple[type, ...]:
    return tuple(_TYPE_MRO(kind))


def _home(kind: type) -> tuple[str, str]:
    home, name = _TYPE_MODULE(kind), _TYPE_NAME(kind)
    return home if isinstance(home, str) else "", str(name)


def _is_ours(text: Any) -> bool:
    return type(text) not in (str, bytes, bytearray) and any(
        _home(kind)[0] == "gc_jupyter.secret" for kind in _mro(type(text))
    )


def _held_by(one: types.FunctionType) -> Iterator[tuple[Any, Any, str]]:
    yield one.__code__, ".code", ""
    yield one.__defaults__, ".defaults", ""
    yield one.__kwdefaults__, ".defaults", ""
    for name, cell in zip(one.__code__.co_freevars, one.__closure__ or (), strict=False):
        try:
            yield cell.cell_contents, f".{name}", name
        except ValueError:  # not bound yet
            continue
    for name, value in dict.items(one.__dict__):
        yield value, f".{name}", name


def _attributes(one: Any) -> Iterator[tuple[Any, Any, str]]:
    for kind in _mro(type(one)):
        for name, member in _TYPE_DICT(kind).items():
            if name == "__dict__" and type(member) is types.GetSetDescriptorType:
                found = member.__get__(one)
                if isinstance(found, dict):
                    for key, value in dict.items(found):
                        yield value, f".{key}", key if type(key) is str else ""
            elif type(member) is types.MemberDescriptorType:
                try:
                    yield member.__get__(one), f".{name}", name
                except AttributeError:
                    continue


def _cells(one: Any) -> Iterable[Any] | None:
    """The texts of a small array, column or table, read by NumPy's and pandas' own code only."""
    home, name = _home(type(one))
    module = sys.modules.get(home.partition(".")[0])
    if module is None or getattr(module, name, None) is not type(one):
        return None
    if home.startswith("numpy") and name == "ndarray":
        text = one.dtype.kind in "OSU" and one.size <= MOST_CELLS
        found: Iterable[Any] = one.ravel().tolist() if text else ()
        return found
    if home.startswith("pandas") and name in ("Series", "DataFrame", "Index"):
        if one.size > MOST_CELLS:
            return ()
        columns = [column for _, column in one.items()] if name == "DataFrame" else [one]
        return [cell for column in columns if column.dtype.kind == "O" for cell in column.tolist()]
    return None


_SEQUENCES: tuple[tuple[type, Callable[[Any], Iterable[Any]]], ...] = (
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
    (deque, deque.__iter__),
)
