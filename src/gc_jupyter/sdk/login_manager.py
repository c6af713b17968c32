"""`funcx.sdk.login_manager` (funcX SDK user guide, "Using a Custom LoginManager")."""

from gc_jupyter.auth import LoginManager, LoginManagerProtocol

__all__ = ["LoginManager", "LoginManagerProtocol"]
