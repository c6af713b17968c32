"""Where a token comes from, in order; login flow; storage.

`resolve` gives a `Login`; its `authorizer` goes to globus-sdk's clients. Everything is built on
globus-sdk's apps and authorizers.
"""

from __future__ import annotations

from gc_jupyter.auth.flow import LoginFlow
from gc_jupyter.auth.login import Identity, Login
from gc_jupyter.auth.login_manager import FuncxWebClient, LoginManager
from gc_jupyter.auth.login_manager_protocol import LoginManagerProtocol
from gc_jupyter.auth.requirements import requirements_of
from gc_jupyter.auth.sources import NATIVE_CLIENT_ID, resolve, user_login

__all__ = [
    "NATIVE_CLIENT_ID",
    "FuncxWebClient",
    "Identity",
    "Login",
    "LoginFlow",
    "LoginManager",
    "LoginManagerProtocol",
    "requirements_of",
    "resolve",
    "user_login",
]
