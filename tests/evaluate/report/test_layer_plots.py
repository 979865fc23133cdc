"""Plots of layers."""

from pathlib import Path

import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.report.layer_plots import layer_plot
from ngc.evaluate.report.layers import Layer

LAYERS = [Layer(0, "conv0", "conv2d", "", (10.0, 11.0, 15.0, 40.0), 0, ()), Layer(1, "a<b>&$x_1$", "dense", "", (3.0, 4.0), 0, ())]


@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize(("extension", "begin"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")])
def test_formats(extension: str, begin: bytes, boxes: bool) -> None:
    assert layer_plot(LAYERS, "net & <co>", Path(f"x{extension}"), boxes=boxes).startswith(begin)


def test_names_are_no_markup() -> None:
    plot = layer_plot(LAYERS, "net", Path("x.svg"), boxes=False).decode()
    assert "<!-- 1 a&lt;b&gt;&amp;$x_1$ -->" in plot, "matplotlib says in a comment what the outlines spell"


def test_other_formats_are_refused() -> None:
    with pytest.raises(EvaluationError) as caught:
        layer_plot(LAYERS, "net", Path("x.gif"), boxes=False)
    assert str(caught.value) == "cannot plot into x.gif: give a file that ends in .png, .svg, .pdf"
