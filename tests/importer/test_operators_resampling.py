"""Resizing and adaptive pooling against MXNet."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]

RESIZES: list[tuple[tuple[int, int], dict[str, Any]]] = [
    ((5, 7), {"height": 9, "width": 4}),
    ((5, 7), {"height": 9, "width": 4, "align_corners": False}),
    ((5, 7), {"height": 1, "width": 3}),
    ((5, 7), {"height": 1, "width": 1, "align_corners": False}),
    ((1, 7), {"height": 4, "width": 7, "align_corners": False}),
    ((5, 7), {"height": 5, "width": 7}),
    ((1, 1), {"height": 5, "width": 7}),
    ((5, 7), {"scale_height": 2.5, "scale_width": 0.5}),
    ((5, 6), {"scale_height": 1.7, "scale_width": 1.7, "mode": "odd_scale"}),
    ((5, 6), {"mode": "to_even_down"}),
    ((5, 6), {"mode": "to_even_up"}),
    ((5, 6), {"mode": "to_odd_down"}),
    ((5, 6), {"mode": "to_odd_up", "align_corners": False}),
]


def image(rng: np.random.Generator, *size: int) -> np.ndarray:
    """Returns two images of three channels."""
    return rng.uniform(-1, 1, (2, 3, *size)).astype(np.float32)


@pytest.mark.parametrize(("size", "attrs"), RESIZES)
def test_bilinear_resize(size: tuple[int, int], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.contrib.BilinearResize2D(mx.sym.var("data"), **attrs), {"data": image(rng, *size)}, reduction=4)


def test_bilinear_resize_like_another_image(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.BilinearResize2D(mx.sym.var("data"), mx.sym.var("like"), mode="like")
    check(symbol, {"data": image(rng, 5, 7), "like": image(rng, 8, 3)}, reduction=4)


@pytest.mark.parametrize("size", [(), 1, 2, 3, (2, 3), (4, 7), (8, 12)])
def test_adaptive_average_pooling(size: Any, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    graph = check(mx.sym.contrib.AdaptiveAvgPooling2D(mx.sym.var("data"), output_size=size), {"data": image(rng, 4, 6)}, reduction=24)
    assert graph.nodes[-1].op == ("pool" if size in ((), 1, 2, (2, 3)) else "adaptive_avg_pool")


def imported(symbol: Any, **shapes: tuple[Any, ...]) -> None:
    import_model((symbol, {}, {}), shapes=shapes)


def test_what_cannot_be_resized(mx: ModuleType) -> None:
    data, resize = mx.sym.var("data"), mx.sym.contrib.BilinearResize2D
    with pytest.raises(ImportFailure, match=r"data of shape .*, expected 4 dimensions"):
        imported(resize(data, height=2, width=2), data=(1, 3, 4))
    with pytest.raises(ImportFailure, match="mode=odd_scale needs scale_height and scale_width"):
        imported(resize(data, mode="odd_scale"), data=(1, 3, 4, 4))
    with pytest.raises(ImportFailure, match="the result would be 0 x 2"):
        imported(resize(data, scale_height=0.1, scale_width=0.5), data=(1, 3, 4, 4))
    with pytest.raises(UnsupportedOperator, match="a scale of -1; it must be above 0"):
        imported(resize(data, scale_height=-1, scale_width=0.5), data=(1, 3, 4, 4))


def test_like_needs_an_image_to_be_like(mx: ModuleType, tmp_path: Path) -> None:
    symbol = tmp_path / "resize-symbol.json"
    mx.sym.contrib.BilinearResize2D(mx.sym.var("data"), height=2, width=2).save(str(symbol))
    symbol.write_text(symbol.read_text().replace('"height": "2"', '"mode": "like"'))
    with pytest.raises(ImportFailure, match="1 inputs with mode=like, expected data and the image whose size counts"):
        import_model((str(symbol), {}, {}), shapes={"data": (1, 3, 4, 4)})


def test_what_cannot_be_pooled(mx: ModuleType) -> None:
    pool = mx.sym.contrib.AdaptiveAvgPooling2D
    with pytest.raises(ImportFailure, match="expected one or two numbers"):
        imported(pool(mx.sym.var("data"), output_size=(1, 2, 3)), data=(1, 3, 4, 4))
    with pytest.raises(ImportFailure, match="expected numbers of at least 1"):
        imported(pool(mx.sym.var("data"), output_size=(0, 2)), data=(1, 3, 4, 4))
