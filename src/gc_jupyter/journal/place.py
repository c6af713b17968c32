"""Where the journal is."""

from __future__ import annotations

from pathlib import Path

from gc_jupyter.own_files import data_directory


def journal_path() -> Path:
    """The file, in this package's data directory; it may not exist yet."""
    return data_directory() / "journal.sqlite"
