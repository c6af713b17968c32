"""A Binder session: a pasted code, and tokens in the kernel's memory alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback
from tests.service.known_auth import KnownAuth

#: What BinderHub tells a session; its own hub gives no tokens.
BINDER = {
    "BINDER_LAUNCH_HOST": "https://mybinder.org/",
    "BINDER_REPO_URL": "https://github.com/somebody/something",
    "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api",
    "JUPYTERHUB_API_TOKEN": "binder-token",
    "JUPYTERHUB_USER": "somebody-something-abc123",
}


@pytest.fixture
def globus_auth(loopback: Loopback) -> Iterator[KnownAuth]:
    with KnownAuth(loopback) as auth:
        yield auth


def test_a_pasted_code_and_nothing_kept(
    loopback: Loopback, globus_auth: KnownAuth, tmp_path: Path
) -> None:
    environment = {
        "HOME": str(tmp_path),
        "GLOBUS_SDK_SERVICE_URL_COMPUTE": loopback.url,
        **globus_auth.environ,
        **BINDER,
    }
    kernel = Kernel(tmp_path, environment)
    try:
        kernel.ok("from gc_jupyter.auth import resolve; login = resolve(); flow = login.flow()")
        url = kernel.ok("flow.start()").text.strip("'")
        code = globus_auth.approve(url)
        kernel.ok(f"flow.finish({code!r}); assert not login.required")
        endpoint = loopback.endpoint("inline")
        kernel.ok("%load_ext gc_jupyter")
        assert kernel.ok(f"%%gcrun {endpoint}\n6 * 7").text == "42"
        who = kernel.ok("%gc whoami").stream("stdout")
        assert "ada@example.org" in who
        assert "by the Globus login in this kernel's memory" in who
        assert "JupyterHub" not in who  # whose API has nothing to do with it
    finally:
        kernel.close()
    tokens = [token.encode() for token in globus_auth.tokens]
    assert tokens
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(token in path.read_bytes() for path in kept for token in tokens)
    assert not list(tmp_path.rglob("storage.db"))
