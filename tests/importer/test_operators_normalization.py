"""Batch normalization, local response normalization and dropout against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]
PARAMS = ("bn_gamma", "bn_beta", "bn_moving_mean", "bn_moving_var")


def batch_norm_feeds(rng: np.random.Generator, shape: tuple[int, ...], axis: int) -> dict[str, np.ndarray]:
    channels = shape[axis]
    return {
        "data": rng.uniform(-1, 1, shape).astype(np.float32),
        "bn_gamma": rng.uniform(0.5, 2, channels).astype(np.float32),
        "bn_beta": rng.uniform(-1, 1, channels).astype(np.float32),
        "bn_moving_mean": rng.uniform(-1, 1, channels).astype(np.float32),
        "bn_moving_var": rng.uniform(0.1, 2, channels).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("shape", "attrs"),
    [
        ((2, 3, 4, 5), {}),
        ((2, 3, 4, 5), {"fix_gamma": False, "eps": 1e-5}),
        ((2, 3, 4, 5), {"fix_gamma": False, "axis": 3}),
        ((2, 3, 4, 5), {"fix_gamma": False, "axis": -1}),
        ((2, 3), {"fix_gamma": False, "use_global_stats": True}),
        ((2, 3, 7), {"fix_gamma": False}),
        ((2, 3, 2, 3, 4), {"fix_gamma": False, "momentum": 0.5}),
    ],
)
def test_batch_norm(
    shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.BatchNorm(mx.sym.var("data"), name="bn", **attrs)
    check(symbol, batch_norm_feeds(rng, shape, attrs.get("axis", 1)), PARAMS, reduction=4)


@pytest.mark.parametrize("op", ["BatchNorm_v1", "_contrib_SyncBatchNorm"])
def test_other_batch_norms(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    make = mx.sym.BatchNorm_v1 if op == "BatchNorm_v1" else mx.sym.contrib.SyncBatchNorm
    more = {} if op == "BatchNorm_v1" else {"key": "bn", "ndev": 2}
    symbol = make(mx.sym.var("data"), name="bn", fix_gamma=False, **more)
    check(symbol, batch_norm_feeds(rng, (2, 3, 4, 5), 1), PARAMS, reduction=4)


def test_mean_and_inverse_deviation_as_outputs(
    mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.BatchNorm(mx.sym.var("data"), name="bn", fix_gamma=False, output_mean_var=True)
    graph = check(symbol, batch_norm_feeds(rng, (2, 3, 4, 5), 1), PARAMS, reduction=4)
    assert graph.output_names == ("bn_output", "bn_mean", "bn_var")


def test_the_first_version_returns_the_variance_itself(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.BatchNorm_v1(mx.sym.var("data"), name="bn", fix_gamma=False, output_mean_var=True)
    graph = check(symbol, batch_norm_feeds(rng, (2, 3, 4, 5), 1), PARAMS, reduction=4)
    assert len(graph.output_names) == 3


@pytest.mark.parametrize(
    "attrs",
    [{"nsize": 3}, {"nsize": 5, "alpha": 0.1, "beta": 0.5, "knorm": 1.0}, {"nsize": 9, "alpha": 2.0}],
    ids=str,
)
def test_lrn(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.LRN(mx.sym.var("data"), name="lrn", **attrs)
    check(symbol, {"data": rng.uniform(-2, 2, (2, 6, 4, 5)).astype(np.float32)}, reduction=9)


def test_dropout_does_nothing(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.Dropout(mx.sym.var("data"), p=0.9, name="drop")
    graph = check(symbol, {"data": rng.uniform(-2, 2, (2, 6)).astype(np.float32)})
    assert graph.count() == {"dropout": 1}


def test_dropout_that_always_drops_is_refused(mx: ModuleType) -> None:
    symbol = mx.sym.Dropout(mx.sym.var("data"), mode="always", name="drop")
    with pytest.raises(
        UnsupportedOperator, match=r"Dropout with mode=always, which drops at inference too x1: 'drop'"
    ):
        import_model((symbol, {}, {}), shapes={"data": (1, 2)})


def test_dropout_mask_is_refused(mx: ModuleType) -> None:
    symbol = mx.sym.Dropout(mx.sym.var("data"), name="drop").tojson().replace("[[1, 0, 0]]", "[[1, 1, 0]]")
    with pytest.raises(ImportFailure, match="output 1 is used, which the operator has in training only"):
        import_model(symbol, shapes={"data": (1, 2)})


def test_wrong_statistics(mx: ModuleType, rng: np.random.Generator) -> None:
    symbol = mx.sym.BatchNorm(mx.sym.var("data"), name="bn")
    feeds = batch_norm_feeds(rng, (2, 3, 4, 5), 1)
    feeds["bn_moving_var"] = np.zeros(4, np.float32)
    data = feeds.pop("data")
    message = r"moving variance parameter 'bn_moving_var' has shape \(4,\), expected \(3,\)"
    with pytest.raises(ImportFailure, match=message):
        import_model((symbol, feeds, {}), shapes={"data": data.shape})
    with pytest.raises(ImportFailure, match=r"axis 1 is outside data of 1 dimensions"):
        import_model((symbol, feeds, {}), shapes={"data": (3,)})
