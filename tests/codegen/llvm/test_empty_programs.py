"""Programs that compute tensors without elements on their way, or as results."""

import numpy as np
import pytest

import ngc
from ngc.ir import GraphBuilder, evaluate


@pytest.mark.parametrize(("op", "shape"), [("softmax", (2, 0)), ("log_softmax", (2, 0)), ("lu_pivots", (2, 0, 0)), ("relu", (0, 3))])
def test_what_has_no_elements_is_not_computed(op: str, shape: tuple[int, ...]) -> None:
    builder = GraphBuilder()
    empty = builder.op(op, builder.input("x", shape))
    total = builder.op("reduce_sum", empty, axes=(empty.type.rank - 1,))
    graph = builder.finish([empty, builder.op("add", total, scalar=1.0)])
    feeds = {"x": np.ones(shape, np.float32)}
    for found, expected in zip(ngc.compile(graph).run(feeds), evaluate(graph, feeds), strict=True):
        np.testing.assert_array_equal(found, expected)
