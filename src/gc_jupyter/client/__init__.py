"""Client: the calls of the Globus Compute web service, one module for each kind."""

from __future__ import annotations

from gc_jupyter.client.batch import Batch
from gc_jupyter.client.endpoints import EndpointCalls

__all__ = ["Batch", "Client", "FuncXClient"]


class Client(EndpointCalls):
    """Calls of the web service (Client user guide), one method a call.

    Parameters
    ----------
    environment:
        A Globus environment other than production.
    local_compute_services:
        Use a service at ``http://localhost:5000``.
    do_version_check:
        Log in and ask the service at once whether it still accepts this version.
    code_serialization_strategy, data_serialization_strategy:
        Strategies in place of DillCode and DillDataBase64: an instance, a class or an import path.
    serializer:
        A `ComputeSerializer` in place of both.
    app, authorizer, login_manager:
        A login of the caller's: a globus-sdk app, a globus-sdk authorizer, or an object of funcX's
        LoginManager protocol; at most one. By default see `gc_jupyter.auth.sources`.
    force_login:
        Log in anew, which also forgets what is cached under the old token.
    rate_limited:
        False lifts the limit of 20 submissions in 10 s, for a service of your own.

    Raises
    ------
    ValueError
        More than one login.
    LoginRequired
        Nobody is logged in, and nobody can be asked here.
    VersionMismatch
        The service asks for a newer version.

    Notes
    -----
    All calls raise `ServiceError` kinds. Unknown keywords warn, with advice where they once were
    known.
    """


#: funcX's name of the client (funcX SDK user guide).
FuncXClient = Client
