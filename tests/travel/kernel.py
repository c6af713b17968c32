"""A notebook in a process of its own: runs a history, then its cell here and on a worker.

Each line of standard input is a history, each line of standard output what was seen of it. `Kernel`
is the other end of these pipes. What runs here runs in a fork, so that the cell which travels
starts from the same state.
"""

from __future__ import annotations

import contextlib
import decimal
import fractions
import hashlib
import importlib
import io
import json
import linecache
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.capture.compare import Seen, Shell

_ROOT = Path(__file__).parents[2]
#: What %%gcrun says of a cell that failed, after what the cell itself wrote.
_BOUND = re.compile(r"^Bound before the error: .*\n", re.MULTILINE)
#: What the cell and the look at what it left come to, here or there.
Outcome = list[Seen]


@dataclass(frozen=True)
class History:
    """A notebook's cells, the cell that is run here and there, and one that looks at what it left.

    Parameters
    ----------
    kinds:
        The kinds of step that it was made of.
    cells:
        What was run before. One that begins with ``%%writefile`` makes a file.
    cell:
        Ends in an expression.
    out:
        Names that the cell brings back.
    after:
        Run in the notebook after the cell: shows what came back. May be empty.
    """

    kinds: tuple[str, ...]
    cells: tuple[str, ...]
    cell: str
    out: tuple[str, ...] = ()
    after: str = ""

    def __str__(self) -> str:
        line = f"%%gcrun{' --out ' + ','.join(self.out) if self.out else ''}"
        parts = [*self.cells, f"{line}\n{self.cell}", *([self.after] if self.after else [])]
        return "\n\n# %%\n".join([f"# {', '.join(self.kinds)}", *parts])


@dataclass
class Answer:
    """What was seen of one history.

    Parameters
    ----------
    here, there:
        The cell, and what `after` showed.
    before:
        Errors of the cells before, for whoever writes a kind of step.
    files:
        Files that sending, or taking the reply, has made, changed or removed.
    """

    here: Outcome
    there: Outcome
    before: list[str]
    files: list[str]

    @property
    def refused(self) -> str:
        """Why the cell was not sent, where it wasn't."""
        error = self.there[0].error
        return error if error.startswith(("CaptureError", "PayloadTooLarge")) else ""

    def differences(self) -> list[str]:
        """What a user would see differ, and the files touched; empty where all is the same."""
        found = [f"files changed: {', '.join(self.files)}"] if self.files else []
        for text, here, there in zip(("cell", "after"), self.here, self.there, strict=False):
            for part in ("error", "value", "stdout", "stderr", "displays"):
                one, other = getattr(here, part), getattr(there, part)
                if part == "stderr":
                    other = _BOUND.sub("", other)
                if one != other:
                    found.append(f"{part} of the {text}\n  here:  {one!r}\n  there: {other!r}")
        return found


class KernelDied(Exception):
    """A history took the kernel with it."""


