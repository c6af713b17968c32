"""The table of options: lines, traits, settings files, completion and docs are made from it."""

from __future__ import annotations

import math
import re
import runpy
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from traitlets import TraitError

from gc_jupyter.magics.cell_options import decide
from gc_jupyter.magics.gcrun import GCMagics
from gc_jupyter.magics.line import option_names, parse
from gc_jupyter.options import OF_KERNELS, OF_PROJECTS, OPTIONS, SETTINGS, Option, SetBy
from gc_jupyter.settings import Settings, SettingsError, to_toml
from gc_jupyter.settings.checks import checked

ROOT = Path(__file__).parents[1]
#: A value of each option that is not its default, and how a line spells it.
VALUES: dict[str, tuple[Any, str]] = {
    "endpoint": ("polaris", "polaris"),
    "block": (False, "-a"),
    "out": (("a", "b"), "-o a,b"),
    "keep": (("a",), "--keep a"),
    "also": (("a",), "-i a"),
    "capture": (False, "--no-capture"),
    "map": (("x", "range(3)"), "--map x=range(3)"),
    "html": (True, "--html"),
    "tb_limit": (3, "--tb-limit 3"),
    "walltime": (1.5, "--walltime 1.5"),
    "future": ("f", "--future f"),
    "timeout": (1.5, "--timeout 1.5"),
    "on_interrupt": ("cancel-unsent", "--on-interrupt cancel-unsent"),
    "progress_after": (-1, "--progress-after -1"),
    "label": ("two words", '--label "two words"'),
    "workers": (3, "--workers 3"),
    "resources": ({"num_nodes": 2}, '--resources {"num_nodes": 2}'),
    "endpoint_config": ({"a": [1]}, '--config {"a": [1]}'),
    "amqp_port": (443, "--amqp-port 443"),
    "live": (True, "--live"),
    "quiet": (True, "-q"),
    "verbose": (True, "-v"),
    "dry_run": (True, "--dry-run"),
    "unencrypted": ("10.0.0.1", ""),
    "collect_results": (True, ""),
    "login": ("own", ""),
    "large_mb": (2.5, ""),
    "fetch_mb": (50, ""),
    "store_folder": ("/data", ""),
    "store_gb": (5, ""),
    "local_workers": (2, ""),
    "active_hours": (2, ""),
}
BOUNDED = [
    (name, value)
    for name, one in OPTIONS.items()
    for value in (one.least - 1, one.most + 1)
    if math.isfinite(value)
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "home").mkdir()
    return Settings(tmp_path / "home/gc_jupyter.toml", tmp_path, site_files=[tmp_path / "site"])


def line_of(name: str, text: str) -> Namespace:
    magic = OPTIONS[name].magics[0]
    return parse(getattr(GCMagics, magic).make_parser(), text, f"%%{magic}")


def unset(_name: str) -> tuple[Any, str]:
    return None, ""


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_used(name: str) -> None:
    """A row without the code that reads it would be a setting that does nothing."""
    texts = [path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")]
    use = re.compile(rf"""\b(options|waiting)\.{name}\b|\bget\("{name}"\)""")
    assert any(use.search(text) for text in texts)


@pytest.mark.parametrize("name", [name for name in OPTIONS if VALUES[name][1]])
def test_a_line_says_it(name: str, settings: Settings) -> None:
    value, text = VALUES[name]
    assert getattr(decide(line_of(name, text), unset, settings), name) == value
    silent = decide(line_of(name, ""), unset, settings)
    assert getattr(silent, name) == OPTIONS[name].default
    assert not silent.given


@pytest.mark.parametrize("name", OF_KERNELS)
def test_config_says_it_and_a_line_wins(name: str, settings: Settings) -> None:
    value, _ = VALUES[name]
    magics = GCMagics(None)
    assert getattr(magics, name) is None
    setattr(magics, name, value)

    def configured(name: str) -> tuple[Any, str]:
        return getattr(magics, name), "%config"

    assert getattr(decide(Namespace(), configured, settings), name) == value
    default = OPTIONS[name].default
    line = Namespace(**{name: default if default is not None else value})
    assert getattr(decide(line, configured, settings), name) == getattr(line, name)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_file_says_it(name: str, settings: Settings, tmp_path: Path) -> None:
    value, _ = VALUES[name]
    settings.set(name, value)
    assert settings.get(name) == value
    if name in OF_KERNELS:
        assert getattr(decide(Namespace(), unset, settings), name) == value
    settings.set(name, None)
    (tmp_path / "pyproject.toml").write_text(to_toml({"tool": {"gc_jupyter": {name: value}}}))
    project = settings.project()
    assert project is not None
    assert (name in project.settings) == (name in OF_PROJECTS) == (name not in project.refused)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in SETTINGS])
def test_what_only_a_line_says_is_no_setting(name: str) -> None:
    assert OPTIONS[name].set_by is SetBy.LINE
    with pytest.raises(SettingsError, match="There is no setting"):
        checked(name, VALUES[name][0])


@pytest.mark.parametrize(("name", "value"), BOUNDED)
def test_a_bound_holds_on_the_line_in_config_and_in_files(name: str, value: float) -> None:
    option = OPTIONS[name]
    number = option.kind(value)
    if option.flags:
        with pytest.raises(UsageError, match=f"is not {option.bounds}") as refused:
            line_of(name, f"{option.flags[0]} {number}")
        assert str(number) in str(refused.value)
    if name in OF_KERNELS:
        with pytest.raises(TraitError):
            setattr(GCMagics(None), name, number)
    if name in SETTINGS:
        with pytest.raises(SettingsError, match=f"not {option.bounds}"):
            checked(name, number)


@pytest.mark.parametrize("name", [name for name, one in OPTIONS.items() if one.kind is float])
def test_a_number_is_a_number(name: str) -> None:
    option = OPTIONS[name]
    assert option.why_not(math.nan)
    if option.flags:
        with pytest.raises(UsageError, match="soon is no number; write 60"):
            line_of(name, f"{option.flags[0]} soon")


@pytest.mark.parametrize("name", [name for name, one in OPTIONS.items() if one.choices])
def test_other_words_are_refused_everywhere(name: str) -> None:
    option = OPTIONS[name]
    with pytest.raises(SettingsError, match=option.choices[0]):
        checked(name, "nonsense")
    if option.flags:
        with pytest.raises(UsageError, match=" or ".join(option.choices)):
            line_of(name, f"{option.flags[0]} nonsense")


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda one: one.name)
def test_help_and_completion_have_it(option: Option) -> None:
    for name in option.magics if option.set_by is not SetBy.FILES else ():
        parser = getattr(GCMagics, name).make_parser()
        flags = [flag for flag in (*option.flags, *option.off) if flag.startswith("-")]
        assert set(flags) <= set(option_names(parser))
        said = " ".join(getattr(GCMagics, name).getdoc().split())
        assert said.startswith(f"%%{name} [")
        assert " ".join((option.off_help or option.help).split()) in said


def test_the_page_is_what_the_table_says() -> None:
    written = runpy.run_path(str(ROOT / "docs/reference/make_options.py"))
    assert written["PAGE"].read_text("utf-8") == written["text"]()
