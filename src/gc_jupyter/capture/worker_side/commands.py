"""Provide `get_ipython()` in a remote cell: `!command`, and the magics with a meaning there."""

from __future__ import annotations

import ast
import io
import os
import re
import shlex
import subprocess
import sys
import time
import timeit
from typing import Any

from gc_jupyter.capture.worker_side.failures import remember_lines
from gc_jupyter.travel.rebuild import parse

TIMED = "<timed>"


class Shell:
    """Runs commands and magics in a cell's namespace."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.started: Any = None  # for %%time: the clocks at the cell's start

    # --- commands

    def expand(self, command: str) -> str:
        """Fill in `{expression}` and `$name` in a command, as IPython does."""

        def fill(match: Any) -> str:
            if match.group(0) in ("$$", "{{", "}}"):
                return str(match.group(0)[0])
            expression = match.group(1) or match.group(2)
            try:
                return str(eval(expression, self.user_ns))
            except Exception:
                return str(match.group(0))  # shell variables stay as they are, as with IPython

        return re.sub(r"\$\$|\{\{|\}\}|\{([^{}]+)\}|\$([A-Za-z_][\w.]*)", fill, command)

    def system(self, command: str) -> None:
        self.run_program(self.expand(command), shell=True)

    def getoutput(self, command: str) -> list[str]:
        done = subprocess.run(
            self.expand(command),
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.user_ns["_exit_code"] = done.returncode
        return done.stdout.decode("utf-8", "replace").splitlines()

    def run_program(self, command: Any, **options: Any) -> None:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )
        assert process.stdout is not None
        for line in io.TextIOWrapper(process.stdout, "utf-8", "replace"):
            sys.stdout.write(line)
        self.user_ns["_exit_code"] = process.wait()

    # --- magics; capture/commands.py has their names

    def run_line_magic(self, name: str, line: str, *_args: Any) -> Any:
        if name == "time":
            return self.time_code(line)
        if name == "timeit":
            return self.time_loops(line, "")
        if name == "pip":
            return self.run_program([sys.executable, "-m", "pip", *shlex.split(self.expand(line))])
        if name == "ls":
            return self.system("ls " + line)
        if name == "pwd":
            return os.getcwd()
        return None  # such magics set up the notebook, as %matplotlib inline does

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:
        if name == "timeit":
            return self.time_loops(line, cell)
        words = shlex.split(self.expand(line))
        if name == "writefile":
            return self.write_file(words, cell)
        return self.run_script(name, words, cell)

    def run_script(self, shell: str, words: list[str], script: str) -> None:
        """Run `%%bash` or `%%sh`. With `-s`, the words are the script's arguments."""
        if words and words[0] != "-s":
            raise ValueError("%%%%%s %s: no option but -s is known here" % (shell, words[0]))
        command = [shell, "-c", script, shell, *words[1:]]
        self.run_program(command)
        if self.user_ns["_exit_code"]:
            raise subprocess.CalledProcessError(self.user_ns["_exit_code"], script.encode())

    def time_cell(self) -> None:
        """Print what `%%time` at the top of a cell prints."""
        self.started = self.clocks()

    def report_cell(self) -> None:
        if self.started is not None:
            self.report(self.started)

    def time_code(self, code: str) -> Any:
        remember_lines(TIMED, code)
        tree = parse(code, TIMED)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body[-1].value)
            del tree.body[-1]
        before = self.clocks()
        try:
            exec(compile(tree, TIMED, "exec", 0, True), self.user_ns)
            return last and eval(compile(last, TIMED, "eval", 0, True), self.user_ns)
        finally:
            self.report(before)

    @staticmethod
    def clocks() -> Any:
        try:
            import resource
        except ImportError:  # Windows
            return time.process_time(), 0.0, time.perf_counter()
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime, used.ru_stime, time.perf_counter()

    def report(self, before: Any) -> None:
        now = self.clocks()
        user, system, wall = (now[index] - before[index] for index in range(3))
        spent = (duration(user), duration(system), duration(user + system))
        print("CPU times: user %s, sys: %s, total: %s" % spent)
        print("Wall time: %s" % duration(wall))

    def time_loops(self, line: str, cell: str) -> None:
        options = re.match(r"(?:\s*-(?:[nr]\s*\d+|[tcpqov]+\b))*", line)
        assert options is not None
        given = dict(re.findall(r"-([nr])\s*(\d+)", options.group()))
        code = line[options.end() :].strip()
        timer = timeit.Timer(cell or code, code if cell else "pass", globals=self.user_ns)
        loops = int(given.get("n", 0)) or timer.autorange()[0]
        runs = [spent / loops for spent in timer.repeat(int(given.get("r", 7)), loops)]
        mean = sum(runs) / len(runs)
        spread = (sum((spent - mean) ** 2 for spent in runs) / len(runs)) ** 0.5
        print(
            "%s ± %s per loop (mean ± std. dev. of %d run%s, %s loop%s each)"
            % (
                *(duration(mean), duration(spread)),
                *(len(runs), "s" if len(runs) > 1 else ""),
                *(format(loops, ","), "s" if loops > 1 else ""),
            )
        )

    @staticmethod
    def write_file(words: list[str], text: str) -> None:
        append = words[0] in ("-a", "--append")
        filename = os.path.expanduser(words[-1])
        there = os.path.exists(filename)
        print(
            "%s %s"
            % ("Appending to" if append else "Overwriting" if there else "Writing", filename)
        )
        with open(filename, "a" if append else "w", encoding="utf-8") as stream:
            stream.write(text)


def duration(seconds: float) -> str:
    """Write a duration as `%time` does, with three digits and a unit."""
    if seconds >= 60:
        return "%dmin %ds" % divmod(round(seconds), 60)
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return "%.3g %s" % (seconds / size, unit)
    return "%.3g ns" % (seconds * 1e9)
