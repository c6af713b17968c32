"""Import paths of the official SDK and of funcX, made from one table.

``globus_compute_sdk.sdk.client`` is ``gc_jupyter.sdk.client`` here, and so on. `gc_jupyter.compat`
serves the same modules under the official names. Attributes are looked up at first use, so that
importing a path loads nothing else.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_PROGRAMS = "gc_jupyter.sdk.programs"
_LOGINS = "gc_jupyter.sdk.logins"

#: Module path below the package -> its names, each with the module that has it and, where that
#: differs, its name there. ``"*"`` stands for everything that one module has.
MODULES: dict[str, dict[str, str]] = {
    "errors": {"*": "gc_jupyter.errors"},
    "errors.error_types": {"*": "gc_jupyter.errors"},
    "serialize": {"*": "gc_jupyter.serialize"},
    "serialize.base": {"*": "gc_jupyter.serialize.base"},
    "serialize.concretes": {"*": "gc_jupyter.serialize.concretes"},
    "serialize.facade": {
        "*": "gc_jupyter.serialize.facade",
        "AllowlistWildcard": "gc_jupyter.serialize",
        "SELECTABLE_STRATEGIES": "gc_jupyter.serialize",
        "ValidatedStrategylike": "gc_jupyter.serialize",
        "validate_strategylike": "gc_jupyter.serialize",
    },
    "serialize.utils": {"*": "gc_jupyter.serialize.buffers"},
    "version": {"__version__": f"{_PROGRAMS}:OFFICIAL_VERSION", "compare_versions": _PROGRAMS},
    "sdk": {},
    "sdk.asynchronous": {},
    "sdk.asynchronous.compute_future": {"ComputeFuture": "gc_jupyter.future:TaskFuture"},
    "sdk.auth": {},
    "sdk.auth.auth_client": {"ComputeAuthClient": _LOGINS},
    "sdk.auth.client_login": {"get_client_creds": _LOGINS},
    "sdk.auth.globus_app": {"DEFAULT_CLIENT_ID": _LOGINS, "get_globus_app": _LOGINS},
    "sdk.auth.scopes": {"ComputeScopes": _LOGINS, "ComputeScopeBuilder": _LOGINS},
    "sdk.auth.token_storage": {"get_token_storage": _LOGINS},
    "sdk.auth.whoami": {
        name: _LOGINS for name in ("NOT_LOGGED_IN_MSG", "get_user_info", "print_whoami_info")
    },
    "sdk.bash_function": {
        "BashFunction": "gc_jupyter.functions.shell:ShellFunction",
        "BashResult": "gc_jupyter.functions.shell:ShellResult",
    },
    "sdk.batch": {
        "Batch": "gc_jupyter.client",
        "UserRuntime": _PROGRAMS,
        "create_user_runtime": _PROGRAMS,
    },
    "sdk.client": {
        "Client": "gc_jupyter.client",
        "FuncXClient": "gc_jupyter.client",
    },
    "sdk.compute_dir": {
        name: _LOGINS for name in ("COMPUTE_DIR_ENV", "ensure_compute_dir", "get_compute_dir")
    },
    "sdk.executor": {
        "Executor": "gc_jupyter.executor",
        "FuncXExecutor": _PROGRAMS,
        "ComputeFuture": "gc_jupyter.future:TaskFuture",
    },
    "sdk.hardware_report": {"run_hardware_report": _PROGRAMS},
    "sdk.login_manager": {
        "AuthorizerLoginManager": _LOGINS,
        "ComputeScopes": _LOGINS,
        "LoginManager": "gc_jupyter.auth",
        "LoginManagerProtocol": "gc_jupyter.auth",
    },
    "sdk.login_manager.authorizer_login_manager": {"AuthorizerLoginManager": _LOGINS},
    "sdk.login_manager.manager": {
        "ComputeScopeBuilder": _LOGINS,
        "ComputeScopes": _LOGINS,
        "LoginManager": "gc_jupyter.auth",
    },
    "sdk.login_manager.protocol": {"LoginManagerProtocol": "gc_jupyter.auth"},
    "sdk.mpi_function": {"MPIFunction": "gc_jupyter.functions.shell"},
    "sdk.shell_function": {
        "ShellFunction": "gc_jupyter.functions.shell",
        "ShellResult": "gc_jupyter.functions.shell",
    },
    "sdk.utils": {
        name: _PROGRAMS
        for name in (
            "check_version",
            "chunk_by",
            "display_name",
            "get_env_details",
            "simple_humanize",
        )
    },
    "sdk.utils.gare": {"GareLogin": _LOGINS, "gare_handler": _LOGINS},
    "sdk.utils.printing": {"print_table": _PROGRAMS},
    "sdk.utils.sample_function": {
        "sdk_tutorial_sample_function": _PROGRAMS,
        "sdk_tutorial_sample_simple_function": _PROGRAMS,
    },
    "sdk.utils.uuid_like": {
        name: _PROGRAMS for name in ("UUID_LIKE_T", "as_optional_uuid", "as_uuid")
    },
    "sdk.web_client": {
        "FuncxWebClient": "gc_jupyter.auth",
        "WebClient": "gc_jupyter.auth:FuncxWebClient",
    },
}


class ImportPath(ModuleType):
    """A module of which each attribute lives elsewhere.

    Parameters
    ----------
    name:
        Its full name.
    homes:
        Attribute -> ``module`` or ``module:name there``, as in `MODULES`.
    """

    def __init__(self, name: str, homes: dict[str, str]) -> None:
        super().__init__(name, "An import path of the official SDK; see gc_jupyter.sdk.")
        self._homes = homes
        self.__path__: list[str] = []  # the import system takes it for a package

    def __getattr__(self, name: str) -> Any:
        home = self._homes.get(name) or self._homes.get("*")
        if home is None or (name.startswith("__") and name not in {*self._homes, "__all__"}):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module, _, attribute = home.partition(":")
        try:
            value = getattr(importlib.import_module(module), attribute or name)
        except AttributeError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        names = {*self._homes} - {"*"}
        if "*" in self._homes:
            names |= {*dir(importlib.import_module(self._homes["*"]))}
        return sorted(names)


def register(package: str, within: str = "") -> None:
    """Make the paths of `MODULES` importable below a package that is imported already.

    Parameters
    ----------
    package:
        Its name.
    within:
        Only the paths that begin so.
    """
    for path, homes in MODULES.items():
        if path.startswith(within):
            parent, _, child = f"{package}.{path}".rpartition(".")
            module = sys.modules[f"{parent}.{child}"] = ImportPath(f"{parent}.{child}", homes)
            setattr(sys.modules[parent], child, module)


register("gc_jupyter", within="sdk.")
