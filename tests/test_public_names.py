"""Every public name says what it does and what its parameters are, and docs/api.md says it too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

_SCRIPT = Path(__file__).parents[1] / "docs/make_api.py"
_spec = importlib.util.spec_from_file_location("make_api", _SCRIPT)
assert _spec is not None
assert _spec.loader is not None
make_api: Any = importlib.util.module_from_spec(_spec)
sys.modules["make_api"] = make_api
_spec.loader.exec_module(make_api)

NAMES = {name.path: name for module in make_api.MODULES for name in make_api.names(module)}


@pytest.mark.parametrize("path", NAMES)
def test_documented(path: str) -> None:
    name = NAMES[path]
    assert name.doc, f"{path} has no docstring"
    if name.signature is not None:
        missing = set(name.signature.parameters) - name.documented
        assert not missing, f"{path} doesn't describe {sorted(missing)}"


def test_the_page_is_current() -> None:
    """Run `python docs/make_api.py` when this fails."""
    assert make_api.TARGET.read_text("utf-8") == make_api.page()


def test_what_is_not_documented_is_found() -> None:
    def some(a: int, *b: int, c: int = 1, **d: int) -> None:
        """Does.

        Parameters
        ----------
        a, *b:
            Two.

        Raises
        ------
        c:
            Not a parameter.
        """

    name = make_api.Name("some", some)
    assert set(name.signature.parameters) - name.documented == {"c", "d"}
    assert not make_api.Name("none", lambda: None).doc


def test_the_page_has_the_public_names() -> None:
    page = make_api.page()
    for name in ("Client", "Executor", "Client.batch_run", "errors.SubmitUncertain"):
        assert f"# `{name}`" in page
