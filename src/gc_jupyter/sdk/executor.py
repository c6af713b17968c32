"""`globus_compute_sdk.sdk.executor` (Executor user guide, "Reloading Tasks")."""

from gc_jupyter.executor import Executor
from gc_jupyter.future import TaskFuture as ComputeFuture

__all__ = ["ComputeFuture", "Executor"]
