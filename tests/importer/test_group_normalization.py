"""Instance, group and L2 normalization against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]


def feeds(rng: np.random.Generator, shape: tuple[int, ...], scales: int) -> dict[str, np.ndarray]:
    """Returns data and as many gammas and betas."""
    return {"data": rng.uniform(-1, 1, shape).astype(np.float32), "norm_gamma": rng.uniform(0.5, 2, scales).astype(np.float32),
            "norm_beta": rng.uniform(-1, 1, scales).astype(np.float32)}


@pytest.mark.parametrize("shape", [(2, 6, 4, 5), (2, 6, 7), (2, 6, 3, 2, 4)])
@pytest.mark.parametrize("attrs", [{}, {"eps": 0.1}])
def test_instance_norm(shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.InstanceNorm(mx.sym.var("data"), name="norm", **attrs)
    check(symbol, feeds(rng, shape, 6), ("norm_gamma", "norm_beta"), reduction=24)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm(groups: int, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.GroupNorm(mx.sym.var("data"), mx.sym.var("norm_gamma"), mx.sym.var("norm_beta"), num_groups=groups, name="norm")
    check(symbol, feeds(rng, (2, 6, 4, 5), groups), ("norm_gamma", "norm_beta"), reduction=120)


@pytest.mark.parametrize("shape", [(2, 6, 4, 5), (2, 6, 7)])
@pytest.mark.parametrize("attrs", [{}, {"mode": "channel"}, {"mode": "spatial", "eps": 0.5}])
def test_l2_normalization(shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.L2Normalization(mx.sym.var("data"), name="norm", **attrs)
    check(symbol, {"data": rng.uniform(-1, 1, shape).astype(np.float32)}, reduction=120)


def test_l2_normalization_of_rows(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(mx.sym.L2Normalization(mx.sym.var("data")), {"data": rng.uniform(-1, 1, (3, 50)).astype(np.float32)}, reduction=50)


def test_what_cannot_be_normalized(mx: ModuleType, rng: np.random.Generator) -> None:
    data, scales = mx.sym.var("data"), (mx.sym.var("norm_gamma"), mx.sym.var("norm_beta"))
    params = feeds(rng, (2, 6, 4, 5), 6)
    del params["data"]
    with pytest.raises(ImportFailure, match="with mode=channel, expected 3 dimensions or more"):
        import_model((mx.sym.L2Normalization(data, mode="channel"), {}, {}), shapes={"data": (2, 3)})
    with pytest.raises(ImportFailure, match=r"num_groups = 4 does not divide 6 channels"):
        import_model((mx.sym.GroupNorm(data, *scales, num_groups=4), params, {}), shapes={"data": (2, 6, 4, 5)})
    with pytest.raises(ImportFailure, match=r"gamma parameter 'norm_gamma' has shape \(6,\), expected \(4,\)"):
        import_model((mx.sym.GroupNorm(data, *scales, num_groups=4), params, {}), shapes={"data": (2, 8, 4, 5)})
    with pytest.raises(ImportFailure, match=r"gamma parameter 'norm_gamma' has shape \(6,\), expected \(8,\)"):
        import_model((mx.sym.InstanceNorm(data, name="norm"), params, {}), shapes={"data": (2, 8, 4, 5)})
    with pytest.raises(UnsupportedOperator, match="output_mean_var=True, which returns statistics"):
        import_model((mx.sym.GroupNorm(data, *scales, output_mean_var=True)[0], params, {}), shapes={"data": (2, 6, 4, 5)})
