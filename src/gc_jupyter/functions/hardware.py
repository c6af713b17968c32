"""The function behind `get_worker_hardware_details`: it describes a worker's machine."""

from __future__ import annotations

from gc_jupyter.functions.source import SourceFunction

_SOURCE = '''
def hardware_report(kind="Compute Endpoint worker"):
    """What this machine is made of, as text for people."""
    import os
    import platform
    import shutil
    import subprocess
    import sys

    def output(*command):
        if shutil.which(command[0]) is None:
            return command[0] + " is not installed"
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, universal_newlines=True, timeout=30,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return done.stdout.strip()

    disk = shutil.disk_usage(os.getcwd())
    facts = [
        ("machine", platform.node() + ", " + platform.platform()),
        ("python", sys.version.replace(chr(10), " ") + ", " + sys.executable),
        ("cores", str(os.cpu_count())),
        ("disk here", "%.1f of %.1f GB free" % (disk.free / 1e9, disk.total / 1e9)),
    ]
    commands = [["lscpu"], ["free", "-h"], ["nvidia-smi"], ["rocm-smi"]]
    if sys.platform == "darwin":
        commands = [["sysctl", "-a", "machdep.cpu"], ["vm_stat"]]
    lines = [kind] + ["%12s: %s" % fact for fact in facts]
    for command in commands:
        lines += ["", "$ " + " ".join(command), output(*command)]
    return chr(10).join(lines)
'''

HARDWARE_REPORT = SourceFunction("hardware_report", _SOURCE.lstrip())
