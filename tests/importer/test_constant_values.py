"""What converters learn of values that depend on constants only."""

import numpy as np
import pytest

from ngc.importer import constant_values
from ngc.importer.constant_values import constant_value
from ngc.ir import GraphBuilder, Step, SymDim


def test_chains_of_constants() -> None:
    make = GraphBuilder()
    doubled = make.op("mul", make.op("reshape", make.const("w", np.arange(6, dtype=np.float32)), shape=(2, 3)), scalar=2.0)
    np.testing.assert_array_equal(constant_value(doubled), [[0, 2, 4], [6, 8, 10]])


def test_the_second_result() -> None:
    make = GraphBuilder()
    x, w = make.const("x", np.ones((1, 1, 2, 2), np.float32)), make.const("w", np.ones((1, 1, 1, 1), np.float32))
    value = make.op("conv2d", x, w, epilogue=(Step("tee"), Step("negative")))
    assert value.producer is not None
    assert [constant_value(result).max() for result in value.producer.outputs] == [-1, 1]  # type: ignore[union-attr]  # both are known


def test_values_that_are_not_known() -> None:
    make = GraphBuilder()
    x, w = make.input("x", (2,)), make.const("w", np.zeros((1,), np.float32))
    assert constant_value(x) is None
    assert constant_value(make.op("add", x, w)) is None
    assert constant_value(make.op("broadcast_to", w, shape=(SymDim(),))) is None


def test_a_value_that_every_level_reads_twice_is_computed_once() -> None:
    """Depth 2000: neither two to that power of steps nor a recursion of that depth."""
    make = GraphBuilder()
    value = make.const("w", np.zeros((1,), np.float32))
    for _ in range(2000):
        value = make.op("add", value, value)
    assert constant_value(value) == 0


def test_values_that_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constant_values, "_MOST_ELEMENTS", 1000)
    make = GraphBuilder()
    w = make.const("w", np.zeros((1,), np.float32))
    assert constant_value(make.op("broadcast_to", w, shape=(999,))) is not None
    assert constant_value(make.op("broadcast_to", w, shape=(1000,))) is None
