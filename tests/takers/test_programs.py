"""Our own small programs, of the shape of public ones that are built on the official SDK."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.handle import Loopback

PARSL = """
import sys
import gc_jupyter.compat

gc_jupyter.compat.install()
import globus_sdk
import parsl
from globus_compute_sdk import Client, Executor
from parsl.config import Config
from parsl.executors import GlobusComputeExecutor

endpoint, token = sys.argv[1:]
client = Client(authorizer=globus_sdk.AccessTokenAuthorizer(token))
executor = Executor(endpoint, client=client, user_endpoint_config={"a": 1})


@parsl.python_app
def triple(x):
    return 3 * x


@parsl.python_app
def fail():
    raise ValueError("on purpose")


dfk = parsl.load(Config(executors=[GlobusComputeExecutor(executor, label="remote")]))
print(sorted(future.result() for future in [triple(x) for x in range(4)]))
print(triple(triple(2)).result())
print(type(fail().exception()).__name__)
dfk.cleanup()
parsl.clear()
print(executor.user_endpoint_config, "cleaned up")
"""

# a generator function proposes points, a manager keeps as many in flight as there are workers
MANAGER = """
import sys
from gc_jupyter import Client, Executor
from concurrent.futures import FIRST_COMPLETED, wait
import globus_sdk

endpoint, token = sys.argv[1:]
client = Client(authorizer=globus_sdk.AccessTokenAuthorizer(token))


def simulate(record, persistent, specification):
    import math
    return {"f": [math.sin(x) * specification["scale"] for x in record["x"]]}, persistent


executor = Executor(endpoint_id=endpoint, client=client)
function_id = executor.register_function(simulate)
history, given, running = [], 0, {}
while len(history) < 6:
    while given < 6 and len(running) < 2:
        record = {"x": [given, given + 1]}
        future = executor.submit_to_registered_function(
            function_id, args=(record, {"worker": given % 2}, {"scale": 10})
        )
        running[future] = record
        given += 1
    done, _ = wait(running, return_when=FIRST_COMPLETED, timeout=60)
    for future in done:
        (values, persistent), record = future.result(), running.pop(future)
        history.append((record["x"][0], round(values["f"][0], 3), persistent["worker"]))
executor.shutdown()
print(sorted(history)[-1])
"""

# the real package; its runner imports `globus_compute_sdk`
LIBENSEMBLE = """
import sys
import gc_jupyter.compat

gc_jupyter.compat.install()
import numpy as np
from libensemble import Ensemble
from libensemble.gen_funcs.sampling import latin_hypercube_sample
from libensemble.specs import ExitCriteria, GenSpecs, LibeSpecs, SimSpecs


def simulate(H, persis_info, sim_specs, libE_info):
    import numpy as np

    out = np.zeros(len(H), dtype=[("f", float)])
    out["f"] = (H["x"] ** 2).sum(axis=1)
    return out, persis_info


if __name__ == "__main__":
    libE_specs = LibeSpecs(
        nworkers=2, comms="threads", disable_log_files=True, save_H_on_completion=False
    )
    ensemble = Ensemble(
        libE_specs=libE_specs,
        sim_specs=SimSpecs(
            sim_f=simulate,
            inputs=["x"],
            outputs=[("f", float)],
            globus_compute_endpoint=sys.argv[1],
        ),
        gen_specs=GenSpecs(
            gen_f=latin_hypercube_sample,
            outputs=[("x", float, (2,))],
            user={"gen_batch_size": 4, "lb": np.array([-1, -1]), "ub": np.array([1, 1])},
        ),
        exit_criteria=ExitCriteria(sim_max=4),
    )
    ensemble.add_random_streams()
    H, _, flag = ensemble.run()
    done = H[H["sim_ended"]]
    print(flag, len(done), bool(np.allclose(done["f"], (done["x"] ** 2).sum(axis=1))))
"""

# TaPS: an engine that passes futures as arguments, keeps task records, and measures
TAPS = """
import sys
from gc_jupyter import Client, Executor
from concurrent.futures import Future, wait
import globus_sdk

endpoint, token = sys.argv[1:]
client = Client(authorizer=globus_sdk.AccessTokenAuthorizer(token))


class Engine:
    def __init__(self, executor):
        self.executor, self.records = executor, []

    def submit(self, function, *args):
        args = [arg.result() if isinstance(arg, Future) else arg for arg in args]
        future = self.executor.submit(function, *args)
        record = {"name": function.__name__}
        self.records.append(record)
        future.add_done_callback(lambda done: record.update(ok=done.exception() is None))
        return future

    def map(self, function, *iterables):
        return self.executor.map(function, *iterables)


def count(text):
    return len(text.split())


def add(*numbers):
    return sum(numbers)


with Executor(endpoint, client=client, batch_size=8) as executor:
    engine = Engine(executor)
    parts = [engine.submit(count, text) for text in ("a b", "c", "d e f")]
    wait(parts, timeout=60)
    print(engine.submit(add, *parts).result(60), list(engine.map(count, ["x", "y z"])))
print([record["ok"] for record in engine.records], executor.task_count_submitted)
"""

THROUGHPUT = """
import sys
from gc_jupyter import Client, Executor
import concurrent.futures
import globus_sdk

endpoint, token = sys.argv[1:]
client = Client(authorizer=globus_sdk.AccessTokenAuthorizer(token))


def nothing(size):
    return b"x" * size


with Executor(endpoint, client=client, batch_size=100) as executor:
    futures = [executor.submit(nothing, size) for size in [10] * 300]
    done, pending = concurrent.futures.wait(futures, timeout=90)
    print(len(done), len(pending), {len(future.result()) for future in done})
    print(len({future.task_id for future in futures}), executor.task_count_submitted)
"""

PROGRAMS = {
    "parsl": (PARSL, "[0, 3, 6, 9]\n18\nValueError\n{'a': 1} cleaned up\n"),
    "manager": (MANAGER, "(5, -9.589, 1)\n"),
    "libensemble": (LIBENSEMBLE, "0 4 True\n"),
    "taps": (TAPS, "6 [1, 2]\n[True, True, True, True] 6\n"),
    "throughput": (THROUGHPUT, "300 0 {10}\n300 300\n"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(loopback: Loopback, tmp_path: Path, name: str) -> None:
    text, printed = PROGRAMS[name]
    program = tmp_path / "program.py"
    program.write_text(text)
    done = subprocess.run(
        [sys.executable, str(program), loopback.endpoint("process"), loopback.token],
        env={**os.environ, **loopback.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
    assert loopback.requests("POST", "/submit")


def test_parsl_beside_the_official_sdk(
    loopback: Loopback, tmp_path: Path, endpoint_python: str
) -> None:
    """The official SDK can be imported, too: it isn't."""
    where = "import globus_compute_sdk as sdk; print(sdk.__path__[0].rpartition('/')[0])"
    found = subprocess.run(
        [endpoint_python, "-c", where], capture_output=True, text=True, check=True, timeout=60
    )
    program = tmp_path / "program.py"
    check = "import importlib.util\nassert importlib.util.find_spec('globus_compute_sdk')\n"
    program.write_text(check + PARSL)
    done = subprocess.run(
        [sys.executable, str(program), loopback.endpoint("process"), loopback.token],
        env={**os.environ, **loopback.environment, "PYTHONPATH": found.stdout.strip()},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, PROGRAMS["parsl"][1]), done.stderr
