"""What an administrator copies: the values of Zero to JupyterHub say what the guide says."""

from __future__ import annotations

from pathlib import Path

import yaml

from gc_jupyter.settings.site import Site

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
GUIDE = (ROOT / "docs/jupyterhub.md").read_text("utf-8")
VALUES = yaml.safe_load((PACKAGING / "zero-to-jupyterhub.yaml").read_text("utf-8"))


def test_the_values_are_the_guides_configuration() -> None:
    guide = GUIDE.split("```python\n")[1].partition("```")[0]
    code = VALUES["hub"]["extraConfig"]["gc-jupyter"]
    defined = guide.partition("c.JupyterHub.authenticator_class")[0]
    assert code.startswith(defined)
    rest = [line for line in code[len(defined) :].splitlines() if line]
    assert all(line in guide for line in rest)
    set_there = VALUES["hub"]["config"]["GlobusOAuthenticator"]
    for scope in set_there["scope"]:
        assert f'"{scope}"' in guide
    assert set_there["enable_auth_state"] is set_there["refresh_pre_spawn"] is True
    assert set_there["auth_refresh_age"] == 12 * 3600


def test_the_settings_in_the_values_are_ours(tmp_path: Path) -> None:
    path = tmp_path / "gc_jupyter.toml"
    path.write_text(VALUES["singleuser"]["extraFiles"]["gc_jupyter"]["stringData"])
    path.chmod(0o600)
    found = Site([path]).read()
    assert not found.problems
    assert set(found.locked) == set(found.settings) == {"login", "active_hours"}
