"""Files that must be this user's alone: made so, or refused."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

#: What SQLite reads beside a database, and writes into it.
_COMPANIONS = ("-journal", "-wal", "-shm")


def data_directory() -> Path:
    """Where this package keeps what outlasts a kernel: in Jupyter's data directory
    (JUPYTER_DATA_DIR moves it). It may not exist yet."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "gc_jupyter"


class NotOwn(OSError):
    """Somebody else may have written this file, or could read what is put into it; `strerror` says
    what is wrong with it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.EPERM, why, str(path))


def make_own(path: Path) -> None:
    """Make a file that only this user reads and writes, or check the one that is there.

    Parameters
    ----------
    path:
        The file. Its directory is made too, and closed to others.

    Raises
    ------
    NotOwn
        As `check_own`; or it is a symbolic link; or as `make_own_directory`.
    OSError
        It can't be made or opened.
    """
    make_own_directory(path.parent)
    if path.is_symlink():
        raise NotOwn(path, "it is a symbolic link")
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    check_own(path)


def check_own_database(path: Path) -> None:
    """Check an SQLite file as `check_own`, its directory, and the files beside it that SQLite
    takes changes from.

    Parameters
    ----------
    path:
        The file, in a directory that is closed to others first.

    Raises
    ------
    NotOwn
        As `check_own`, of any of them; or as `make_own_directory`.
    OSError
        It can't be opened.
    """
    make_own_directory(path.parent)
    check_own(path)
    real = path.resolve()  # SQLite looks beside the file that a link leads to
    _check_directory(real.parent)
    for suffix in _COMPANIONS:
        companion = real.with_name(real.name + suffix)
        try:
            if companion.is_symlink():
                raise NotOwn(companion, "it is a symbolic link")
            check_own(companion)
        except FileNotFoundError:
            pass
        except NotOwn as error:
            raise NotOwn(path, f"of {companion.name} beside it, {error.strerror}") from None


def check_own(path: Path) -> None:
    """Check that a file is this user's, or root's; it may be reached by a symbolic link.

    One that others could read is closed to them. One that others could write is refused: what it
    holds may be theirs. Windows keeps users apart by their profiles' permissions: nothing is
    checked there.

    Parameters
    ----------
    path:
        The file.

    Raises
    ------
    NotOwn
        It is another user's, others may write it, or it is no regular file.
    OSError
        It isn't there, or its directory can't be read.
    """
    if os.name != "posix":
        return
    # not opened: closing it would end this process's locks on it, and SQLite has some
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise NotOwn(path, "it is no regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise NotOwn(path, "it belongs to another user")
    if found.st_mode & 0o022:
        raise NotOwn(path, "other users may have written it")
    if found.st_mode & 0o077:
        path.chmod(0o600)


def make_own_directory(path: Path) -> None:
    """Make a directory that only this user can use, or close the one that is there to others.

    Parameters
    ----------
    path:
        The directory.

    Raises
    ------
    NotOwn
        It is another user's, or a shared one, as that for temporary files.
    OSError
        It can't be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "posix":
        return
    found = path.stat()
    shared = found.st_mode & stat.S_ISVTX
    if found.st_uid == os.geteuid() and found.st_mode & 0o077 and not shared:
        path.chmod(0o700)
    _check_directory(path)


def _check_directory(path: Path) -> None:
    if os.name != "posix":
        return
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise NotOwn(path, "its directory belongs to another user")
    if found.st_mode & 0o022:
        raise NotOwn(path, "other users can write into its directory")
