"""Make files that belong to this user only, and refuse others."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST_LINKS = 40
_NO_SURPRISE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
#: Suffixes of the files beside a database that SQLite reads changes from.
_COMPANIONS = ("-journal", "-wal", "-shm")


def data_directory() -> Path:
    """The directory of files that outlast a kernel, in Jupyter's data directory
    (JUPYTER_DATA_DIR moves it). It may not exist yet."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "gc_jupyter"


class NotOwn(OSError):
    """Another user may have written this file, or could read it; `strerror` says what is wrong."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.EPERM, why, str(path))


def make_own(path: Path) -> None:
    """Make a file that only this user reads and writes, or check the existing one.

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
    reads changes from.

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
    real = path.resolve()  # SQLite looks for them beside the file that a link points to
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

    A file that others can read is closed to them. A file that others can write is refused, since
    its content may be theirs. On Windows, profiles' permissions separate users, so nothing is
    checked.

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
    # the file isn't opened: closing it would drop this process's locks, which SQLite needs
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
    """Make a directory that only this user can use, or close an existing one to others.

    Parameters
    ----------
    path:
        The directory.

    Raises
    ------
    NotOwn
        It is another user's, or a shared one like that for temporary files.
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


def read_own(
    path: Path,
    most: int,
    *,
    with_own_group: bool = False,
    owners: frozenset[int] = frozenset(),
) -> bytes:
    """The bytes of a file that only this user or root can have written, or put there.

    Each folder on the way, and each symbolic link, must be this user's or root's, and closed to
    other writers. A folder like ``/tmp``, which all may write, is accepted if it is sticky: then
    nobody can replace others' files in it. On Windows, profiles' permissions separate users, so
    only the file's kind and size are checked.

    Parameters
    ----------
    path:
        The file.
    most:
        The limit of its size, in bytes.
    with_own_group:
        Whether folders may be writable by a group whose only member is this user, as in containers
        for Jupyter.
    owners:
        User ids of others whose files and folders are trusted as root's are.

    Raises
    ------
    NotOwn
        A condition above doesn't hold, or it is no regular file.
    OSError
        It can't be opened; FileNotFoundError where there is none.
    """
    trusted = _Trusted(owners, with_own_group)
    if os.name == "posix":
        path = _safe_way(path, trusted)
    handle = os.open(path, os.O_RDONLY | _NO_SURPRISE | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NotOwn(path, "it is no regular file")
        if os.name == "posix":
            if not trusted.owns(found):
                raise NotOwn(path, "it belongs to another user")
            if found.st_mode & 0o022:
                raise NotOwn(path, "other users may have written it")
        content = file.read(most + 1)
    if len(content) > most:
        raise NotOwn(path, f"it is larger than {most // 1024:,} kB")
    return content


def write_own(path: Path, text: str) -> None:
    """Replace a file as a whole by one that only this user may read and write.

    Parameters
    ----------
    path:
        The file; its directory is made where there is none.
    text:
        Its new content.

    Raises
    ------
    OSError
        It can't be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}")  # 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other threads, and other processes of this machine, out of the block. Where locks don't
    work, nobody is kept out.

    Parameters
    ----------
    path:
        The lock's own file, which is made, and stays.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | _NO_SURPRISE, 0o600)
            held.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class _Trusted:
    """The users whose folders and files are trusted."""

    others: frozenset[int]
    own_group: bool

    def owns(self, found: os.stat_result) -> bool:
        return found.st_uid in (os.geteuid(), 0) or found.st_uid in self.others


def _safe_way(path: Path, trusted: _Trusted) -> Path:
    """The file that a path leads to, with every folder and link on the way checked."""
    absolute = Path(os.path.abspath(path)) if ".." not in path.parts else path.absolute()
    at, todo, links = Path(absolute.anchor), list(reversed(absolute.parts[1:])), 0
    _check_folder(at, at.lstat(), trusted)
    while todo:
        part = todo.pop()
        if part == "..":
            at = at.parent
            continue
        here = at / part
        found = here.lstat()
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            if not trusted.owns(found):
                raise NotOwn(path, f"the link {here} belongs to another user")
            target = Path(os.readlink(here))
            if target.is_absolute():
                at, target = Path(target.anchor), target.relative_to(target.anchor)
            todo += reversed(target.parts)
            continue
        if todo:
            _check_folder(here, found, trusted)
        elif not stat.S_ISREG(found.st_mode):  # opening a device may have effects
            raise NotOwn(here, "it is no regular file")
        at = here
    return at


def _check_folder(folder: Path, found: os.stat_result, trusted: _Trusted) -> None:
    if not trusted.owns(found):
        raise NotOwn(folder, f"the folder {folder} belongs to another user")
    if found.st_mode & stat.S_ISVTX or not found.st_mode & 0o022:
        return
    if found.st_mode & 0o002 or not (trusted.own_group and _has_me_alone(found.st_gid)):
        raise NotOwn(folder, f"other users may write the folder {folder}")


def _has_me_alone(group: int) -> bool:
    """Whether this user is the only known member of a group."""
    import grp
    import pwd

    me = os.geteuid()
    try:
        names = {one.pw_name for one in pwd.getpwall() if one.pw_uid == me}
        others = any(one.pw_gid == group and one.pw_uid not in (me, 0) for one in pwd.getpwall())
        return not others and names.issuperset(grp.getgrgid(group).gr_mem)
    except (KeyError, OSError):
        return False
