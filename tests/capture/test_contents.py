"""What --dry-run can say of a cell: names, kinds, sizes, and what the endpoint must have."""

from __future__ import annotations

from pathlib import Path

import pytest

from gc_jupyter.capture import capture_cell, contents
from gc_jupyter.errors import PayloadTooLarge
from tests.capture.conftest import Notebook


def test_parts(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_tools.py").write_text("def tool(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    notebook.local(
        "import numpy as np, my_tools\nfrom math import floor\nnumbers = list(range(1000))\n"
        "unused = 1\ndef helper(x): return floor(np.mean(x))\n"
        "class Counter:\n    seen = 0\nCounter.seen += 1"
    )
    captured = capture_cell(
        "import pandas as pd\nhelper(numbers), Counter.seen, my_tools.tool()", notebook.namespace
    )
    parts = {part.name: part for part in contents(captured)}
    kinds = {name: part.kind for name, part in parts.items() if name != "my_tools"}
    assert kinds == {
        **{"np": "import", "floor": "import", "helper": "source", "numbers": "data"},
        "Counter": "source",
    }
    assert parts["np"].text == "import numpy as np"
    assert parts["my_tools"].kind == "module"
    assert parts["numbers"].size == captured.sizes["numbers"] > 1000
    assert captured.packages == ("numpy", "pandas")


def test_the_largest_are_named(notebook: Notebook) -> None:
    notebook.local("one, two, three = bytes(6_000_000), bytes(3_000_000), 3")
    with pytest.raises(PayloadTooLarge, match=r"9\.0 MB \(one 6\.0 MB, two 3\.0 MB\)"):
        capture_cell("len(one) + len(two) + three", notebook.namespace)
    assert capture_cell("len(one) + three", notebook.namespace).sizes["one"] > 6_000_000
