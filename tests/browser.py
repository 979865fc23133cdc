"""A real browser for tests of pages: Chromium without a window, cut off from the network, that keeps account of what a page does."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def open_browser() -> Iterator[Any]:
    """Yields a browser of playwright's; skips the test where there is no Chromium or no playwright."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: pip install playwright; it takes the Chromium of the system")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One tab of a browser. `complaints` has errors, dialogs and console messages; `requests` what was fetched."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.page = browser.new_page(viewport={"width": 1600, "height": 1000}, **options)
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self.dismiss)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def dismiss(self, dialog: Any) -> None:
        """Closes a dialog, which a page that only shows things never opens."""
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: Path, place: str = "") -> Any:
        """Opens a file, at a place such as `#pass=2`, and returns the page."""
        self.page.goto(f"{path.as_uri()}{place}")
        return self.page


def shows(page: Any, selector: str, text: str) -> None:
    """Waits until the one element of a selector has just this text: a page follows its address by an event, which may come after a click has returned."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_text(text, use_inner_text=True, timeout=20_000)


def hides(page: Any, selector: str) -> None:
    """Waits until the elements of a selector are hidden or gone."""
    page.wait_for_selector(selector, state="hidden")
