"""`funcx.sdk.web_client` (funcX SDK user guide, "Using a Custom LoginManager")."""

from gc_jupyter.auth.login_manager import FuncxWebClient

__all__ = ["FuncxWebClient"]
