"""How many workers `local` has: quotas and limits of cgroups, variables, settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc_jupyter.service.shares import usable_workers, worker_count

MB = 1024 * 1024
V2 = "30 1 0:26 {top} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "31 1 0:27 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 1 0:28 {top} /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
)


@pytest.fixture(autouse=True)
def _many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: range(64), raising=False)
    for name in ("CPU_LIMIT", "MEM_LIMIT", "GC_JUPYTER_LOCAL_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def machine(root: Path, mounts: str, groups: str, files: dict[str, str]) -> Path:
    """A /proc and a /sys as the kernel shows them."""
    made = {"proc/self/mountinfo": mounts, "proc/self/cgroup": groups}
    for name, text in {**made, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("cpu", "memory", "workers"),
    [
        ("50000 100000", "max", 1),
        ("150000 100000", "max", 2),
        ("400000 100000", "max", 4),
        ("max 100000", "max", 64),
        ("max 100000", str(300 * MB), 1),
        ("max 100000", str(2048 * MB), 4),
        ("800000 100000", str(1024 * MB), 2),
        ("", "", 64),
        ("x y", "-", 64),
        ("0 0", "0", 64),
    ],
)
def test_version_2(tmp_path: Path, cpu: str, memory: str, workers: int) -> None:
    """In a container: its own group is the mount's root."""
    files = {"cpu.max": cpu + "\n", "memory.max": memory + "\n"}
    assert usable_workers(machine(tmp_path, V2.format(top="/"), "0::/\n", files)) == workers


def test_a_limit_above_holds_too(tmp_path: Path) -> None:
    """A batch job's limit is on the job's group; the process is in a step below it."""
    files = {
        "slurm/job_7/cpu.max": "300000 100000\n",
        "slurm/job_7/step_0/cpu.max": "max 100000\n",
        "slurm/job_8/cpu.max": "100000 100000\n",
        "slurm/job_7/memory.max": f"{8192 * MB}\n",
    }
    root = machine(tmp_path, V2.format(top="/"), "0::/slurm/job_7/step_0/user\n", files)
    assert usable_workers(root) == 3


@pytest.mark.parametrize("top", ["/", "/docker/abc"])
@pytest.mark.parametrize(
    ("quota", "limit", "workers"),
    [("50000", "9223372036854771712", 1), ("-1", "9223372036854771712", 64), ("-1", "1e9", 1)],
)
def test_version_1(tmp_path: Path, top: str, quota: str, limit: str, workers: int) -> None:
    """Without a namespace, the group's path is the host's, and the mount shows it as its root."""
    files = {
        "cpu,cpuacct/cpu.cfs_quota_us": quota,
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": limit,
    }
    groups = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
    assert usable_workers(machine(tmp_path, V1.format(top=top), groups, files)) == workers


def test_a_system_without_cgroups(tmp_path: Path) -> None:
    assert usable_workers(tmp_path) == 64


@pytest.mark.parametrize(
    ("variables", "workers"),
    [
        ({"CPU_LIMIT": "0.5"}, 1),
        ({"CPU_LIMIT": "2.0", "MEM_LIMIT": str(8192 * MB)}, 2),
        ({"MEM_LIMIT": str(1024 * MB)}, 2),
        ({"CPU_LIMIT": "", "MEM_LIMIT": "8G"}, 64),
        ({"CPU_LIMIT": "nan", "MEM_LIMIT": "inf"}, 64),
        ({"CPU_LIMIT": "-1"}, 64),
    ],
)
def test_what_a_spawner_says(
    tmp_path: Path, variables: dict[str, str], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert usable_workers(tmp_path) == workers


def test_who_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable, then the user's setting, then the site's; a locked one alone."""
    site, own = tmp_path / "site", tmp_path / "own"
    for folder in (site, own):
        folder.mkdir(mode=0o755)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(site))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(own))
    (site / "gc_jupyter.toml").write_text("local_workers = 5\n")
    assert worker_count() == 5
    (own / "gc_jupyter.toml").write_text("local_workers = 4\n")
    (own / "gc_jupyter.toml").chmod(0o600)
    assert worker_count() == 4
    monkeypatch.setenv("GC_JUPYTER_LOCAL_WORKERS", "3")
    assert worker_count() == 3
    for nothing in ("many", "-2", ""):
        monkeypatch.setenv("GC_JUPYTER_LOCAL_WORKERS", nothing)
        assert worker_count() == 4
    monkeypatch.setenv("GC_JUPYTER_LOCAL_WORKERS", "3")
    (site / "gc_jupyter.toml").write_text('local_workers = 0\nlocked = ["local_workers"]\n')
    assert worker_count() == 0


@pytest.fixture
def half_a_cpu() -> Iterator[Path]:
    """A real group of version 1 or 2 with half of a core, where this machine lets us make one."""
    old = Path("/sys/fs/cgroup/cpu")
    top = old if (old / "cpu.cfs_quota_us").exists() else Path("/sys/fs/cgroup")
    group = top / f"gcj{os.getpid()}"
    try:
        group.mkdir()
        if top == old:
            (group / "cpu.cfs_quota_us").write_text("50000")
        else:
            (group / "cpu.max").write_text("50000 100000")
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no cgroup can be made here: {error}")
    yield group
    group.rmdir()


def test_in_a_real_group(half_a_cpu: Path) -> None:
    code = (
        f"import os; open({str(half_a_cpu / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
        "from gc_jupyter.service.shares import worker_count\nprint(worker_count())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["1"], ran.stderr
