"""The same calls through the official SDK and through this package: what they return, raise, say.

Where the two differ on purpose, `DIFFERENT` names the row of docs/differences.md that says why.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.official.scripts import run_official, run_ours
from tests.service.handle import Loopback

DIFFERENCES = Path(__file__).parents[2] / "docs/differences.md"

_PROLOGUE = '''
import importlib
import time
import warnings

sdk = importlib.import_module(Client.__module__.split(".")[0])
serialize = importlib.import_module(sdk.__name__ + ".serialize")
ShellFunction, ShellResult, MPIFunction = sdk.ShellFunction, sdk.ShellResult, sdk.MPIFunction
if sdk.__name__ == "gc_jupyter":
    from gc_jupyter import Batch
else:
    from globus_compute_sdk.sdk.batch import Batch
F = "11111111-1111-4111-8111-111111111111"


def outcome(call):
    """What came of it, with this run's ids and addresses taken out."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        try:
            value = call()
        except Exception as error:
            made = [type(error).__name__, str(error)]
        else:
            made = ["returned", value if isinstance(value, (str, int, dict, list)) else repr(value)]
    return made + [str(one.message) for one in said if one.category is UserWarning]


def see(name, call):
    report[name] = outcome(call)


def double(x):
    return 2 * x


def fail(word):
    raise ValueError("on purpose: " + word)


def undecodable():
    class Local:
        def __reduce__(self):
            return eval, ("1/0",)
    return Local()


