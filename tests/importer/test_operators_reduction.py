"""Reductions against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]
CASES: list[dict[str, Any]] = [
    {},
    {"keepdims": True},
    {"axis": 1},
    {"axis": -1, "keepdims": True},
    {"axis": (1, 2)},
    {"axis": (0, 2), "keepdims": True},
    {"axis": (2, 0)},
    {"axis": ()},
]


@pytest.mark.parametrize("op", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("attrs", [*CASES, {"axis": 1, "exclude": True}, {"axis": (0, -1), "exclude": True}], ids=str)
def test_reduction(
    op: str, attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = getattr(mx.sym, op)(mx.sym.var("data"), name="z", **attrs)
    check(symbol, {"data": rng.uniform(0.5, 1.5, (2, 3, 4)).astype(np.float32)}, reduction=24)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("attrs", CASES[:-1], ids=str)
def test_norm(
    order: int, attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.norm(mx.sym.var("data"), name="z", ord=order, **attrs)
    check(symbol, {"data": rng.uniform(-1, 1, (2, 3, 4)).astype(np.float32)}, reduction=24)


@pytest.mark.parametrize("op", ["sum", "mean", "max"])
def test_integers(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = getattr(mx.sym, op)(mx.sym.var("data"), name="z", axis=1)
    check(symbol, {"data": rng.integers(-9, 9, (4, 5)).astype(np.int32)})


def test_refusals(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    with pytest.raises(ImportFailure, match="axis 3 is outside data of 3 dimensions"):
        import_model(mx.sym.sum(data, axis=3), shapes={"data": (1, 2, 3)})
    with pytest.raises(ImportFailure, match=r"axes \(1, 1\) name an axis twice"):
        import_model(mx.sym.sum(data, axis=(1, -2)), shapes={"data": (1, 2, 3)})
    with pytest.raises(UnsupportedOperator, match="norm with out_dtype=float64"):
        import_model(mx.sym.norm(data, out_dtype="float64"), shapes={"data": (1, 2)})
