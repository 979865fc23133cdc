"""Where pipelines can be stopped and taken up again: the parts are the whole, and end in the stages that they are named after."""

from itertools import pairwise

import pytest

from ngc.errors import PassError
from ngc.ir import STAGES, clone, parse
from ngc.ir.random_data import fill_missing_weights
from ngc.passes import PIPELINES, PassContext, PassManager, parse_pipeline
from ngc.passes.phases import passes_between, phase_ends
from ngc.target import parse_target

NET = """graph @g(%x: f32[N,3,8,8]) {
  %w = const @w : f32[4,3,3,3]
  %c = conv2d(%x, %w) : f32[N,4,6,6]
  %r = relu(%c) : f32[N,4,6,6]
  %d = dropout(%r) : f32[N,4,6,6]
  range %x [0.0,1.0]
  range %c [0.0,1.0]
  range %r [0.0,1.0]
  return %d
}"""


@pytest.mark.parametrize("name", PIPELINES)
def test_the_parts_are_the_whole(name: str) -> None:
    passes = parse_pipeline(PIPELINES[name])
    stages = list(phase_ends(passes))
    assert stages == [stage for stage in STAGES if stage in stages]
    assert stages[-1] == ("canonical" if name == "canonical" else "lowered")
    assert [item for start, end in pairwise(stages) for item in passes_between(passes, start, end)] == passes
    assert all(passes_between(passes, "imported", stage) + passes_between(passes, stage, stages[-1]) == passes for stage in stages)


@pytest.mark.parametrize("name", ["cpu-fp32", "cpu-int8", "cpu-bf16", "neuron-fp32"])
def test_a_part_ends_in_its_stage(name: str) -> None:
    passes = parse_pipeline(PIPELINES[name])
    graph = parse(NET)
    fill_missing_weights(graph)
    whole = clone(graph)
    context = PassContext(parse_target("cpu:x86-64-v4"))
    for start, end in pairwise(phase_ends(passes)):
        PassManager(passes_between(passes, start, end)).run(graph, context)
        assert graph.stage == end
    PassManager(passes).run(whole, context)
    assert str(graph) == str(whole)


def test_stages_that_are_not_there() -> None:
    passes = parse_pipeline("@cpu-fp32")
    with pytest.raises(PassError, match="the pipeline has no stage quantized; it goes through imported, canonical, fused, lowered"):
        passes_between(passes, "imported", "quantized")
    with pytest.raises(PassError, match="stage canonical comes before stage fused"):
        passes_between(passes, "fused", "canonical")
