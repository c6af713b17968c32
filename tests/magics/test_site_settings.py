"""A site's settings, and the login of a hub that has gone bad, as people meet them in a kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback
from tests.service.known_auth import KnownAuth

Start = Callable[[dict[str, str]], Kernel]


@pytest.fixture
def start(tmp_path: Path, kernels: Callable[..., Kernel]) -> Start:
    def make(environment: dict[str, str]) -> Kernel:
        site = {"JUPYTER_CONFIG_PATH": str(tmp_path / "site")}
        kernel = kernels(tmp_path, site | environment, cwd=tmp_path)
        kernel.ok("%load_ext gc_jupyter")
        return kernel

    return make


def words(kernel: Kernel, cell: str) -> str:
    """All that a cell has said, as text."""
    parts = kernel.run(cell).outputs
    return "".join(one.get("text") or "\n".join(one.get("traceback", ())) for one in parts)


def test_settings_for_everybody(start: Start, tmp_path: Path) -> None:
    site = tmp_path / "site/gc_jupyter.toml"
    site.parent.mkdir()
    site.write_text(
        "endpoint = 'local'\nlabel = 'from the site'\ntb_limit = 3\namqp_port = 443\n"
        "locked = ['amqp_port', 'timeout', 'label']\n"
    )
    kernel = start({})
    assert kernel.ok("%%gcrun --future f\n6 * 7").text == "42"
    assert kernel.ok("f.label").text == "'from the site'"
    kernel.ok("%config GCMagics.label = 'mine'")
    kernel.ok("%%gcrun --future f\n1")
    assert kernel.ok("f.label").text == "'from the site'"

    shown = kernel.ok("%gc config").stream("stdout")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in shown.splitlines()}
    assert rows["endpoint"] == ["local", str(site)]
    assert rows["amqp_port"] == ["443", f"{site}, locked"]
    assert rows["timeout"] == ["-", f"built in, locked by {site}"]
    kernel.ok("%gc config tb_limit 5")
    assert kernel.ok("%gc config tb_limit").stream("stdout").startswith("tb_limit  5  ")

    for line in ("%gc config amqp_port 5671", "%%gcrun local --amqp-port 5671\n1"):
        said = words(kernel, line)
        assert f"amqp_port is set for everybody here, by {site}." in said
        assert "Tell whoever runs this Jupyter." in said
    site.write_text("locked = ['endpoint']\nendpoint = 'local'\n")
    assert "set for everybody here" in words(kernel, "%gc use local")
    assert kernel.ok("%%gcrun local\n1").text == "1"  # a line says where it runs


def test_a_hubs_token_that_is_dead(start: Start, loopback: Loopback) -> None:
    """Each place says what repairs it, and a login of one's own does."""
    endpoint = loopback.endpoint("inline")
    with KnownAuth(loopback) as auth:
        hub = {
            **loopback.environment,
            **auth.environ,
            "GLOBUS_COMPUTE_ACCESS_TOKEN": "expired",
            "JUPYTERHUB_API_TOKEN": "the server's",
        }
        kernel = start(hub)
        repair = "Restart your server from the hub's control panel"
        own = "sign in with a login of your own: %gc login --own"
        for line in (f"%%gcrun {endpoint}\n1", "%gc login", "%gc doctor"):
            said = words(kernel, line)
            assert repair in said
            assert own in said
        assert "✗ Scopes" in said
        assert "✓ Scopes" not in said

        shown = kernel.ok("%gc login --own")
        assert "Your own login is used from now on" in shown.stream("stdout")
        assert "application/vnd.jupyter.widget-view+json" in shown.outputs[-1]["data"]
        kernel.ok("import gc_jupyter.session as s; login = s.current_session().client.login()")
        url = kernel.ok("flow = login.flow(); flow.start()").text.strip("'")
        kernel.ok(f"flow.finish({auth.approve(url)!r})")
        assert kernel.ok(f"%%gcrun {endpoint}\n6 * 7").text == "42"

        later = start(hub)
        assert later.ok(f"%%gcrun {endpoint}\n6 * 7").text == "42"
        assert "storage.db" in later.ok("%gc whoami").stream("stdout")
        later.ok("%gc config login none")
        assert "GLOBUS_COMPUTE_ACCESS_TOKEN" in later.ok("%gc whoami").stream("stdout")


def test_a_dead_token_where_the_site_wants_the_hubs(
    start: Start, loopback: Loopback, tmp_path: Path
) -> None:
    """A login of one's own, which the site has locked, is not advised."""
    site = tmp_path / "site/gc_jupyter.toml"
    site.parent.mkdir()
    site.write_text("login = 'hub'\nlocked = ['login']\n")
    hub = {"GLOBUS_COMPUTE_ACCESS_TOKEN": "expired", "JUPYTERHUB_API_TOKEN": "the server's"}
    kernel = start({**loopback.environment, **hub})
    for line in (f"%%gcrun {loopback.endpoint('inline')}\n1", "%gc login", "%gc doctor"):
        said = words(kernel, line)
        assert "Restart your server from the hub's control panel" in said
        assert "--own" not in said
    assert "login is set for everybody here" in words(kernel, "%gc login --own")
