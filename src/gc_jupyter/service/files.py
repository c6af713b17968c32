"""A connection that fails since too many files are open: nothing is wrong with the network."""

from __future__ import annotations

import errno

TOO_MANY_FILES = "this process, or this machine, has too many files open"
CLOSE_FILES = (
    "Close what isn't needed (files, clients), restart the kernel, or raise the limit (ulimit -n)."
)


def too_many_files(error: object) -> bool:
    """Whether that is what an error says."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
