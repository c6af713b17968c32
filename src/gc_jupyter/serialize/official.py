"""A table of classes that messages name by the official SDK's path, and our classes for them.

Workers have the official SDK and not this package. Kernels may have this package only. So what is
sent names the official class, and what is read gives our class.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_SHELL = "globus_compute_sdk.sdk.shell_function"
_MPI = "globus_compute_sdk.sdk.mpi_function"
_ERRORS = "globus_compute_sdk.errors.error_types"

#: The official class -> ours. Values are paths, since this layer imports none above it.
OFFICIAL_CLASSES: dict[tuple[str, str], tuple[str, str]] = {
    (_SHELL, "ShellFunction"): ("gc_jupyter.functions.shell", "ShellFunction"),
    (_SHELL, "ShellResult"): ("gc_jupyter.functions.shell", "ShellResult"),
    (_MPI, "MPIFunction"): ("gc_jupyter.functions.shell", "MPIFunction"),
    **{
        (_ERRORS, name): ("gc_jupyter.errors", name)
        for name in (
            "ComputeError",
            "SerdeError",
            "SerializationError",
            "DeserializationError",
            "MaxResultSizeExceeded",
            "TaskExecutionFailed",
            "TaskPending",
            "VersionMismatch",
        )
    },
}
_OURS = {ours: official for official, ours in OFFICIAL_CLASSES.items()}


def official_name(cls: type) -> tuple[str, str] | None:
    """Module and name of the official class that one of ours stands for, or None."""
    return _OURS.get((cls.__module__, cls.__qualname__))


def stand_in(module: str, name: str) -> Any:
    """Our class for an official one; None where the table has none."""
    ours = OFFICIAL_CLASSES.get((module, name))
    return None if ours is None else getattr(importlib.import_module(ours[0]), ours[1])


def same_class_here(name: str, namespace: dict[str, Any]) -> type | None:
    """The original in this process of a class that was sent by value; None where it is gone.

    A notebook's class is sent to the worker by value, and comes back by value in results. Here it
    must become the original again, since `==` and `isinstance` depend on it. The attributes are
    compared, so that a class inside a function isn't taken for a module's class of the same name.
    """
    found = getattr(sys.modules.get(str(namespace.get("__module__"))), name, None)
    own = namespace.keys() - _NOT_THE_TEXTS
    return found if isinstance(found, type) and own <= vars(found).keys() else None


#: What later Pythons and pickling add to a class.
_NOT_THE_TEXTS = {
    "__slotnames__",
    *("__static_attributes__", "__firstlineno__", "__type_params__"),
    *("__annotate_func__", "__annotations_cache__"),
}
