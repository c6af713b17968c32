"""Where the journal is."""

from __future__ import annotations

from pathlib import Path


def journal_path() -> Path:
    """The file, in Jupyter's data directory (JUPYTER_DATA_DIR moves it); it may not exist yet."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "gc_jupyter" / "journal.sqlite"
