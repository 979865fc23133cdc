"""The page in a real browser: it opens without a network, shows its plots in light and in dark, and complains of nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ngc.evaluate.cli import main
from tests.browser import Visit, open_browser
from tests.evaluate.report.recorded import HOSTILE, many

PLOTS = ["accuracy-latency", "distribution", "layers", "history", "confusion", "reliability"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    assert main(["report", "--database_address", str(many(folder / "many.db")), "-o", str(path), "--title", HOSTILE]) == 0
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_shows_its_plots(browser: Any, report: Path, tmp_path: Path, scheme: str) -> None:
    visit = Visit(browser, color_scheme=scheme)
    page = visit.open(report)
    assert page.title() == HOSTILE
    assert page.inner_text("h1") == HOSTILE
    assert [element.get_attribute("id") for element in page.query_selector_all("#plots section")] == PLOTS
    boxes = [element.bounding_box() for element in page.query_selector_all("svg.plot")]
    assert len(boxes) == len(PLOTS)
    assert all(box["width"] > 400 and box["height"] > 100 for box in boxes), boxes
    assert page.locator("#layers svg text", has_text="stage1_conv1_fwd").count() == 1
    assert page.locator("#accuracy-latency svg text", has_text=f"{HOSTILE} int8").count() == 1
    assert page.locator("#evaluations tbody tr").count() == 36
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0, "nothing is wider than the window"
    ink, ground = (page.evaluate(f"getComputedStyle({place}).{name}") for place, name in (
        ("document.querySelector('#history svg text')", "fill"), ("document.body", "backgroundColor")))  # fmt: skip
    assert (_brightness(ink) < _brightness(ground)) == (scheme == "light")
    assert len(page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)) > 100_000, "an empty page compresses to a few kilobytes"
    page.close()
    assert not visit.complaints
    assert visit.requests == [report.as_uri()]


def test_it_reads_on_a_narrow_screen(browser: Any, report: Path) -> None:
    visit = Visit(browser)
    visit.page.set_viewport_size({"width": 480, "height": 800})
    page = visit.open(report)
    assert page.evaluate("document.documentElement.scrollWidth") == 480
    page.close()
    assert not visit.complaints


def _brightness(color: str) -> float:
    """Returns the mean of a color's parts, `rgb(r, g, b)`."""
    return sum(map(float, color.removeprefix("rgb(").removesuffix(")").split(","))) / 3
