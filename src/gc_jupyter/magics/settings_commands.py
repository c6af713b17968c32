"""The subcommands %gc config and trust."""

from __future__ import annotations

import argparse
import difflib
import json
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from gc_jupyter.magics.notebook import NotebookMagics
from gc_jupyter.magics.tables import text_table
from gc_jupyter.options import OF_PROJECTS, SETTINGS
from gc_jupyter.remote_text import one_line
from gc_jupyter.settings import Settings, shown
from gc_jupyter.settings.project import find_project


def config(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc config: prints settings, or writes one to the user's own file."""
    settings = magics.session.settings
    if line.key is None:
        rows = [[name, *_effective(magics, name)] for name in SETTINGS]
        print(text_table(("Setting", "Value", "From"), rows))
        print(f"%gc config KEY VALUE writes {settings.user_file}; VALUE none takes it out.")
        return
    if line.key not in SETTINGS:
        close = difflib.get_close_matches(line.key, SETTINGS, n=1)
        meant = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(SETTINGS)}."
        raise UsageError(f"There is no setting {line.key!r}. {meant}")
    if line.value:
        text = " ".join(line.value)
        settings.set(line.key, None if text.lower() == "none" else _value(line.key, text))
        if line.key == "login":
            magics.session.use_client(None)
    print("  ".join([line.key, *_effective(magics, line.key)]))


def _effective(magics: NotebookMagics, name: str) -> list[str]:
    """A setting's value, and where it comes from."""
    settings = magics.session.settings
    locked = settings.site().locked.get(name, "")
    value, where = (None, "") if locked else magics.configured(name)
    if value is None:
        value, where = settings.find(name)
    if value is None:
        value, where = SETTINGS[name].default, "built in"
    if locked:
        where = f"{where}, locked" if where == locked else f"{where}, locked by {locked}"
    return ["-" if value in (None, "") else _shown(value), where]


def _shown(value: Any) -> str:
    return one_line(value, 500) if isinstance(value, str) else shown(value)


def _value(key: str, text: str) -> Any:
    kind, choices = SETTINGS[key].kind, SETTINGS[key].choices
    if choices and text not in choices:
        raise UsageError(f"{text!r} is no value for {key}. Write {' or '.join(choices)}.")
    if kind is str:
        return text
    try:
        return json.loads(text.lower() if kind is bool else text)
    except ValueError:
        example = {bool: "true", int: "3", dict: '{"num_nodes": 2}'}.get(kind, "3")
        raise UsageError(
            f"%gc config {key} {text}: that is no value for it. Write %gc config {key} {example}"
        ) from None


def trust(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc trust: lets a project's pyproject.toml set what it may set, or withdraws that."""
    settings = magics.session.settings
    if line.list:
        _list_trusted(settings)
    elif line.forget:
        _forget(settings, line.path)
    elif line.path:
        raise UsageError(
            "%gc trust is for the project of the directory that the notebook is in. %cd to another,"
            " or write %gc trust --forget PATH"
        )
    else:
        _trust(settings)


def _trust(settings: Settings) -> None:
    project = settings.project()
    if project is None:
        raise UsageError(
            "There is no pyproject.toml with settings for gc_jupyter here or above. Write"
            " [tool.gc_jupyter] into one first."
        )
    if project.problem:
        raise UsageError(project.problem)
    if not project.settings:
        raise UsageError(f"{project.notice({})} It can set {', '.join(OF_PROJECTS)}.")
    known = settings.known.projects()
    if not project.trusted(known):
        settings.known.trust(project.path, project.digest)
    print(one_line(f"{project.path} sets {project.sets} from now on, until it changes.", 1000))
    print("%gc trust --forget takes that back.")


def _forget(settings: Settings, path: str | None) -> None:
    known, project = settings.known.projects(), settings.project()
    forgotten = path or (str(project.path) if project is not None else "")
    if forgotten not in known:
        trusted = ", ".join(known) or "none"
        which = forgotten or "A project here"
        raise UsageError(one_line(f"{which} isn't trusted. Those that are: {trusted}.", 1000))
    settings.known.trust(Path(forgotten), None)
    print(one_line(f"{forgotten} isn't used any more.", 1000))


def _list_trusted(settings: Settings) -> None:
    known = settings.known.projects()
    rows = [[one_line(path, 500), _state(Path(path), digest)] for path, digest in known.items()]
    print(text_table(("Project", "State"), rows) if rows else "No project is trusted.")


def _state(path: Path, digest: str) -> str:
    if not path.exists():
        return "gone"
    project = find_project(path.parent)
    if project is None or project.path != path or project.digest != digest:
        return "changed since: not used"
    return f"sets {project.sets}"
