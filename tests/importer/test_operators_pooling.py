"""Pooling in every convention against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]
K3 = {"kernel": (3, 3)}
FULL = {"pooling_convention": "full"}

POOLINGS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 7, 8), {**K3}),  # stride 1 unless given, not the kernel
    ((2, 3, 7, 8), {**K3, "stride": (2, 2), "pad": (1, 1)}),
    ((2, 3, 8, 8), {**K3, "stride": (2, 2), **FULL}),
    ((2, 3, 8, 9), {**K3, "stride": (3, 2), "pad": (1, 0), **FULL}),
    ((2, 3, 6, 6), {"kernel": (2, 2), "stride": (3, 3), "pad": (1, 1), **FULL}),
    ((2, 3, 7, 8), {"global_pool": True, "kernel": (2, 2), "stride": (2, 2), "pad": (1, 1), **FULL}),
    ((2, 3, 7, 8), {"global_pool": True}),
    ((2, 3, 9), {"kernel": (3,), "stride": (2,), "pad": (1,)}),
    ((2, 3, 5, 6, 7), {"kernel": (3, 2, 3), "stride": (2, 2, 1), "pad": (1, 0, 1)}),
    ((2, 3, 5, 6, 7), {"kernel": (2, 2, 2), "stride": (2, 2, 2), **FULL}),
]
KINDS = [
    {"pool_type": "max"},
    {"pool_type": "sum"},
    {"pool_type": "avg"},
    {"pool_type": "avg", "count_include_pad": False},
    {"pool_type": "avg", "count_include_pad": True},
]


@pytest.mark.parametrize("kind", KINDS, ids=[str(list(kind.values())) for kind in KINDS])
@pytest.mark.parametrize(("shape", "attrs"), POOLINGS)
def test_pooling(
    shape: tuple[int, ...],
    attrs: dict[str, Any],
    kind: dict[str, Any],
    mx: ModuleType,
    check: Check,
    rng: np.random.Generator,
) -> None:
    symbol = mx.sym.Pooling(mx.sym.var("data"), name="pool", **attrs, **kind)
    data = rng.uniform(-1, 1, shape).astype(np.float32)
    check(symbol, {"data": data}, reduction=56)


@pytest.mark.parametrize("p_value", [1, 2, 3])
def test_lp_pooling(p_value: int, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.Pooling(
        mx.sym.var("data"), name="pool", kernel=(2, 2), stride=(2, 2), pool_type="lp", p_value=p_value
    )
    # Sums of cubes may cancel, and the cube root magnifies what is left of them: stay away from zero.
    data = (
        rng.choice([-1, 1], (2, 3, 3, 3)).repeat(2, 2).repeat(2, 3) * rng.uniform(0.5, 1, (2, 3, 6, 6))
    ).astype(np.float32)
    check(symbol, {"data": data}, reduction=4)


@pytest.mark.parametrize("kind", ["max", "avg", "sum"])
@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize(
    "attrs", [{"pad": (1, 1), "stride": (2, 2)}, {"stride": (2, 3)}, {"global_pool": True}], ids=str
)
def test_pooling_v1(
    attrs: dict[str, Any],
    convention: str,
    kind: str,
    mx: ModuleType,
    check: Check,
    rng: np.random.Generator,
) -> None:
    symbol = mx.sym.Pooling_v1(
        mx.sym.var("data"), name="pool", kernel=(3, 3), pool_type=kind, pooling_convention=convention, **attrs
    )
    data = rng.uniform(-1, -0.1, (2, 3, 8, 8)).astype(np.float32)
    check(symbol, {"data": data}, reduction=64)


def load(symbol: Any, shape: tuple[int, ...]) -> None:
    import_model(symbol, shapes={"data": shape})


def test_refusals(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    with pytest.raises(UnsupportedOperator, match="Pooling with pooling_convention=same"):
        load(mx.sym.Pooling(data, kernel=(2,), pooling_convention="same"), (1, 2, 8))
    with pytest.raises(UnsupportedOperator, match="Pooling with layout=NHWC"):
        load(mx.sym.Pooling(data, kernel=(2, 2), layout="NHWC"), (1, 8, 8, 2))
    with pytest.raises(ImportFailure, match="the required parameter 'kernel' is missing"):
        load(
            mx.sym.Pooling(data, global_pool=True).tojson().replace("global_pool", "cudnn_off"), (1, 2, 8, 8)
        )
    with pytest.raises(ImportFailure, match="p_value = None: expected 1, 2 or 3"):
        load(mx.sym.Pooling(data, kernel=(2, 2), pool_type="lp"), (1, 2, 8, 8))
    with pytest.raises(ImportFailure, match=r"does not fit into data \(1, 2, 3, 3\)"):
        load(mx.sym.Pooling(data, kernel=(4, 4), name="pool"), (1, 2, 3, 3))
    with pytest.raises(ImportFailure, match=r"stride = \(2,\): expected 2 numbers of at least 1"):
        load(mx.sym.Pooling(data, kernel=(2, 2), stride=(2,)), (1, 2, 8, 8))
