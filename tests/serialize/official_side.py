"""The official side of these tests, in the endpoint's environment: one JSON line a request.

`call`     unpack a task's three buffers, call, and serialize the result with a strategy
`encode`   serialize the value of an expression with a strategy
`function` serialize a function of `official_functions.py` with a strategy
`execute`  run a task's bytes as a worker does
"""

from __future__ import annotations

import base64
import json
import sys
import traceback
import uuid

import official_functions
from globus_compute_endpoint.engines.helper import execute_task
from globus_compute_sdk.serialize import ComputeSerializer, concretes

assert not any(name.partition(".")[0] == "gc_jupyter" for name in sys.modules)


def serializer(strategy):
    chosen = getattr(concretes, strategy)
    if chosen.for_code:
        return ComputeSerializer(strategy_code=chosen)
    return ComputeSerializer(strategy_data=chosen)


def call(buffers, strategy):
    function, args, kwargs = ComputeSerializer().unpack_and_deserialize(buffers)
    return serializer(strategy).serialize(function(*args, **kwargs))


def encode(expression, strategy):
    return serializer(strategy).serialize(eval(expression))


def function(name, strategy):
    return serializer(strategy).serialize(getattr(official_functions, name))


def execute(task, directory, **options):
    body = base64.b64decode(task)
    result = execute_task(body, uuid.uuid4(), run_dir=directory, **options)
    return base64.b64encode(result).decode()


def main():
    operations = {"call": call, "encode": encode, "function": function, "execute": execute}
    replies, sys.stdout = sys.stdout, sys.stderr  # what tasks print is no reply
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"value": operations[request.pop("operation")](**request)}
        except BaseException:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
