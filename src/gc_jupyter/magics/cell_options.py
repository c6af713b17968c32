"""A cell's options, from the table in `gc_jupyter.options`: the parsers of its line, the traits of
``%config GCMagics``, and which source wins where the line leaves an option out.

An option that the site locks keeps the site's value. Else an option on the line wins over
``%config GCMagics``, which wins over a trusted project's pyproject.toml, which wins over the user's
own file, which wins over the site's (`gc_jupyter.settings`). For the endpoint, `%gc use` stands
between ``%config`` and the files.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from IPython.core.magic_arguments import MagicArgumentParser
from traitlets import Bool, Dict, Enum, Float, Int, TraitType, Unicode

from gc_jupyter.options import OF_KERNELS, OPTIONS, Option, Options

if TYPE_CHECKING:
    from gc_jupyter.settings import Settings

_TRAITS: dict[type, Any] = {bool: Bool, int: Int, float: Float, str: Unicode, dict: Dict}


def traits() -> dict[str, TraitType[Any, Any]]:
    """A trait for each option that ``%config`` sets. It is None until it is set; then it wins over
    the settings files."""
    return {name: _trait(OPTIONS[name]) for name in OF_KERNELS}


def _trait(option: Option) -> Any:
    common: Any = {"default_value": None, "allow_none": True, "help": option.help}
    if option.choices:
        trait = Enum(option.choices, **common)
    elif option.kind in (int, float):
        trait = _TRAITS[option.kind](min=option.least, max=option.most, **common)
    else:
        trait = _TRAITS[option.kind](**common)
    return trait.tag(config=True)


def with_options(magic: Any) -> Any:
    """Give a cell magic its options.

    IPython's `@magic_arguments` does it, except that here the parser and the help are made when
    they are first needed: they would take half of the time of %load_ext.
    """
    make = functools.cache(functools.partial(_make_parser, magic))
    magic.make_parser = make
    # where IPython's `?` looks first; IPython's help begins with reStructuredText's "::"
    magic.getdoc = lambda: make().format_help().removeprefix("::").lstrip()
    return magic


def _make_parser(magic: Any) -> MagicArgumentParser:
    name = magic.__name__
    # its help writes one more sign before the name
    parser = MagicArgumentParser(f"%{name}", description=cleandoc(magic.__doc__ or ""))
    for option in OPTIONS.values():
        if name in option.magics:
            _add(parser, option)
    return parser


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    """Add the arguments of an option. An option that the line leaves out is None."""
    for flags, text, action in (
        (option.flags, option.help, "store_true" if option.kind is bool else "store"),
        (option.off, option.off_help, "store_false"),
    ):
        keywords: dict[str, Any] = {"default": None, "help": text.replace("%", "%%")}
        if action == "store":
            words = "{" + ",".join(option.choices) + "}" if option.choices else None
            keywords |= {"type": option.from_text, "metavar": option.metavar or words}
        else:
            keywords["action"] = action
        if flags and flags[0].startswith("-"):
            parser.add_argument(*flags, dest=option.name, **keywords)
        elif flags:
            parser.add_argument(*flags, nargs="?", **keywords)


def decide(
    line: argparse.Namespace,
    configured: Callable[[str], tuple[Any, str]],
    settings: Settings,
) -> Options:
    """The options of a line, with what it leaves out.

    Parameters
    ----------
    line:
        None for what it doesn't say. Its endpoint is filled in from the notebook already: what is
        set elsewhere is text as it stands.
    configured:
        A name's value in this kernel, or None, and what has set it.
    settings:
        The files.

    Raises
    ------
    SettingsError
        The line sets an option that the site locks.
    """
    from gc_jupyter.credentials import masked

    said = {name: value for name, value in vars(line).items() if value is not None}
    said["given"] = frozenset(said)
    files, site = settings.all(), settings.site()
    for name in OF_KERNELS:
        if name != "endpoint" and name in said:  # a line may always name its endpoint
            site.refuse_locked(name)
        if name not in said:
            value, where = (None, "") if name in site.locked else configured(name)
            value, where = files.get(name, (None, "")) if value is None else (value, where)
            if value is not None:
                said[name] = value
                if name == "endpoint":
                    said["endpoint_from"] = where
    if "label" in said:  # it is shown and written down
        said["label"] = masked(said["label"])
    return Options(**said)
