"""Runs in the endpoint's environment: the real `execute_task` for each task read from stdin.

Frames are 4 bytes of length and that many bytes: a JSON header and a task message in, a result
message out.
"""

import inspect
import json
import os
import sys
import uuid


def main(endpoint_id: str, directory: str) -> None:
    # Users' prints must not end up between the frames.
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    tasks = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    from globus_compute_endpoint.engines.helper import execute_task

    known = inspect.signature(execute_task).parameters  # releases differ in their order

    def frame() -> bytes:
        head = tasks.read(4)
        if len(head) < 4:
            sys.exit()
        return tasks.read(int.from_bytes(head, "big"))

    while True:
        header, body = json.loads(frame()), frame()
        arguments = {
            "task_body": body,
            "task_id": uuid.UUID(header["task_uuid"]),
            "endpoint_id": uuid.UUID(endpoint_id),
            "run_dir": directory,
            "result_serializers": header["result_serializers"],
        }
        message = execute_task(**{name: arguments[name] for name in arguments if name in known})
        reply = memoryview(len(message).to_bytes(4, "big") + message)
        while reply:
            reply = reply[replies.write(reply) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
