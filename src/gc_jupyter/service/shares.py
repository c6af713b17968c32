"""The share of this machine that a process may use: its cores, and the limits of its cgroups.

A container, a batch job or a hub's spawner limits processor time and memory by cgroups, and a
process still sees every core of its host. This module reads `cpu.max` and `memory.max` of version
2, `cpu.cfs_quota_us` and `memory.limit_in_bytes` of version 1, from the process's own group up to
the top; the smallest limit holds. Limits that a hub names in ``CPU_LIMIT`` and ``MEM_LIMIT``
(JupyterHub's names) count, too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from gc_jupyter.settings import Settings

WORKERS_VARIABLE = "GC_JUPYTER_LOCAL_WORKERS"
#: The memory of a worker: a process with common packages and some data.
WORKER_BYTES = 512 * 1024 * 1024
_NO_LIMIT = 1 << 60  # version 1 writes a number of about this size for no limit


def worker_count() -> int:
    """How many processes of `local` may run tasks at once; 0 where `local` is switched off.

    ``GC_JUPYTER_LOCAL_WORKERS`` wins over the setting ``local_workers``, unless a site has locked
    that. Without either it is `usable_workers`.
    """
    settings = Settings(projects=False)
    chosen = settings.get("local_workers")
    if chosen is None or "local_workers" not in settings.site().locked:
        text = os.environ.get(WORKERS_VARIABLE, "").strip()
        if text.isascii() and text.isdigit():
            return max(1, int(text))
    return usable_workers() if chosen is None else int(chosen)


def usable_workers(root: Path = Path("/")) -> int:
    """How many workers there is room for: one for each core that this process may use, the quota
    of its cgroups rounded up; and one for each 512 MB where memory is limited; at least one.

    Parameters
    ----------
    root:
        Where ``/proc`` and ``/sys`` are.
    """
    usable = getattr(os, "sched_getaffinity", None)
    counts = [len(usable(os.getpid())) if usable else os.cpu_count() or 1]
    cpus = [*_limits(root, _cpus_v2, _cpus_v1), *_said("CPU_LIMIT")]
    counts += [math.ceil(one) for one in cpus]
    memory = [*_limits(root, _bytes_v2, _bytes_v1), *_said("MEM_LIMIT")]
    counts += [int(one // WORKER_BYTES) for one in memory]
    return max(1, min(counts))


def _said(variable: str) -> Iterator[float]:
    """A variable of the environment, where it is a number."""
    try:
        value = float(os.environ.get(variable, ""))
    except ValueError:
        return
    if 0 < value < _NO_LIMIT:
        yield value


_Read = Callable[[Path], "float | None"]


def _limits(root: Path, of_v2: _Read, of_v1: _Read) -> Iterator[float]:
    """The limits of all groups that this process is in."""
    groups = _own_groups(root)
    for version, controllers, top, mount in _mounts(root):
        read = of_v2 if version == 2 else of_v1
        found = (groups[one] for one in controllers if one in groups)
        for group in found:
            # within a container the mount's root is the container's own group
            inner = group.relative_to(top) if group.is_relative_to(top) else PurePosixPath()
            for folder in (inner, *inner.parents):
                limit = read(mount / folder)
                if limit is not None and 0 < limit < _NO_LIMIT:
                    yield limit


def _own_groups(root: Path) -> dict[str, PurePosixPath]:
    """Controller -> this process's group; version 2 has an empty name."""
    groups = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        groups.update(dict.fromkeys(controllers.split(","), PurePosixPath(path)))
    return groups


def _mounts(root: Path) -> Iterator[tuple[int, list[str], PurePosixPath, Path]]:
    """The cgroup file systems: version, controllers, the group that is mounted, and where."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        version, mount = (2 if kind[0] == "cgroup2" else 1), root / fields[4].lstrip("/")
        yield version, [""] if version == 2 else kind[2].split(","), PurePosixPath(fields[3]), mount


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _numbers(path: Path) -> list[float]:
    """The numbers of a file's first line; empty where a word is no number ("max")."""
    try:
        return [float(word) for word in (_lines(path) or [""])[0].split()]
    except ValueError:
        return []


def _cpus_v2(group: Path) -> float | None:
    numbers = _numbers(group / "cpu.max")
    return numbers[0] / numbers[1] if len(numbers) == 2 and numbers[1] > 0 else None


def _cpus_v1(group: Path) -> float | None:
    quota, period = _numbers(group / "cpu.cfs_quota_us"), _numbers(group / "cpu.cfs_period_us")
    return quota[0] / period[0] if quota and period and period[0] > 0 else None


def _bytes_v2(group: Path) -> float | None:
    return next(iter(_numbers(group / "memory.max")), None)


def _bytes_v1(group: Path) -> float | None:
    return next(iter(_numbers(group / "memory.limit_in_bytes")), None)
