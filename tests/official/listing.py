"""Prints what the official SDK lists as public, as JSON: names by module, members by class.

It runs in the official SDK's own environment, and imports nothing else.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from typing import Any

import globus_compute_sdk

PACKAGE = globus_compute_sdk.__name__
#: Modules whose classes are listed member by member.
CLASSES = (
    ("", "Client"),
    ("", "Executor"),
    ("", "ShellFunction"),
    ("", "MPIFunction"),
    ("", "ShellResult"),
    ("sdk.batch", "Batch"),
    ("sdk.asynchronous.compute_future", "ComputeFuture"),
    ("serialize", "ComputeSerializer"),
    ("errors", "TaskExecutionFailed"),
    ("errors", "TaskPending"),
    ("errors", "VersionMismatch"),
    ("errors", "MaxResultSizeExceeded"),
    ("errors", "SerializationError"),
    ("errors", "DeserializationError"),
)


def names(module: Any) -> list[str]:
    """What a module has of its own, or says that it has."""
    found = set(getattr(module, "__all__", ()))
    for name, value in vars(module).items():
        home = getattr(value, "__module__", None)
        own = home == module.__name__ or (home is None and isinstance(value, (str, int, list)))
        if own and not name.startswith("_"):
            found.add(name)
    return sorted(found)


def members(kind: type) -> dict[str, list[str] | None]:
    """Public attribute -> the parameters that can be given by name; None for other attributes."""
    found: dict[str, list[str] | None] = {}
    for name in dir(kind):
        if name.startswith("_") and name not in ("__init__", "__call__"):
            continue
        try:
            parameters = inspect.signature(getattr(kind, name)).parameters.values()
        except (TypeError, ValueError):
            found[name] = None
        else:
            found[name] = [
                one.name
                for one in parameters
                if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) and one.name != "self"
            ]
    return found


def main() -> None:
    modules = {"": names(globus_compute_sdk)}
    for found in pkgutil.walk_packages(globus_compute_sdk.__path__, PACKAGE + "."):
        path = found.name[len(PACKAGE) + 1 :]
        if not any(part.startswith("_") for part in path.split(".")):
            modules[path] = names(importlib.import_module(found.name))
    classes = {}
    for path, name in CLASSES:
        module = importlib.import_module(f"{PACKAGE}.{path}".rstrip("."))
        classes[f"{path}.{name}".lstrip(".")] = members(getattr(module, name))
    print(json.dumps({"modules": modules, "classes": classes}))


if __name__ == "__main__":
    main()
