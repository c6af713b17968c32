"""The version of the official SDK that requests name, and versions as numbers."""

from __future__ import annotations

#: Endpoint templates choose a worker's Python by this, so it must look like an official version
#: (docs/protocol.md, "Routes").
COMPATIBLE_SDK_VERSION = "4.19.0"


def version_numbers(version: str) -> tuple[int, ...]:
    """The release of a version as numbers, such as ``(4, 19, 0)``; empty where there is none."""
    leading = version.split("+")[0].split("-")[0]
    return tuple(int(part) for part in leading.split(".") if part.isdigit())
