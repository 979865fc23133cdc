"""Spatial transformers, deformable convolutions and correlation against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model

Check = Callable[..., Any]


def uniform(rng: np.random.Generator, *shape: int, reach: float = 1.0) -> np.ndarray:
    return rng.uniform(-reach, reach, shape).astype(np.float32)


def theta(rng: np.random.Generator) -> np.ndarray:
    """Returns two transforms near the identity, which reach beyond the image."""
    return np.float32([1, 0, 0, 0, 1, 0]) + uniform(rng, 2, 6, reach=0.4)


# A place is some ten times a rounded number, and differences of pixels go with it.
PLACES = 16


def test_bilinear_sampler(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.BilinearSampler(mx.sym.var("data"), mx.sym.var("grid"))
    check(symbol, {"data": uniform(rng, 2, 3, 5, 7), "grid": uniform(rng, 2, 2, 4, 6, reach=1.5)}, reduction=PLACES)


def test_affine_grid(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.GridGenerator(mx.sym.var("data"), transform_type="affine", target_shape=(4, 6))
    check(symbol, {"data": theta(rng)}, reduction=3)


def test_grid_of_a_flow(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.GridGenerator(mx.sym.var("data"), transform_type="warp"), {"data": uniform(rng, 2, 2, 4, 6, reach=3)}, reduction=3)


def test_spatial_transformer(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.SpatialTransformer(mx.sym.var("data"), mx.sym.var("loc"), target_shape=(4, 6), transform_type="affine", sampler_type="bilinear")
    check(symbol, {"data": uniform(rng, 2, 3, 5, 7), "loc": theta(rng)}, reduction=PLACES)


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize(("groups", "parts", "no_bias"), [(1, 1, False), (2, 2, False), (1, 2, True), (2, 1, True)])
def test_deformable_convolution(modulated: bool, groups: int, parts: int, no_bias: bool, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    taps, out = 6, (3, 7)
    feeds = {"data": uniform(rng, 2, 4, 6, 7), "offset": uniform(rng, 2, parts * 2 * taps, *out, reach=3)}
    if modulated:
        feeds["mask"] = rng.uniform(0, 1, (2, parts * taps, *out)).astype(np.float32)
    params = {"weight": uniform(rng, 6, 4 // groups, 3, 2)} | ({} if no_bias else {"bias": uniform(rng, 6)})
    op = mx.sym.contrib.ModulatedDeformableConvolution if modulated else mx.sym.contrib.DeformableConvolution
    symbol = op(*map(mx.sym.var, (*feeds, *params)), kernel=(3, 2), stride=(2, 1), pad=(1, 1), dilate=(1, 2), num_filter=6, num_group=groups,
                num_deformable_group=parts, no_bias=no_bias)
    check(symbol, {**feeds, **params}, tuple(params), reduction=24 * PLACES)


CORRELATIONS: list[dict[str, Any]] = [
    {"kernel_size": 1, "max_displacement": 2, "pad_size": 2},
    {"kernel_size": 3, "max_displacement": 2, "stride2": 2, "pad_size": 3},
    {"kernel_size": 1, "max_displacement": 3, "stride1": 2, "pad_size": 4, "is_multiply": False},
]


@pytest.mark.parametrize("attrs", CORRELATIONS)
def test_correlation(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.Correlation(mx.sym.var("a"), mx.sym.var("b"), **attrs)
    check(symbol, {"a": uniform(rng, 2, 3, 7, 8), "b": uniform(rng, 2, 3, 7, 8)}, reduction=27)


def test_what_cannot_be_sampled(mx: ModuleType) -> None:
    data, more = mx.sym.var("data"), mx.sym.var("more")

    def imported(symbol: Any, **shapes: tuple[int, ...]) -> None:
        import_model((symbol, {}, {}), shapes=shapes)

    with pytest.raises(ImportFailure, match=r"target_shape = \(1, 4\): expected two numbers of at least 2"):
        imported(mx.sym.GridGenerator(data, transform_type="affine", target_shape=(1, 4)), data=(2, 6))
    with pytest.raises(ImportFailure, match=r"expected \(2, 6\)"):
        imported(mx.sym.GridGenerator(data, transform_type="affine", target_shape=(3, 4)), data=(2, 5))
    with pytest.raises(ImportFailure, match=r"expected a flow \(N, 2, H, W\)"):
        imported(mx.sym.GridGenerator(data, transform_type="warp"), data=(2, 3, 4, 5))
    with pytest.raises(ImportFailure, match="a flow of 1 x 5, expected at least 2 x 2"):
        imported(mx.sym.GridGenerator(data, transform_type="warp"), data=(2, 2, 1, 5))
    with pytest.raises(ImportFailure, match=r"grid_sample takes a grid \(N, 2, H, W\)"):
        imported(mx.sym.BilinearSampler(data, more), data=(2, 3, 4, 5), more=(2, 3, 4, 5))
    with pytest.raises(ImportFailure, match="leave nothing of"):
        imported(mx.sym.Correlation(data, more, max_displacement=4), data=(1, 2, 5, 5), more=(1, 2, 5, 5))
