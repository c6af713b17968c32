"""A Binder session: a pasted code, and tokens in the kernel's memory alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture
def sign_in(
    loopback: Loopback, globus_auth: KnownAuth, tmp_path: Path
) -> Iterator[Callable[[str], Kernel]]:
    """Start a session by its name, in a home where nobody has been, and paste a code there."""
    kernels: list[Kernel] = []

    def sign_in(name: str) -> Kernel:
        home = tmp_path / name
        home.mkdir()
        environment = {
            "HOME": str(home),
            "GLOBUS_SDK_SERVICE_URL_COMPUTE": loopback.url,
            **globus_auth.environ,
            **BINDER,
        }
        kernel = Kernel(home, environment)
        kernels.append(kernel)
        kernel.ok("from gc_jupyter.auth import resolve; login = resolve(); flow = login.flow()")
        url = kernel.ok("flow.start()").text.strip("'")
        code = globus_auth.approve(url)
        kernel.ok(f"flow.finish({code!r}); assert not login.required")
        kernel.ok("%load_ext gc_jupyter")
        return kernel

    yield sign_in
    for kernel in kernels:
        kernel.close()


def test_a_pasted_code_and_nothing_kept(
    loopback: Loopback,
    globus_auth: KnownAuth,
    sign_in: Callable[[str], Kernel],
    tmp_path: Path,
) -> None:
    kernel = sign_in("only")
    endpoint = loopback.endpoint("inline")
    assert kernel.ok(f"%%gcrun {endpoint}\n6 * 7").text == "42"
    who = kernel.ok("%gc whoami").stream("stdout")
    assert "ada@example.org" in who
    assert "by the Globus login in this kernel's memory" in who
    assert "JupyterHub" not in who  # whose API has nothing to do with it
    kernel.close()
    tokens = [token.encode() for token in globus_auth.tokens]
    assert tokens
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(token in path.read_bytes() for path in kept for token in tokens)
    assert not list(tmp_path.rglob("storage.db"))


def test_another_session_attaches_by_id_and_by_group(
    loopback: Loopback, sign_in: Callable[[str], Kernel]
) -> None:
    """The first one's files went with it: the next has no journal, and neither has the third."""
    endpoint = loopback.endpoint("process")
    first = sign_in("first")
    first.ok(f"%%gcrun {endpoint} --future one\nprint('said'); 6 * 7")
    first.ok(f"%%gcrun {endpoint} --future other\n'of the same group'")
    ids = "print(one.task_id, one.info.task_group_id) if one.exception(60) is None else 1/0"
    task, group = first.ok(ids).stream("stdout").split()
    first.ok("other.exception(60)")
    first.close()
    second = sign_in("second")
    assert "earlier task" not in second.ok("%gc tasks --all").stream("stdout")
    shown = second.ok(f"%gc attach {task}")
    assert shown.stream("stdout").endswith("said\n")
    assert shown.text == "42"
    third = sign_in("third")
    assert "Bound: one, other." in third.ok(f"%gc attach {group}").stream("stdout")
    assert third.ok("one.result(60), other.result(60)").text == "(42, 'of the same group')"
