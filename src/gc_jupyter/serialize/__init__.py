"""Python values <-> wire text: one strategy a class, ComputeSerializer in front."""

from __future__ import annotations

import sys

from gc_jupyter.serialize import buffers
from gc_jupyter.serialize.base import ComboSerializationStrategy, SerializationStrategy
from gc_jupyter.serialize.buffers import pack_buffers, unpack_buffers
from gc_jupyter.serialize.concretes import (
    DEFAULT_STRATEGY_CODE,
    DEFAULT_STRATEGY_DATA,
    SELECTABLE_CODE_STRATEGIES,
    SELECTABLE_DATA_STRATEGIES,
    SELECTABLE_STRATEGIES,
    AllCodeStrategies,
    AllDataStrategies,
    CombinedCode,
    DillCode,
    DillCodeSource,
    DillCodeTextInspect,
    DillDataBase64,
    JSONData,
    PickleCode,
    PureSourceDill,
    PureSourceTextInspect,
)
from gc_jupyter.serialize.facade import ComputeSerializer
from gc_jupyter.serialize.strategylike import (
    AllowlistWildcard,
    DeserializerAllowlist,
    Strategylike,
    ValidatedStrategylike,
    remote_path,
    validate_strategylike,
)

#: The official SDK has its buffers under this path.
sys.modules[f"{__name__}.utils"] = buffers

__all__ = [
    "DEFAULT_STRATEGY_CODE",
    "DEFAULT_STRATEGY_DATA",
    "SELECTABLE_CODE_STRATEGIES",
    "SELECTABLE_DATA_STRATEGIES",
    "SELECTABLE_STRATEGIES",
    "AllCodeStrategies",
    "AllDataStrategies",
    "AllowlistWildcard",
    "CombinedCode",
    "ComboSerializationStrategy",
    "ComputeSerializer",
    "DeserializerAllowlist",
    "DillCode",
    "DillCodeSource",
    "DillCodeTextInspect",
    "DillDataBase64",
    "JSONData",
    "PickleCode",
    "PureSourceDill",
    "PureSourceTextInspect",
    "SerializationStrategy",
    "Strategylike",
    "ValidatedStrategylike",
    "pack_buffers",
    "remote_path",
    "unpack_buffers",
    "validate_strategylike",
]
