"""Runs under a second Python: reads a task's packed buffers from stdin, as an official worker does,
and writes what came of it.

The official serializers alone are loaded: the rest of the official SDK needs compiled packages that
this Python doesn't have. The argument is the directory of packages that has them.
"""

import json
import platform
import sys
import types


def main(packages: str) -> None:
    sys.path.append(packages)
    parent = types.ModuleType("globus_compute_sdk")
    parent.__path__ = [packages + "/globus_compute_sdk"]
    sys.modules["globus_compute_sdk"] = parent
    from globus_compute_sdk.serialize import ComputeSerializer

    report = {"python_version": platform.python_version()}
    try:
        function, args, kwargs = ComputeSerializer().unpack_and_deserialize(sys.stdin.read())
        result = function(*args, **kwargs)
        report["result"] = ComputeSerializer.serialize_from_list(result, ())
    except BaseException as error:
        report["error"] = type(error).__name__ + ": " + str(error)
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
