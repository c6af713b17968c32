"""Group tasks into batches, bounded by count and bytes, and match replies to tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Generic, TypeGuard, TypeVar

from gc_jupyter.errors import PayloadTooLarge, SubmitUncertain

#: The service's limit for one request, counted on the encoded text (docs/protocol.md, "Routes").
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
#: Several tasks share a request only up to this size, which is accepted and answered quickly.
MAX_BATCH_BYTES = 5 * 1024 * 1024

#: The most tasks of one request, unless the submitter says less.
MAX_BATCH_TASKS = 5000
#: The most tasks that one `batch_status` asks for.
STATUS_CHUNK = 250
#: The rough limit for a reply's size: it has the results of all of these tasks that are done.
STATUS_BYTES = 16 * 1024 * 1024

Task = TypeVar("Task")


@dataclass(frozen=True, slots=True)
class Route:
    """What all tasks of one request share. The three texts are canonical JSON, or empty."""

    endpoint_id: str
    task_group_id: str | None = None
    max_tasks: int = MAX_BATCH_TASKS
    resource_specification: str = ""
    user_endpoint_config: str = ""
    result_serializers: tuple[str, ...] = ()


def check_payload_size(payload: str | Sized, name: str) -> int:
    """The payload's size in bytes.

    Raises
    ------
    PayloadTooLarge
        Over the service's 10 MB.
    """
    size = len(payload)
    if size > MAX_PAYLOAD_BYTES // 4 and isinstance(payload, str):  # is encoded to count its bytes
        size = size if payload.isascii() else len(payload.encode("utf-8", "surrogatepass"))
    if size > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(
            f"The arguments of {name} take {size / 1e6:.1f} MB when encoded;"
            f" the service accepts {MAX_PAYLOAD_BYTES / 1e6:.1f} MB.",
            next_step="Put the data where the endpoint can read it (a shared file system, Globus"
            " Transfer, an URL) and send its path, or send it in smaller pieces.",
        )
    return size


class TaskQueue(Generic[Task]):
    """The unsent tasks of one route, in order."""

    def __init__(self) -> None:
        self._tasks: deque[tuple[Task, int]] = deque()
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether the next batch has no room for more bytes."""
        return self._size > MAX_BATCH_BYTES

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return (task for task, _ in self._tasks)

    def put(self, task: Task, size: int) -> None:
        """Add a task of `size` bytes at the end."""
        self._tasks.append((task, size))
        self._size += size

    def take(self, max_count: int) -> list[Task]:
        """Remove and return the next batch: at least one task, at most `max_count`, and no more
        than `MAX_BATCH_BYTES` unless the first alone is larger."""
        batch: list[Task] = []
        size = 0
        while self._tasks and len(batch) < max_count:
            task, task_size = self._tasks[0]
            if batch and size + task_size > MAX_BATCH_BYTES:
                break
            self._tasks.popleft()
            batch.append(task)
            size += task_size
        self._size -= size
        return batch


class StatusChunks:
    """Parts of many task ids, for one `batch_status` each: smaller ones while results are large."""

    def __init__(self) -> None:
        self._size = STATUS_BYTES / 50  # of a result; nothing is known yet

    def saw(self, *sizes: int) -> None:
        """Note the size of results that came, in bytes: the next ones may be as large."""
        for size in sizes:
            self._size = max(size, self._size + (size - self._size) / 8)

    @property
    def most(self) -> int:
        """How many tasks to ask for now."""
        return max(1, min(STATUS_CHUNK, int(STATUS_BYTES / self._size)))

    def of(self, task_ids: Sequence[str]) -> Iterator[Sequence[str]]:
        """The parts. The size of each is decided when it is taken."""
        start = 0
        while start < len(task_ids):
            chunk = task_ids[start : start + self.most]
            start += len(chunk)
            yield chunk


def match_reply(
    sent: Mapping[str, Sequence[Task]], received: Mapping[str, Sequence[str]]
) -> tuple[list[tuple[str, str, Task]], list[tuple[Task, SubmitUncertain]]]:
    """Pair the tasks of a request with the ids of its reply; order is kept per function.

    Parameters
    ----------
    sent, received:
        Function id -> tasks, and function id -> task ids.

    Returns
    -------
    list, list
        `(function id, task id, task)` triples; and the tasks whose ids the reply doesn't tell, with
        the reason.
    """
    matched: list[tuple[str, str, Task]] = []
    unmatched: list[tuple[Task, SubmitUncertain]] = []
    given: set[str] = set()
    for function_id, tasks in sent.items():
        ids = received.get(function_id)
        if _usable(ids, len(tasks), given):
            given.update(ids)
            matched.extend(
                (function_id, task_id, task) for task_id, task in zip(ids, tasks, strict=True)
            )
            continue
        error = SubmitUncertain(
            f"The service did not give one task id for each of the {len(tasks)} tasks of function"
            f" {function_id}, so it can't be told which is which.",
            next_step="Look at their task group before you submit them again: some may be running.",
        )
        unmatched.extend((task, error) for task in tasks)
    return matched, unmatched


def _usable(ids: object, count: int, given: set[str]) -> TypeGuard[Sequence[str]]:
    """Whether these are `count` ids, each text and for one task only."""
    return (
        isinstance(ids, list | tuple)
        and len(ids) == count
        and all(isinstance(one, str) for one in ids)
        and len({*ids} - given) == count
    )
