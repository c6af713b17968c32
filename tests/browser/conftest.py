"""JupyterLab and Notebook 7 once for all tests, a page for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.jupyter import JupyterServer, NotebookPage
from tests.service.globus_auth import GlobusAuth

OpenPage = Callable[..., NotebookPage]


@pytest.fixture(scope="session")
def globus_auth() -> Iterator[GlobusAuth]:
    with GlobusAuth() as auth:
        yield auth


@pytest.fixture(scope="session")
def environ(globus_auth: GlobusAuth) -> dict[str, str]:
    """What the kernels see of Globus: the one on this machine."""
    return globus_auth.environ


@pytest.fixture(scope="session")
def lab(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("lab"), "lab", environ)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def notebook7(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("notebook"), "notebook", environ)
    yield server
    server.stop()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """A function that opens a page on a server. At the end, none may have had an error or have
    asked another server for anything."""
    pages: list[NotebookPage] = []

    def open_page(server: JupyterServer, **options: Any) -> NotebookPage:
        pages.append(NotebookPage(server, browser, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()
    assert [problem for page in pages for problem in page.problems] == []
    assert [url for page in pages for url in page.strangers] == []


@pytest.fixture(scope="session")
def shot() -> Callable[[Any, str], None]:
    """Keeps a picture of an element, where GC_JUPYTER_SCREENSHOTS names a folder."""
    folder = os.environ.get("GC_JUPYTER_SCREENSHOTS")

    def shot(element: Any, name: str) -> None:
        if folder:
            getattr(element, "page", element).mouse.move(0, 0)  # nothing looks hovered
            element.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")

    return shot
