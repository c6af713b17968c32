"""MPIFunction: a ShellFunction behind the endpoint's MPI launcher."""

from __future__ import annotations

from gc_jupyter.functions.shell import ShellFunction


class MPIFunction(ShellFunction):
    """A command line that the endpoint's MPI launcher starts on the nodes of the task.

    Parameters are those of `ShellFunction`. How many nodes and ranks is said by the executor's
    `resource_specification`, for example ``{"num_nodes": 2, "ranks_per_node": 4}``; the endpoint
    (GlobusMPIEngine) puts the launcher into ``$PARSL_MPI_PREFIX``.
    """

    _launcher = "$PARSL_MPI_PREFIX "
