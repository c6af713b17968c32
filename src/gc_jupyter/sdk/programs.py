"""What programs written for the official SDK import beside its main classes."""

from __future__ import annotations

import platform
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from gc_jupyter.errors import VersionMismatch
from gc_jupyter.executor import Executor
from gc_jupyter.functions.hardware import HARDWARE_REPORT
from gc_jupyter.future import TaskFuture
from gc_jupyter.protocol.sdk_version import COMPATIBLE_SDK_VERSION as OFFICIAL_VERSION
from gc_jupyter.protocol.sdk_version import version_numbers
from gc_jupyter.types import UUIDLike
from gc_jupyter.uuids import as_uuid as _as_uuid

if TYPE_CHECKING:
    from gc_jupyter.client import Client

T = TypeVar("T")
UUID_LIKE_T = UUIDLike


class FuncXExecutor(Executor):
    """funcX's Executor, in the forms of its two ages.

    ``FuncXExecutor(client)`` (0.3) takes the endpoint with each call:
    ``submit(f, x, endpoint_id=…)``. ``FuncXExecutor(endpoint_id, funcx_client=client)`` (1.0) is
    `Executor`.

    Parameters
    ----------
    endpoint_id:
        The endpoint, or the client in the older form.
    funcx_client:
        The client.
    container_id, batch_enabled, batch_interval:
        Accepted without effect.
    **options:
        As of `Executor`.
    """

    def __init__(
        self,
        endpoint_id: UUIDLike | Client | None = None,
        funcx_client: Client | None = None,
        container_id: UUIDLike | None = None,  # noqa: ARG002 - funcX's keyword
        batch_enabled: bool = True,  # noqa: ARG002 - funcX's keyword
        batch_interval: float = 1.0,  # noqa: ARG002 - funcX's keyword
        **options: Any,
    ) -> None:
        client = options.pop("client", funcx_client)
        if endpoint_id is not None and not isinstance(endpoint_id, str | uuid.UUID):
            endpoint_id, client = None, endpoint_id
        super().__init__(endpoint_id, client=client, **options)

    def submit(  # type: ignore[override]
        self, /, *args: Any, endpoint_id: UUIDLike | None = None, **kwargs: Any
    ) -> TaskFuture:
        """As `Executor.submit`, on `endpoint_id` where one is given.

        Parameters
        ----------
        *args, **kwargs:
            As for `Executor.submit`.
        endpoint_id:
            The endpoint of this call and of later ones.
        """
        if endpoint_id is not None and str(endpoint_id) != str(self.endpoint_id):
            self.endpoint_id = _as_uuid(endpoint_id, "endpoint_id")
        return super().submit(*args, **kwargs)


class UserRuntime(SimpleNamespace):
    """What endpoint templates may know of the submitting side, as attributes."""


def create_user_runtime() -> UserRuntime:
    """This process, as a submission describes it."""
    from gc_jupyter.service.globus import user_runtime

    return UserRuntime(
        **{
            name: SimpleNamespace(**value) if isinstance(value, Mapping) else value
            for name, value in user_runtime().items()
        }
    )


def run_hardware_report(kind: str = "Compute Endpoint worker") -> str:
    """What this machine is made of, as text for people.

    Parameters
    ----------
    kind:
        The report's first line.
    """
    namespace: dict[str, Any] = {}
    exec(HARDWARE_REPORT.source, namespace)
    return str(namespace[HARDWARE_REPORT.name](kind))


def compare_versions(
    current: str, min_version: str, *, package_name: str = "globus-compute-sdk"
) -> None:
    """Raise VersionMismatch when a version is older than another.

    Parameters
    ----------
    current, min_version:
        Versions as text.
    package_name:
        What the error names.
    """
    if version_numbers(current) < version_numbers(min_version):
        raise VersionMismatch(
            f"{package_name} {current} is older than {min_version}, the oldest that works.",
            next_step=f"Update it: pip install '{package_name}>={min_version}'",
        )


def as_uuid(uuid_like: UUIDLike) -> uuid.UUID:
    """A UUID, from one or from its text.

    Parameters
    ----------
    uuid_like:
        Either.
    """
    return _as_uuid(uuid_like, "uuid_like")


def as_optional_uuid(optional_uuid_like: UUIDLike | None) -> uuid.UUID | None:
    """As `as_uuid`; None and empty text give None.

    Parameters
    ----------
    optional_uuid_like:
        A UUID, its text, or nothing.
    """
    return as_uuid(optional_uuid_like) if optional_uuid_like else None


def chunk_by(iterable: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Tuples of `size` items; the last one has the rest.

    Parameters
    ----------
    iterable, size:
        What to divide, and the number of items in each part.
    """
    rest = iter(iterable)
    while part := tuple(islice(rest, size)):
        yield part


def get_env_details() -> dict[str, Any]:
    """Operating system and versions of this side, under the names that a task's details have."""
    import dill

    return {
        "os": platform.platform(),
        "dill_version": dill.__version__,
        "python_version": platform.python_version(),
        "globus_compute_sdk_version": OFFICIAL_VERSION,
    }


def check_version(
    task_details: Mapping[str, Any] | None, check_py_micro: bool = True
) -> str | None:
    """What differs between a worker's versions and this side's, as text; None if nothing does.

    Parameters
    ----------
    task_details:
        What a worker said of itself.
    check_py_micro:
        Whether 3.11.4 and 3.11.5 differ.
    """
    if not task_details:
        return None
    here = get_env_details()
    python, dill_version = task_details.get("python_version"), task_details.get("dill_version")
    parts = 3 if check_py_micro else 2
    same_python = (
        version_numbers(str(python or ""))[:parts]
        == version_numbers(here["python_version"])[:parts]
    )
    if same_python and dill_version == here["dill_version"]:
        return None
    where = task_details.get("endpoint_id", "<unknown>")
    return (
        f"The workers of endpoint {where} have Python {python} and dill {dill_version};"
        f" this side has Python {here['python_version']} and dill {here['dill_version']}."
    )


def display_name(name: str) -> Callable[[T], T]:
    """A decorator that gives a function its `display_name`.

    Parameters
    ----------
    name:
        The name.
    """

    def decorate(function: T) -> T:
        vars(function)["display_name"] = name
        return function

    return decorate


def simple_humanize(num: float) -> tuple[str, str]:
    """A number of bytes as a short number and its binary prefix, such as ``("1.5", "Ki")``.

    Parameters
    ----------
    num:
        Bytes.
    """
    units = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
    power = 0
    while num >= 1024 and power < len(units) - 1:
        num /= 1024
        power += 1
    return str(round(num, 1)), units[power]


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below their headers, in columns.

    Parameters
    ----------
    headers, rows:
        As many texts in each row as there are headers.
    """
    table = [list(map(str, row)) for row in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in (table[0], ["-" * width for width in widths], *table[1:]):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(" | ".join(cells).rstrip())


def sdk_tutorial_sample_function() -> str:
    """A function to try an endpoint with."""
    import platform

    return f"Hello from {platform.node()}, Python {platform.python_version()}"


def sdk_tutorial_sample_simple_function() -> str:
    """As `sdk_tutorial_sample_function`, with the same text everywhere."""
    return "Hello World!"
