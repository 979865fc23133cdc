"""A small network as regions for engines, in every precision, with the tolerances that these have against the reference evaluator."""

import numpy as np

from ngc.ir import Graph, SymDim, clone, evaluate
from ngc.passes import PassManager
from tests.passes.nets import Net

PASSES = {"fp32": "", "fp16": ",narrow-floats", "int8": ",insert-qdq"}

TOLERANCES = {
    # Three layers of up to 144 products, each sum rounded in an order of its own: 144 times half a unit in the last place, and a little for what follows.
    "fp32": 3 * 144 * 2.0**-24,
    # f16 rounds weights, data and every result of nine operators to eleven bits; products are summed in f32.
    "fp16": 3 * 9 * 2.0**-11,
    # The reference rounds to the same integers. Where sums differ by a bit before rounding, an integer differs by one, which is 1/127 of a range.
    "int8": 4 / 127,
}


def network() -> Graph:
    """Returns a stem, a residual unit, both kinds of pools, and a dense layer."""
    net = Net()
    x = net.op("relu", net.conv(net.input(3, 16, 16), 16, 3, name="stem", pad=1, bias=True), name="act1")
    total = net.op("add", net.conv(x, 16, 3, name="unit", pad=1), x, name="sum")
    y = net.op("pool", net.op("relu", total, name="act2"), kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="max")
    pooled = net.op("pool", y, kind="avg", kernel=(8, 8), stride=(1, 1), pad=(0, 0), name="avg")
    return net.finish(net.dense(net.op("reshape", pooled, shape=(SymDim(), 16), name="flat"), 10, name="fc"))


def images(batch: int) -> np.ndarray:
    """Returns the beginning of a sequence of random images."""
    return np.random.default_rng(0).random((8, 3, 16, 16), np.float32)[:batch]


def prepared(precision: str) -> Graph:
    """Returns the network in the form that is built."""
    region = clone(network())
    PassManager("@canonical").run(region)
    if precision == "int8":
        seen: dict[str, tuple[float, float]] = {}
        evaluate(region, {"data": images(8)},
                 observe=lambda value, array: seen.update({} if value.is_const else {value.name: (float(array.min()), float(array.max()))}))
        region.ranges = seen
    PassManager(f"fold-batch-norm,fold-constants{PASSES[precision]}").run(region)
    return region
