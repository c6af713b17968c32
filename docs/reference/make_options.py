"""Writes docs/reference/options.md from the table in `gc_jupyter.options`.

Run it after a change there: ``python docs/reference/make_options.py``. A test holds both equal.
"""

from __future__ import annotations

import math
from pathlib import Path

from gc_jupyter.options import OPTIONS, Option, SetBy

PAGE = Path(__file__).with_name("options.md")
_HEAD = """# Options and settings

<!-- Written by make_options.py from src/gc_jupyter/options.py: change it there. -->

An option on a cell's line wins over `%config GCMagics`, which wins over a trusted project's
`pyproject.toml`, which wins over your own file (`%gc config KEY VALUE`), which wins over the
site's. A site can lock an option.
"""
_SET_BY = {
    SetBy.LINE: "line",
    SetBy.USER: "line, `%config`, your file, the site's",
    SetBy.PROJECT: "line, `%config`, a project, your file, the site's",
    SetBy.FILES: "your file, the site's",
}


def text() -> str:
    """The page."""
    on_lines = [one for one in OPTIONS.values() if one.set_by is not SetBy.FILES]
    in_files = [one for one in OPTIONS.values() if one.set_by is SetBy.FILES]
    return "\n".join(
        [
            _HEAD,
            "## On a cell's line",
            "",
            "| option | setting | value | what it does | magics | where it can be set |",
            "|---|---|---|---|---|---|",
            *map(_line, on_lines),
            "",
            "## In settings files only",
            "",
            "| setting | value | default | what it does |",
            "|---|---|---|---|",
            *map(_in_file, in_files),
            "",
        ]
    )


def _line(option: Option) -> str:
    magics = " ".join(f"`%%{name}`" for name in option.magics)
    spelt = [(option.flags, option.help), (option.off, option.off_help)]
    flags = "<br>".join(" ".join(f"`{flag}`" for flag in some) for some, _ in spelt if some)
    does = "<br>".join(_cell(said) for some, said in spelt if some)
    setting = f"`{option.name}`" if option.set_by is not SetBy.LINE else ""
    value = _value(option)
    return f"| {flags} | {setting} | {value} | {does} | {magics} | {_SET_BY[option.set_by]} |"


def _in_file(option: Option) -> str:
    default = "" if option.default == "" else str(option.default).lower()
    return f"| `{option.name}` | {_value(option)} | {default} | {_cell(option.help)} |"


def _value(option: Option) -> str:
    if option.choices:
        return " or ".join(f"`{choice}`" for choice in option.choices)
    kinds = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}
    kind = "table" if option.kind is dict else kinds.get(option.kind, "")
    kind = f"`{option.metavar}`" if option.read is not None and option.kind is not dict else kind
    bounded = (option.least, option.most) != (-math.inf, math.inf)
    return f"{kind}, {option.bounds}" if bounded else kind


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("$", "\\$")


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
