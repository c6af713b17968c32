"""The version of the official SDK that this one speaks like."""

#: Endpoint templates choose a worker's Python by this, so it must look like an official version
#: (docs/protocol.md, "Routes").
COMPATIBLE_SDK_VERSION = "4.19.0"
