"""The passes around regions: ranges are recorded, regions optimized."""

import numpy as np
import pytest

from ngc.errors import PassError
from ngc.ir import Graph, GraphBuilder, Loc, clone, evaluate, verify
from ngc.ir.random_data import random_feeds
from ngc.passes import PassContext, PassManager
from ngc.passes.partition import PartitionOptions, outline, plan_by
from ngc.passes.value_ranges import Quantization, ValueRange


def make_net() -> Graph:
    """conv -> batch_norm -> relu -> dense, and a softmax that stays outside."""
    b = GraphBuilder("net")
    rng = np.random.default_rng(0)
    x = b.input("data", (2, 3, 4, 4))
    vectors = [b.const(name, rng.uniform(0.5, 1.5, 8).astype(np.float32)) for name in ("gamma", "beta", "mean", "var")]
    conv = b.op("conv2d", x, b.const("w", rng.normal(size=(8, 3, 3, 3)).astype(np.float32)), name="conv", loc=Loc("conv"))
    act = b.op("relu", b.op("batch_norm", conv, *vectors, fix_gamma=False, name="bn"), name="act", loc=Loc("act"))
    flat = b.op("reshape", act, shape=(2, 32), name="flat")
    fc = b.op("dense", flat, b.const("w1", rng.normal(size=(5, 32)).astype(np.float32)), name="fc", loc=Loc("fc"))
    graph = b.finish([b.op("softmax", fc, name="soft")])
    graph.stage = "canonical"
    return graph


def divided(graph: Graph) -> Graph:
    outline(graph, plan_by(graph, lambda node: "stays" if node.op == "softmax" else None, PartitionOptions()), "tensorrt")
    return graph


def quantization(**ranges: tuple[float, float]) -> Quantization:
    return Quantization({name: ValueRange(*limits) for name, limits in ranges.items()}, ("conv",))


def test_ranges_of_values_that_are_there_are_recorded() -> None:
    graph = make_net()
    # After fusion the convolution's name stands for what comes out of its activation.
    context = PassContext(quantization=quantization(conv=(0.0, 4.0), nowhere=(0.0, 1.0)))
    assert PassManager("record-ranges").run(graph, context)
    assert graph.ranges == {"act": (0.0, 4.0)}
    assert graph.excluded == ("conv",)
    assert not PassManager("record-ranges").run(graph, context)


def test_ranges_come_from_calibration_where_none_are_given() -> None:
    graph = make_net()
    seen = []
    PassManager("record-ranges").run(graph, PassContext(calibrate=lambda graph: seen.append(graph.name) or quantization(fc=(-1.0, 1.0))))
    assert (seen, graph.ranges) == (["net"], {"fc": (-1.0, 1.0)})


def test_a_graph_that_carries_ranges_needs_no_others() -> None:
    graph = make_net()
    graph.ranges["act"] = (0.0, 1.0)
    assert not PassManager("record-ranges").run(graph)


def test_no_ranges_at_all() -> None:
    with pytest.raises(PassError, match="pass record-ranges needs ranges: a calibration, or a graph that carries them"):
        PassManager("record-ranges").run(make_net())


@pytest.mark.parametrize(("precision", "bits"), [("fp32", 22), ("fp16", 11), ("bf16", 8)])
def test_regions_are_optimized_and_keep_their_numbers(precision: str, bits: int) -> None:
    graph = divided(make_net())
    whole = clone(graph)
    assert PassManager(f"optimize-regions{{precision={precision}}}").run(graph)
    verify(graph)
    region = graph.nodes[0].regions[0]
    assert "batch_norm" not in region.count()
    assert ("cast" in region.count()) == (precision != "fp32")
    assert any(event.pass_name == "optimize-regions/fold-batch-norm" and event.status == "applied" for event in graph.events)
    feeds = random_feeds(graph)
    # Probabilities: sums of 27 and 32 products of operands that are rounded once each.
    np.testing.assert_allclose(evaluate(graph, feeds)[0], evaluate(whole, feeds)[0], rtol=0, atol=60 * 2.0**-bits)
    again = len(graph.events)
    assert not PassManager("optimize-regions{precision=fp32}").run(graph)
    assert len([event for event in graph.events.events[again:] if event.status == "applied"]) == 0


def test_int8_goes_by_the_ranges_of_the_region() -> None:
    graph = make_net()
    graph.ranges = {"data": (-3.0, 3.0), "act": (0.0, 8.0), "flat": (0.0, 8.0)}
    PassManager("optimize-regions{precision=int8}").run(divided(graph))
    verify(graph)
    assert graph.nodes[0].regions[0].count()["quantize"] == 2


def test_an_unknown_precision() -> None:
    with pytest.raises(PassError, match="pass optimize-regions: unknown precision 'fp4'; known: fp32, fp16, bf16, int8"):
        PassManager("optimize-regions{precision=fp4}").run(make_net())
