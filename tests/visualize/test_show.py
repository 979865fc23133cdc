"""Showing pictures: in a notebook, from a script, in a browser."""

import sys
import webbrowser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from ngc.errors import InputError
from ngc.ir import parse
from tests.visualize.test_pictures import DIVIDED


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Lets this process look like one that a Jupyter kernel runs; returns what is displayed."""
    shown: list[Any] = []
    package, display = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_in_a_notebook(displayed: list[Any], tmp_path: Path) -> None:
    graph = parse(DIVIDED)
    assert graph.show() is None
    assert displayed == [graph]
    svg = ElementTree.fromstring(graph._repr_html_())[0]
    assert svg.get("class") == "ngc"
    assert graph.show(tmp_path / "g.html") == tmp_path / "g.html"
    assert displayed == [graph]


def test_from_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = parse(DIVIDED.replace("@g(", '@"a/b"(')).show()
    assert path is not None
    assert (path.parent, path.name[:4], path.suffix) == (tmp_path, "a_b-", ".html")
    assert capsys.readouterr().out == f"the picture is in {path}\n"
    text = path.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "neuron: part" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_terminal_shell_is_no_notebook(displayed: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: object())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert parse(DIVIDED).show() is not None
    assert not displayed


def test_a_browser_only_on_request(displayed: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    path = parse(DIVIDED).show(tmp_path / "g.html", browser=True)
    assert path is not None
    assert (opened, displayed) == ([path.as_uri()], [])


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^the page .*missing/g.html cannot be written: No such file or directory$"):
        parse(DIVIDED).show(tmp_path / "missing" / "g.html")
