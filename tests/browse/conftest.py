"""Headless Chromium on STAC Browser, with everything beyond this machine cut off."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from simstac.browse import SiteServer, built_browser, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
POLL_MS, CALM_POLLS = 100, 6
FOOTPRINT = (51, 153, 204)
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"


@dataclass
class View:
    """A loaded page of STAC Browser, and what went wrong on it."""

    page: Page
    origin: str
    problems: list[str] = field(default_factory=list)
    waiting: set[Any] = field(default_factory=set)

    def settle(self) -> None:
        """Wait until every request to our server has been answered for a while; tiles from elsewhere do not count."""
        calm = 0
        while calm < CALM_POLLS:
            self.page.wait_for_timeout(POLL_MS)
            calm = 0 if self.waiting else calm + 1

    @property
    def text(self) -> str:
        return self.page.inner_text("body")

    def keep(self, name: str) -> Path:
        """Write a screenshot of the whole page to ``test-artifacts``."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"stac-browser-{name}.png"
        self.page.screenshot(path=str(path), full_page=True)
        return path

    def footprint_pixels(self) -> int:
        """How many pixels of the map have the colour of a footprint."""
        from io import BytesIO

        import numpy as np
        from PIL import Image

        shot = self.page.locator(".ol-viewport").first.screenshot()
        pixels = np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(int)
        return int((np.abs(pixels - FOOTPRINT).sum(axis=-1) < 40).sum())

    def broken_images(self) -> list[str]:
        """The addresses of pictures on the page that did not load."""
        script = "images => images.filter(i => i.complete && i.naturalWidth === 0).map(i => i.src)"
        broken: list[str] = self.page.locator("img").evaluate_all(script)
        return broken


@pytest.fixture(scope="session")
def stac_browser() -> Path:
    """The real STAC Browser, built once into the user's cache."""
    return built_browser()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a module; while it is there, an event loop runs in this thread, and no test can start another."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, stac_browser: Path) -> Callable[..., Any]:
    """``with visit(site, "study/collection.json", heading="…") as view``: the page after its title is there."""

    @contextmanager
    def opened(site: Path, document: str = "", *, heading: str) -> Iterator[View]:
        with serve(site, browser=stac_browser) as server:
            context = chromium.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US")
            context.route(lambda url: urlsplit(url).hostname != "127.0.0.1", lambda route: route.abort())
            view = View(context.new_page(), server.url)
            _listen(view, server)
            view.page.goto(f"{server.browser_url}#/{document}")
            view.page.get_by_role("heading", name=heading, exact=True).first.wait_for(timeout=60_000)
            view.settle()
            yield view
            context.close()

    return opened


def _listen(view: View, server: SiteServer) -> None:
    def ours(url: str) -> bool:
        return url.startswith(server.url)

    def settled(request: Any) -> None:
        view.waiting.discard(request)

    page, problems = view.page, view.problems
    page.on("request", lambda request: view.waiting.add(request) if ours(request.url) else None)
    page.on("requestfinished", settled)
    page.on("requestfailed", settled)
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
    page.on("requestfailed", lambda r: problems.append(f"failed: {r.url} {r.failure}") if ours(r.url) else None)
    page.on("response", lambda r: problems.append(f"{r.status}: {r.url}") if ours(r.url) and r.status >= 400 else None)
