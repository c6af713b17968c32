"""A root file system that nothing can be written to, as in some containers: a volume is enough."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: In a mount namespace: all is read-only, but for a fresh volume and what a machine always has.
READ_ONLY = """
set -e
mount --make-rprivate /
mkdir -p "$0"
mount -t tmpfs volume "$0"
for one in $(awk '{print $5}' /proc/self/mountinfo | sort -u); do
  case "$one" in "$0"|/proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$one" || true ;; esac
done
if touch "$2" 2>/dev/null; then echo "still written to: $2"; exit 77; fi
export HOME="$0"
if [ -n "$4" ]; then export TMPDIR="$0"; else unset TMPDIR; fi
cd "$0"
exec "$1" -c "$3"
"""
CELLS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in ("%load_ext gc_jupyter", "x = 6", "%%gcrun local\\nprint('by a worker', x * 7)",
             "%gc tasks"):
    shell.run_cell(cell).raise_error()
"""


@pytest.mark.parametrize(
    ("as_root", "temporary"),
    [(True, "TMPDIR"), (False, "TMPDIR"), (False, "")],
    ids=["root", "not root", "without TMPDIR"],
)
def test_cells_on_local(tmp_path: Path, as_root: bool, temporary: str) -> None:
    """With the home on the volume; a `%load_ext`, a cell and its journal. Without TMPDIR, temporary
    files are where the kernel works."""
    if as_root and os.getuid():
        pytest.skip("only root can be root")
    namespace = ["unshare", "-m"] if as_root else ["unshare", "-Urm"]
    probe = [*namespace, "mount", "-t", "tmpfs", "x", str(tmp_path)]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("no mount namespace can be made here")
    volume, elsewhere = tmp_path / "volume", tmp_path / "elsewhere"
    command = ["sh", "-c", READ_ONLY, str(volume), sys.executable, str(elsewhere), CELLS, temporary]
    known = {name: text for name, text in os.environ.items() if not name.startswith("JUPYTER_")}
    known.pop("IPYTHONDIR", None)
    ran = subprocess.run(
        [*namespace, *command], env=known, capture_output=True, text=True, timeout=120
    )
    if ran.returncode == 77:
        pytest.skip(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "by a worker 42" in ran.stdout
    assert "success" in ran.stdout, ran.stdout + ran.stderr
