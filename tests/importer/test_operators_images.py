"""The operators that prepare images, against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model
from ngc.ir import evaluate
from tests.importer.conftest import run_mxnet

Check = Callable[..., Any]


def photo(rng: np.random.Generator, *shape: int, dtype: Any = np.uint8) -> dict[str, np.ndarray]:
    """Returns an image of numbers from 0 to 255."""
    return {"data": rng.integers(0, 256, shape).astype(dtype)}


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
@pytest.mark.parametrize("shape", [(4, 6, 3), (2, 4, 6, 3)])
def test_to_tensor(shape: tuple[int, ...], dtype: Any, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.image.to_tensor(mx.sym.var("data")), photo(rng, *shape, dtype=dtype), batch=False)


@pytest.mark.parametrize("attrs", [{"mean": 0, "std": 1}, {"mean": (1, 2, 3), "std": (2, 3, 4)}, {"mean": 0.5, "std": 0.25}])
@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 3, 4, 6)])
def test_normalize(shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.image.normalize(mx.sym.var("data"), **attrs), photo(rng, *shape, dtype=np.float32), batch=False)


SIZES: list[dict[str, Any]] = [
    {"size": (4, 9)}, {"size": 4}, {"size": 4, "keep_ratio": True}, {"size": (3, 5), "keep_ratio": True}, {"size": 1}, {"size": (1, 6)},
]


@pytest.mark.parametrize("attrs", SIZES)
@pytest.mark.parametrize("shape", [(5, 7, 3), (7, 4, 3), (2, 5, 7, 1)])
def test_resize(shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    # OpenCV rounds the fractions of a place once more than f32 must: to some units of 255 times the sum of four terms.
    check(mx.sym.image.resize(mx.sym.var("data"), **attrs), photo(rng, *shape, dtype=np.float32), batch=False, reduction=4)


def test_resized_integers_are_at_most_one_off(mx: ModuleType, rng: np.random.Generator) -> None:
    symbol, feeds = mx.sym.image.resize(mx.sym.var("data"), size=(4, 9)), photo(rng, 5, 7, 3)
    graph = import_model((symbol, {}, {}), shapes={"data": (5, 7, 3)}, dtypes={"data": "uint8"})
    [found], [expected] = evaluate(graph, feeds), run_mxnet(mx, symbol, feeds)
    assert found.dtype == expected.dtype == np.uint8
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1  # its sums of fixed-point products are cut, not rounded


def test_crop_and_flips(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    image, data = mx.sym.image, mx.sym.var("data")
    for symbol in (image.crop(data, x=1, y=2, width=3, height=2), image.flip_left_right(data), image.flip_top_bottom(data)):
        check(symbol, photo(rng, 4, 6, 3), batch=False)  # even: MXNet does not set the middle line of an odd number
    check(image.crop(data, x=0, y=0, width=6, height=4), photo(rng, 2, 4, 6, 3), batch=False)


def test_a_middle_line_stays(mx: ModuleType, rng: np.random.Generator) -> None:
    feeds = photo(rng, 3, 5, 3)
    for flip, expected in ((mx.sym.image.flip_left_right, feeds["data"][:, ::-1]), (mx.sym.image.flip_top_bottom, feeds["data"][::-1])):
        graph = import_model((flip(mx.sym.var("data")), {}, {}), shapes={"data": (3, 5, 3)}, dtypes={"data": "uint8"})
        np.testing.assert_array_equal(evaluate(graph, feeds)[0], expected)


def test_what_is_no_image(mx: ModuleType) -> None:
    image, data = mx.sym.image, mx.sym.var("data")

    def imported(symbol: Any, *shape: int, dtype: str = "float32") -> None:
        import_model((symbol, {}, {}), shapes={"data": shape}, dtypes={"data": dtype})

    with pytest.raises(ImportFailure, match="expected an image of 3 dimensions or a batch of images of 4"):
        imported(image.to_tensor(data), 4, 5)
    with pytest.raises(ImportFailure, match="data of u8, expected floats"):
        imported(image.normalize(data), 3, 4, 5, dtype="uint8")
    with pytest.raises(ImportFailure, match=r"mean = \(1.0, 2.0\): expected one number or 3, one a channel"):
        imported(image.normalize(data, mean=(1, 2)), 3, 4, 5)
    with pytest.raises(ImportFailure, match=r"size = \(1, 2, 3\): expected one or two numbers of at least 1"):
        imported(image.resize(data, size=(1, 2, 3)), 3, 4, 5)
    with pytest.raises(ImportFailure, match="a crop of 2 x 9 from row 1 and column 0 does not lie within 3 x 4"):
        imported(image.crop(data, x=0, y=1, width=9, height=2), 3, 4, 5)
    with pytest.raises(UnsupportedOperator, match="interp=2; only 1, bilinear, is known"):
        imported(image.resize(data, size=3, interp=2), 3, 4, 5)
