"""The first five minutes of somebody new: the quickstart, by keyboard, in an empty home.

docs/first_five_minutes.md is the same by hand.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, NotebookPage, no_axe_findings

pytestmark = pytest.mark.timeout(400)

QUICKSTART = Path(__file__).parents[2] / "notebooks/quickstart.ipynb"
LATE = 120_000
#: Where the notebook's cells are whose ends are looked for.
FIRST, SWEEP, PICTURE, DRAWN = 5, 10, 11, 15
#: Milliseconds between two pictures of the animation.
FRAME_MS = 350
WIDTH = 800  # pixels of a picture


class Film:
    """Pictures of the notebook one after the other, where GC_JUPYTER_SCREENSHOTS names a folder."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._folder = os.environ.get("GC_JUPYTER_SCREENSHOTS")
        self._frames: list[Image.Image] = []

    def take(self) -> None:
        if self._folder:
            shown = self._page.locator(".jp-NotebookPanel-notebook").screenshot()
            image = Image.open(io.BytesIO(shown)).convert("RGB")
            size = WIDTH, round(image.height * WIDTH / image.width)
            image = image.resize(size, Image.Resampling.LANCZOS)
            method = Image.Quantize.FASTOCTREE  # which keeps a small sign's colour
            self._frames.append(image.quantize(256, method, dither=Image.Dither.NONE))

    def take_until(self, seen: Locator, top: Locator) -> None:
        """Until this is seen; `top` is what stands above in the pictures."""
        end = time.monotonic() + LATE / 1000
        while self._folder and not seen.is_visible() and time.monotonic() < end:
            top.evaluate("(one) => one.scrollIntoView({ block: 'start' })")
            self.take()
            self._page.wait_for_timeout(FRAME_MS)
        expect(seen).to_be_visible(timeout=LATE)
        self.take()

    def save(self, name: str) -> None:
        if self._folder:
            first, *others = self._frames
            durations = [FRAME_MS] * len(others) + [4000]
            path = Path(self._folder) / name
            first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


class Reader:
    """Who presses Shift+Enter, cell after cell."""

    def __init__(self, opened: NotebookPage) -> None:
        self.page = opened.page
        self.presses = 0
        self._at = 0
        self.go_to(0)
        self.began = time.monotonic()

    def go_to(self, index: int) -> None:
        """Choose a cell, as the arrows do."""
        self.page.evaluate(
            """(index) => {
              const { content } = window.jupyterapp.shell.currentWidget;
              content.mode = 'command';
              content.activeCellIndex = index;
              content.activate();
            }""",
            index,
        )
        self._at = index

    def run_to(self, index: int) -> None:
        """Run the cells up to this one, and it."""
        while self._at <= index:
            self.page.keyboard.press("Shift+Enter")
            self._at, self.presses = self._at + 1, self.presses + 1

    def told(self, record: Callable[[str, object], None], what: str) -> None:
        seconds = round(time.monotonic() - self.began, 1)
        record(what, f"{seconds} s, {self.presses} keys")
        print(f"{what}: {seconds} s, {self.presses} keys")


@pytest.fixture
def new_home(tmp_path: Path, environ: dict[str, str]) -> Iterator[JupyterServer]:
    """JupyterLab for somebody who has never had it, with the quickstart."""
    server = JupyterServer(tmp_path / "home", "lab", environ)
    shutil.copy(QUICKSTART, server.root)
    yield server
    server.stop()


def output(page: Page, index: int) -> Any:
    """What the cell at this place shows."""
    return page.locator(".jp-Cell").nth(index).locator(".jp-OutputArea")


def test_the_first_five_minutes(
    new_home: JupyterServer,
    open_page: OpenPage,
    shot: Callable[[Any, str], None],
    record_property: Callable[[str, object], None],
) -> None:
    opened = open_page(new_home)
    opened.page.set_viewport_size({"width": 1280, "height": 1150})
    page = opened.open(QUICKSTART.name)
    reader, film = Reader(opened), Film(page)
    reader.run_to(FIRST)
    expect(output(page, 1)).to_contain_text("Ready: %%gcrun local runs a cell", timeout=LATE)
    expect(output(page, FIRST)).to_contain_text("[2, 3, 5, 7, 11", timeout=LATE)
    reader.told(record_property, "first remote result")

    reader.run_to(SWEEP)
    table = output(page, SWEEP).locator(".gc-table")
    expect(table.locator(".gc-words")).to_contain_text("of 24 ended", timeout=LATE)
    reader.told(record_property, "first sweep with table")
    reader.run_to(PICTURE)
    number = page.locator(".jp-Cell").nth(PICTURE).locator(".jp-InputPrompt")
    film.take_until(number.get_by_text(re.compile(r"^\[\d+\]:$")), table)
    film.save("sweep.gif")
    expect(output(page, PICTURE).locator("img")).to_be_visible()
    headline = table.locator(".gc-headline")
    expect(headline).to_contain_text("1 of 24 tasks failed", timeout=LATE)

    headline.scroll_into_view_if_needed()
    table.get_by_role("button", name="part=23").focus()
    page.keyboard.press("Enter")  # the details, and the focus in them
    page.keyboard.press("Enter")
    expect(table.locator(".gc-details pre")).to_contain_text("OverflowError", timeout=LATE)
    shot(table, "failure")
    no_axe_findings(page, ".jp-OutputArea .gc-jupyter")

    reader.go_to(PICTURE + 1)
    reader.run_to(DRAWN)
    expect(output(page, DRAWN - 2)).to_contain_text("[23]", timeout=LATE)
    expect(output(page, DRAWN).locator("img")).to_be_visible(timeout=LATE)
    reader.told(record_property, "failure mended")
    shot(output(page, DRAWN), "mended")
    assert reader.presses == DRAWN + 1
