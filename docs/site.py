"""What the site takes from elsewhere in the project; a hook of mkdocs."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def on_config(config: Any) -> Any:
    """Link the public home, and run the notebooks as somebody without a journal or settings."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    found = build.links((ROOT / "pyproject.toml").read_text("utf-8"))
    config.repo_url = found.get("Source", "")
    home = Path(config.site_dir).parent / ".venv/site-home"
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        os.environ[name] = str(home / name.lower())
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    return config
