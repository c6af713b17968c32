"""Both halves have the same messages, and the same words for durations."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from gc_jupyter.types import TaskState
from gc_jupyter.widgets import messages
from gc_jupyter.widgets.durations import duration

WIDGETS = Path(__file__).parents[2] / "labextension" / "widgets"


def test_the_typescript_is_what_the_python_says() -> None:
    spec = importlib.util.spec_from_file_location("generate", WIDGETS / "generate_messages.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.TARGET.read_text(encoding="utf-8") == generate.typescript()


def test_states_are_the_users_words_in_order() -> None:
    assert tuple(state.value for state in TaskState) == messages.STATES


@pytest.mark.parametrize(
    ("seconds", "text"), json.loads((WIDGETS / "test" / "durations.json").read_text())
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
