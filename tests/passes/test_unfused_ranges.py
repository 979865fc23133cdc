"""Ranges of a fused graph find the values that they are of before fusion."""

import numpy as np
from hypothesis import HealthCheck, assume, given, settings

from ngc.ir import Graph, clone, evaluate
from ngc.ir.random_data import random_feeds
from ngc.passes import PassManager
from ngc.passes.registry import QUANTIZABLE
from ngc.passes.unfused_ranges import unfused_ranges
from ngc.passes.value_ranges import ValueRange
from tests.passes.nets import Net
from tests.strategies import graphs


def observed(graph: Graph) -> dict[str, ValueRange]:
    """Returns the exact ranges of all values on random data."""
    found: dict[str, ValueRange] = {}
    evaluate(graph, random_feeds(graph, 3, 2),
             observe=lambda value, array: found.update({value.name: ValueRange(float(array.min()), float(array.max()))}))
    return found


def fused(graph: Graph) -> Graph:
    """Returns the graph that calibration sees."""
    copy = clone(graph)
    PassManager(QUANTIZABLE).run(copy)
    return copy


def test_the_range_of_a_fused_layer_is_that_of_its_activation() -> None:
    net = Net()
    x = net.batch_norm(net.conv(net.input(4, 5, 5), 3, 3, name="conv"))
    graph = net.finish(net.conv(net.op("relu", x, name="act"), 2, name="last"))
    assert unfused_ranges(graph, observed(fused(graph))).keys() == {"data", "act", "last"}, "what is between conv and act is in no memory after fusion"
    assert graph.find("conv").producer.op == "conv2d", "the graph itself stays as it is"


@given(graphs())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ranges_are_those_of_the_values_themselves(graph: Graph) -> None:
    PassManager("@canonical").run(graph)
    exact = observed(graph)
    # A max pooling window that holds nothing gives the lowest f32; sums of such values overflow, and have no range.
    assume(all(max(abs(values.low), abs(values.high)) < 1e30 for values in exact.values()))
    found = unfused_ranges(graph, observed(fused(graph)))
    assume(found)
    for name, (low, high) in found.items():
        # What hoisted strides skip is in the range of the value, not in that of its part; folding batch norms reorders sums of less than 100 terms.
        slack = 1e-4 * max(abs(exact[name].low), abs(exact[name].high), 1.0)
        assert exact[name].low - slack <= low <= high <= exact[name].high + slack
        assert np.isfinite((low, high)).all()
