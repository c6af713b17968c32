"""The first line of %load_ext, which says what to write next."""

from __future__ import annotations

import os
from pathlib import Path

from gc_jupyter.magics.notebook import NotebookMagics, say

#: The files that hold settings, or the list of trusted projects.
_FILES = ("gc_jupyter.toml", "gc_jupyter_known.toml")


def greet(magics: NotebookMagics) -> None:
    """Print the line unless the setting `quiet` is on. The settings are imported only if a file of
    them exists, because the notebook waits for this function.

    Parameters
    ----------
    magics:
        The kernel's.
    """
    quiet, workers = magics.configured("quiet")[0], None
    if quiet is None and _has_settings():
        from gc_jupyter.settings import Settings

        found = Settings().all()
        quiet, workers = (found.get(name, (None,))[0] for name in ("quiet", "local_workers"))
    if quiet:
        return
    here = "%%gcrun local runs a cell in worker processes here"
    if workers == 0:
        here = "%%gcrun ENDPOINT runs a cell there"
    say(f"Ready: {here}; %gc endpoints lists yours.")


def _has_settings() -> bool:
    from jupyter_core.paths import jupyter_config_path

    return any(os.path.exists(Path(one) / name) for one in jupyter_config_path() for name in _FILES)
