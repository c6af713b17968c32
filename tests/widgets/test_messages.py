"""Both halves have the same messages, and the same words for durations."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from gc_jupyter.durations import duration
from gc_jupyter.types import TaskState
from gc_jupyter.widgets import messages

LABEXTENSION = Path(__file__).parents[2] / "labextension"


def test_the_typescript_is_what_the_python_says() -> None:
    """The widgets' and the lab extension's."""
    written = runpy.run_path(str(LABEXTENSION / "generate_messages.py"))["FILES"]
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text()


def test_states_are_the_users_words_in_order() -> None:
    assert tuple(state.value for state in TaskState) == messages.STATES


@pytest.mark.parametrize(
    ("seconds", "text"),
    json.loads((LABEXTENSION / "widgets" / "test" / "durations.json").read_text()),
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