class Kernel:
    """A kernel process, and what it is told.

    Parameters
    ----------
    where:
        The endpoint that cells go to: a name as for %%gcrun.
    environment:
        What points the process at the service.
    python:
        Its interpreter.
    """

    def __init__(
        self, where: str, environment: Mapping[str, str] | None = None, python: str = sys.executable
    ) -> None:
        paths = {} if python == sys.executable else {"PYTHONPATH": f"{_ROOT}:{_ROOT / 'src'}"}
        own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore", "MPLBACKEND": "agg"}
        self.where = where
        self._python = python
        self._environment = {**os.environ, **own, **paths, **(environment or {})}
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self._python, "-m", "tests.travel.kernel"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            text=True,
        )

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def see(self, history: History) -> Answer:
        """Run a history here and there.

        Raises
        ------
        KernelDied
            It did not survive; the next history gets a new one.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([self.where, asdict(history)]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._process = self._start()
            raise KernelDied(f"the kernel died, exit status {status}")
        raw = json.loads(line)
        here, there = ([Seen(**_tuples(one)) for one in raw[key]] for key in ("here", "there"))
        return Answer(here, there, raw["before"], raw["files"])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _tuples(raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "frames": [tuple(frame) for frame in raw["frames"]]}


class Notebook:
    """The shell, and a folder for each history."""

    def __init__(self) -> None:
        self.shell = Shell.instance()
        self.shell.history_manager.enabled = False
        self.top = tempfile.mkdtemp(prefix="histories-")
        self.serial = 0
        self.first_path = [*sys.path]
        self.first_filters = [*warnings.filters]

    def begin(self) -> None:
        """An empty notebook in an empty folder."""
        shell = self.shell
        # what `installed_module_set` sets
        decimal.setcontext(decimal.DefaultContext.copy())
        warnings.filters[:] = self.first_filters  # type: ignore[index]
        logging.getLogger("own").setLevel(logging.NOTSET)
        for owner in (textwrap, fractions.Fraction):
            if "own" in vars(owner):
                del owner.own  # type: ignore[attr-defined]
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(self.top):
                del sys.modules[name]
        for name in [name for name in linecache.cache if "ipython-input" in name]:
            del linecache.cache[name]
        sys.path[:] = ["", *[path for path in self.first_path if path]]
        shell.reset(new_session=False)
        shell.execution_count = 1
        self.serial += 1
        folder = os.path.join(self.top, str(self.serial))
        os.mkdir(folder)
        os.chdir(folder)
        importlib.invalidate_caches()

    def run(self, where: str, history: History) -> Answer:
        self.begin()
        before = []
        for cell in history.cells:
            seen = self.shell.see(cell)
            if seen.error:
                before.append(seen.error)
            importlib.invalidate_caches()  # files are newer by less than their times can tell
        here = in_a_fork(lambda: self.outcome(history, ""))
        files = digests(Path())
        line = f"%%gcrun {where} -q{' --out ' + ','.join(history.out) if history.out else ''}\n"
        there = self.outcome(history, line)
        changed = sorted({*files.items()} ^ {*digests(Path()).items()})
        return Answer(here, there, before, sorted({name for name, _ in changed}))

    def outcome(self, history: History, line: str) -> Outcome:
        outcome = [self.shell.see(line + history.cell)]
        if history.after:
            outcome.append(self.shell.see(history.after))
        return outcome

    def close(self) -> None:
        os.chdir(_ROOT)  # IPython's end asks where it is
        shutil.rmtree(self.top)


def in_a_fork(see: Any) -> Outcome:
    """What `see` gives, in a copy of this process that ends with it."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads: none of theirs is used there
        child = os.fork()
    if child == 0:
        try:
            os.close(read)
            with os.fdopen(write, "w") as stream:
                json.dump([asdict(one) for one in see()], stream)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return [Seen(**_tuples(one)) for one in json.loads(text)]


def digests(folder: Path) -> dict[str, str]:
    """Each file of a folder -> its content and the time of its last change, in one word."""
    return {
        str(path): f"{path.stat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def connect(shell: Shell) -> None:
    """Submit by a client that waits for no limit of requests, where a service is named."""
    shell.run_line_magic("load_ext", "gc_jupyter")
    token = os.environ.get("GLOBUS_COMPUTE_ACCESS_TOKEN")
    if token is None:
        return
    import globus_sdk

    from gc_jupyter import Client
    from gc_jupyter.session import current_session

    authorizer = globus_sdk.AccessTokenAuthorizer(token)
    current_session().use_client(
        Client(authorizer=authorizer, do_version_check=False, rate_limited=False)
    )


def main() -> None:
    """Answer histories until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    notebook = Notebook()
    with contextlib.redirect_stdout(io.StringIO()):
        connect(notebook.shell)
    try:
        for line in sys.stdin:
            where, raw = json.loads(line)
            history = History(**{key: _frozen(value) for key, value in raw.items()})
            answer = notebook.run(where, history)
            print(json.dumps(asdict(answer)), file=answers, flush=True)
    finally:
        notebook.close()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