'''

BATCHES = """
batch = Batch(None)
see("add: args", lambda: batch.add(F, args=5))
see("add: kwargs", lambda: batch.add(F, kwargs=[1]))
see("add: keys", lambda: batch.add(F, kwargs={1: 2}))
see("add: unpicklable", lambda: batch.add(F, args=(memoryview(b""),)))
see("add: not an id", lambda: batch.add("square"))
see("empty", lambda: client().batch_run(endpoint, Batch(None)))
see("bool", lambda: bool(Batch(None)))
batch.add(F, (1,))
batch.add(F, (1,))
see("length", lambda: len(batch))
see("group", lambda: Batch("no id"))
see("prepare", lambda: sorted(batch.prepare()))
see("tasks", lambda: [[str(one), len(tasks)] for one, tasks in batch.tasks.items()])
"""

CLIENTS = """
import globus_sdk
authorizer = globus_sdk.AccessTokenAuthorizer("x")
app = globus_sdk.UserApp("x", client_id=F)
see("two logins", lambda: Client(app=app, authorizer=authorizer))
see("unknown keyword", lambda: isinstance(
    Client(authorizer=authorizer, do_version_check=False, surprise=1), Client))
see("wrong token", lambda: Client(authorizer=authorizer))
gc = client()
see("both ways", lambda: gc.register_function(double, public=True, ha_endpoint_id=F))
function_id, fail_id = gc.register_function(double), gc.register_function(fail)
see("run", lambda: isinstance(gc.run(1, endpoint_id=endpoint, function_id=function_id), str))
see("run by UUID", lambda: isinstance(
    gc.run(1, endpoint_id=uuid.UUID(endpoint), function_id=uuid.UUID(function_id)), str))
good = gc.run(4, endpoint_id=endpoint, function_id=function_id)
bad = gc.run("x", endpoint_id=endpoint, function_id=fail_id)
odd = gc.run(endpoint_id=endpoint, function_id=gc.register_function(undecodable))
time.sleep(1)
see("result", lambda: gc.get_result(good))
see("failed", lambda: gc.get_result(bad))
see("failed task", lambda: sorted(gc.get_task(bad)))
see("undecodable", lambda: gc.get_result(odd))
see("batch result", lambda: sorted(
    [one["status"], one["pending"], "result" in one]
    for one in gc.get_batch_result([good, bad]).values()))
see("unknown task", lambda: gc.get_task(F))
see("unknown task in a batch", lambda: gc.get_batch_result([F]))
see("unknown function", lambda: gc.run(endpoint_id=endpoint, function_id=F))
see("unknown endpoint", lambda: gc.get_endpoint_status(F))
see("malformed", lambda: gc.get_task("no id"))
see("pending", lambda: gc.get_result(gc.run(4, endpoint_id=given, function_id=function_id)))
see("status", lambda: sorted(gc.get_endpoint_status(endpoint)))
see("logout", lambda: gc.logout())
"""

EXECUTORS = """
executor = Executor(client=client())
see("no endpoint", lambda: executor.submit(double, 1))
executor.endpoint_id = endpoint
see("endpoint", lambda: str(executor.endpoint_id) == endpoint)
see("bad endpoint", lambda: setattr(executor, "endpoint_id", "no id"))
see("resources", lambda: setattr(executor, "resource_specification", [1]))
see("resources that are no JSON",
    lambda: setattr(executor, "resource_specification", {"a": object()}))
see("configuration", lambda: setattr(executor, "user_endpoint_config", "x"))
see("serializer", lambda: setattr(executor, "serializer", "x"))
see("result serializers", lambda: setattr(executor, "result_serializers", ["no.such.Thing"]))
see("reload nothing", lambda: executor.reload_tasks())
executor = Executor(endpoint, client=client())
see("register", lambda: executor.register_function(double, function_id=F))
see("register again", lambda: executor.register_function(double))
see("register under another id", lambda: executor.register_function(double, function_id=endpoint))
see("result", lambda: executor.submit(fail, "y").result(30))
see("map", lambda: list(executor.map(abs, [-1, 2])))
executor.shutdown()
see("after shutdown", lambda: executor.submit(fail, "y"))
see("shutdown twice", lambda: executor.shutdown())
broken = Executor(endpoint, client=client())
see("unpicklable", lambda: broken.submit(fail, memoryview(b"")).result(1))
see("after unpicklable", lambda: broken.submit(fail, "z").result(4))
broken.shutdown(wait=False, cancel_futures=True)
"""

SHELLS = """
see("name", lambda: ShellFunction("true", name="no name"))
see("keyword", lambda: ShellFunction("true", name="class"))
see("walltime", lambda: ShellFunction("true", walltime=-1))
see("repr", lambda: repr(ShellFunction("true", walltime=2, stdout="o", stderr="e", name="one")))
see("repr of MPI", lambda: repr(MPIFunction("true", snippet_lines=2)))
see("str", lambda: str(ShellFunction("true", walltime=2, stdout="o", stderr="e", name="one")))
see("str of lines", lambda: str(MPIFunction("  echo a\\n echo b\\n")))
see("str of many lines", lambda: str(ShellFunction("echo a\\n" * 30)))
see("name of its own", lambda: ShellFunction("true").valid_function_name("no name"))
see("names", lambda: [ShellFunction("true").__name__, MPIFunction("true").__name__])
results = [
    ShellResult("x", "a\\n" * 20, "", 0),
    ShellResult("x", "a", "b\\n" * 2000, 1, "subprocess.CalledProcessError"),
    ShellResult("x", "", "", 124, "subprocess.TimeoutExpired"),
]
see("results", lambda: [str(one) for one in results])
see("reprs", lambda: [repr(one) for one in results])


class Quiet(ShellFunction):
    # only its state is another one
    def __init__(self, word):
        super().__init__("echo " + word + " {x}")


class Twice(ShellFunction):
    def execute_cmd_line(self, cmd):
        result = super().execute_cmd_line(cmd + "; " + cmd)
        result.note = self.snippet_lines
        return result


class Called(MPIFunction):
    prefix = "echo mpi "

    def __call__(self, **kwargs):
        return self.execute_cmd_line(self.prefix + self.cmd.format(**kwargs)).stdout


class Shouting(ShellFunction):
    def get_snippet(self, file_obj):
        return super().get_snippet(file_obj).upper()


class Closing(ShellFunction):
    def get_and_close_streams(self, stdout, stderr):
        out, err = super().get_and_close_streams(stdout, stderr)
        return out + str(stdout.closed), ""


class Opening(ShellFunction):
    def open_std_fd(self, fname, mode="a+"):
        stream = super().open_std_fd(fname, mode)
        stream.write("opened\\n")
        stream.flush()
        return stream


class Holding(ShellFunction):
    def __call__(self, **kwargs):
        return self.lock


holding = Holding("true")
holding.lock = memoryview(b"")
commands = {
    "stdout of state": (Quiet("quiet"), {"x": 1}),
    "stdout of twice": (Twice("echo {x}", snippet_lines=7), {"x": 1}),
    "note of twice": (Twice("echo {x}", snippet_lines=7), {"x": 1}),
    "strip of called": (Called("echo {x}"), {"x": 1}),
    "stdout of shouting": (Shouting("echo a"), {}),
    "stdout of closing": (Closing("echo a"), {}),
    "stdout of opening": (Opening("echo a"), {}),
    "cmd": (ShellFunction("echo {x}; echo e >&2; exit 3"), {"x": 1}),
    "returncode": (ShellFunction("echo {x}; exit 3"), {"x": 1}),
    "exception_name": (ShellFunction("exit 3"), {}),
    "stdout": (ShellFunction("seq 5", snippet_lines=2), {}),
    "stderr": (ShellFunction("echo e >&2"), {}),
    "returncode after the walltime": (ShellFunction("sleep 5", walltime=0.1), {}),
    "exception_name after the walltime": (ShellFunction("sleep 5", walltime=0.1), {}),
    "cmd of MPI": (MPIFunction("echo {x}"), {"x": 1}),
}
with Executor(endpoint, client=client()) as executor:
    # together: the official Executor lets the fifth call in a row wait
    ran = {name: executor.submit(one, **arguments) for name, (one, arguments) in commands.items()}
    as_dict = executor.submit(ShellFunction("echo", return_dict=True))
    missing = executor.submit(ShellFunction("{x}"))
    positional = executor.submit(ShellFunction("echo {}"), 1)
    for name, future in ran.items():
        see(name, lambda: (
            lambda value: value() if callable(value) else value
        )(getattr(future.result(30), name.split()[0])))
    see("dict", lambda: as_dict.result(30)["stdout"])
    see("missing", lambda: missing.result(30))
    see("unpicklable subclass", lambda: executor.submit(holding).result(1))
    see("positional", lambda: positional.result(30).stdout)
"""

TASK_GROUPS = """
gc = client()
alone = gc.run(7, endpoint_id=endpoint, function_id=gc.register_function(double))
first = Executor(endpoint, client=gc)
see("before a submission", lambda: first.task_group_id is None)
see("results", lambda: [one.result(30) for one in [first.submit(double, x) for x in range(2)]])
first.shutdown()
second = Executor(endpoint, client=client())
see("the next one's", lambda: second.task_group_id == first.task_group_id)
ids = [one.task_id for one in second.reload_tasks()]
see("reloaded", lambda: len(ids))
see("run's is not among them", lambda: alone in ids)
see("more", lambda: second.submit(double, 9).result(30))
see("one more", lambda: len(second.reload_tasks()))
batch = gc.create_batch()
batch.add(gc.register_function(double), (1,))
in_batch = gc.batch_run(endpoint, batch)["task_group_id"]
see("a batch's", lambda: in_batch == str(second.task_group_id))
see("reloaded again", lambda: len(second.reload_tasks()))
other = Executor(endpoint, client=gc, task_group_id=second.task_group_id)
see("a given one", lambda: len(other.reload_tasks()))
"""

SERIALIZERS = """
ComputeSerializer = serialize.ComputeSerializer


def kind(call):
    try:
        return "returned " + type(call()).__name__
    except Exception as error:
        return type(error).__name__


plain, limited = ComputeSerializer(), ComputeSerializer(
    allowed_deserializer_types=[serialize.JSONData, serialize.PureSourceTextInspect])
data, code = plain.serialize([1]), plain.serialize(double)
cases = {
    "unknown strategy": lambda: plain.deserialize("xx\\nabc"),
    "garbage": lambda: plain.deserialize("00\\n!"),
    "not allowed": lambda: limited.deserialize(data),
    "code that is not allowed": lambda: limited.deserialize(code),
    "no JSON": lambda: ComputeSerializer(
        strategy_data=serialize.JSONData()).serialize({1, 2}),
    "a code strategy for data": lambda: ComputeSerializer(strategy_data=serialize.DillCode()),
    "a data strategy for code": lambda: ComputeSerializer(strategy_code=serialize.JSONData()),
    "no strategy": lambda: ComputeSerializer(strategy_data="no.such.Thing"),
    "a list of one kind": lambda: ComputeSerializer(
        allowed_deserializer_types=[serialize.JSONData]),
    "an unpicklable value": lambda: plain.serialize([memoryview(b"")]),
    "from a list": lambda: plain.serialize_from_list({1}, [serialize.JSONData]),
    "from a list that works": lambda: plain.serialize_from_list(
        {1}, [serialize.JSONData, serialize.DillDataBase64]),
    "check": lambda: plain.check_strategies(double, 1),
    "check that fails": lambda: plain.check_strategies(double, memoryview(b"")),
    "two buffers": lambda: plain.unpack_and_deserialize(plain.pack_buffers([data, data])),
    "buffers that are none": lambda: plain.unpack_buffers("abc"),
}
for name, call in cases.items():
    see(name, lambda: kind(call))
"""

GROUPS = {
    "serializers": SERIALIZERS,
    "batches": BATCHES,
    "clients": CLIENTS,
    "executors": EXECUTORS,
    "shells": SHELLS,
    "task groups": TASK_GROUPS,
}

#: Group/name -> the row of docs/differences.md that says why they differ.
DIFFERENT = {
    "batches/add: unpicklable": "Words of errors",
    "clients/pending": "Words of errors",
    "executors/no endpoint": "Words of errors",
    "executors/resources": "Words of errors",
    "executors/resources that are no JSON": "Words of errors",
    "executors/configuration": "Words of errors",
    "executors/result serializers": "Words of errors",
    "batches/add: not an id": "Malformed ids",
    "batches/group": "Malformed ids",
    "clients/malformed": "Malformed ids",
    "executors/bad endpoint": "Malformed ids",
    "batches/empty": "Empty batches",
    "batches/bool": "Empty batches",
    "batches/prepare": "`Batch.prepare()`",
    "clients/wrong token": "Errors of the service",
    "clients/unknown task": "Errors of the service",
    "clients/unknown function": "Errors of the service",
    "clients/unknown endpoint": "Errors of the service",
    "clients/run by UUID": "`run` with UUIDs",
    "clients/failed": "A failed task's text",
    "executors/result": "A failed task's text",
    "shells/missing": "A failed task's text",
    "clients/failed task": "`get_task` of a failed task",
    "clients/undecodable": "Results that can't be read",
    "clients/batch result": "`get_batch_result` and failed tasks",
    "clients/status": "`get_endpoint_status`",
    "executors/map": "`Executor.map`",
    "executors/unpicklable": "Arguments that can't be serialized",
    "executors/after unpicklable": "Arguments that can't be serialized",
    "executors/after shutdown": "`batch_size`",
    "shells/walltime": "Bad options of a ShellFunction",
    "shells/stderr": "Standard error of a ShellFunction",
    "shells/unpicklable subclass": "Arguments that can't be serialized",
    "serializers/garbage": "Malformed payloads and buffers",
    "serializers/two buffers": "Malformed payloads and buffers",
    "serializers/buffers that are none": "Malformed payloads and buffers",
    "shells/positional": "Positional arguments of a ShellFunction",
}

_PASSING = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b0x[0-9a-f]+|<?/[\w./-]+\.(?:py|pyc)>?|line \d+"
)


def outcomes(report: dict[str, Any]) -> dict[str, Any]:
    """Without what is another one in each run."""
    return {
        name: [_PASSING.sub("…", part) if isinstance(part, str) else part for part in made]
        for name, made in report.items()
    }


@pytest.mark.parametrize("group", GROUPS)
def test_behaviour_agrees(loopback: Loopback, tmp_path: Path, group: str) -> None:
    arguments = (
        loopback,
        tmp_path,
        loopback.endpoint("inline"),
        _PROLOGUE + GROUPS[group],
        loopback.endpoint("offline"),
    )
    official, ours = outcomes(run_official(*arguments)), outcomes(run_ours(*arguments))
    assert ours.keys() == official.keys()
    for name in official:
        row = DIFFERENT.get(f"{group}/{name}")
        assert (official[name] == ours[name]) is (row is None), (name, official[name], ours[name])


def test_each_difference_has_its_row() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", DIFFERENCES.read_text("utf-8"), re.MULTILINE)
    assert len(set(rows)) == len(rows)
    assert set(DIFFERENT.values()) <= set(rows)
