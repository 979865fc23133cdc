"""The table of what TensorRT takes, held against the parser and the builder of TensorRT for RTX: each promise is kept, and refusals are no caprice."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ngc.codegen.onnx import emit_onnx
from ngc.codegen.tensorrt import build_tensorrt
from ngc.codegen.tensorrt.build import check_model
from ngc.codegen.tensorrt.messages import messages_of
from ngc.engines import EngineOptions, parse_engine_target
from ngc.engines.onnx_forms import why_no_onnx
from ngc.engines.target import EngineTarget
from ngc.engines.tensorrt_support import DTYPES, why_not_tensorrt
from ngc.errors import EngineError
from ngc.ir import Graph, GraphBuilder, Node, opdefs
from ngc.passes import PassManager
from tests.engines.tensorrt_samples import SAMPLES
from tests.operator_samples import recurrent
from tests.operator_samples.sample import ALL, Sample, finished
from tests.strategies import graphs

library = pytest.importorskip("tensorrt_rtx")
pytest.importorskip("onnx")

NOWHERE = frozenset({"roi_align", "roi_max_pool", "bitwise_and", "bitwise_or", "bitwise_xor"})
"""Operators with a form in ONNX that TensorRT never takes."""

Use = tuple[Sample, str]


def target() -> EngineTarget:
    """Returns a target that can be built for anywhere."""
    found = parse_engine_target("tensorrt-rtx:sm86")
    assert found is not None
    return found


def node_of(graph: Graph) -> Node:
    """Returns the operator that a sample's graph is about."""
    producer = graph.find("node").producer
    assert producer is not None
    return producer


@functools.cache
def judged() -> tuple[tuple[Sample, str, str | None], ...]:
    """Returns every use of every sample that has a form in ONNX, with the reason where TensorRT is said not to take it."""
    found = []
    for sample in SAMPLES:
        for dtype in sample.dtypes:
            graph = sample.graph(dtype)
            if graph is not None and why_no_onnx(node_of(graph)) is None:
                found.append((sample, dtype, why_not_tensorrt(node_of(graph))))
    return tuple(found)


def accepted() -> list[Use]:
    """Returns the uses that TensorRT is said to take."""
    return [(sample, dtype) for sample, dtype, reason in judged() if reason is None]


def parses(graph: Graph) -> str:
    """Returns what the real parser says against a graph, empty where it takes it."""
    messages = messages_of(library)
    with messages.alone():
        network = library.Builder(messages.logger).create_network(0)
        model = emit_onnx(graph)
        check_model(model, "region0")
        parser = library.OnnxParser(network, messages.logger)
        if parser.parse(model.SerializeToString()):
            return ""
        return "; ".join(parser.get_error(number).desc() for number in range(parser.num_errors)) or "no reason"


def together(uses: Sequence[Use]) -> Graph:
    """Returns one graph of many uses."""
    builder = GraphBuilder("together")
    return finished(builder, [sample.append(builder, dtype, f"use{number}") for number, (sample, dtype) in enumerate(uses)])


def chunks(uses: Sequence[Use], size: int) -> Iterator[Sequence[Use]]:
    """Yields uses by the group."""
    for start in range(0, len(uses), size):
        yield uses[start:start + size]


def build(graph: Graph) -> Any:
    """Builds an engine, or raises EngineError."""
    return build_tensorrt(graph, "region0", target(), EngineOptions(batch=(1, 2, 4)), "fp32")


def test_every_operator_with_a_form_in_onnx_has_a_sample_that_is_taken() -> None:
    from ngc.engines.onnx_forms import ONNX_FORMS

    operators = {name for name, definition in opdefs().items() if ONNX_FORMS[name].ops and "control" not in definition.traits} - {"const"}
    assert operators == {sample.op for sample, _, _ in judged()}
    assert operators - {sample.op for sample, _ in accepted()} == NOWHERE


def test_whatever_is_said_to_be_taken_is_parsed() -> None:
    refused = [(sample, dtype, said) for sample, dtype in accepted() if (said := parses(_graph(sample, dtype)))]
    assert not refused


@pytest.mark.parametrize("part", range(2))
def test_whatever_is_said_to_be_taken_is_built(part: int) -> None:
    # What the builder says beyond the parser does not depend on other types; test-full builds all of them.
    uses = [(sample, dtype) for sample, dtype in accepted() if dtype == ("f32", "i32")[part]]
    canonical = [use for use in uses if "canonical" in opdefs()[use[0].op].stages]
    for chunk in chunks(canonical, 80):
        build(together(chunk))
    for sample, dtype in uses:
        if "canonical" not in opdefs()[sample.op].stages:
            build(_graph(sample, dtype))


@pytest.mark.full
@pytest.mark.parametrize("part", range(8))
def test_whatever_is_said_to_be_taken_is_built_alone(part: int) -> None:
    for sample, dtype in accepted()[part::8]:
        build(_graph(sample, dtype))


@given(st.one_of(graphs(), graphs(with_steps=True), graphs(dtype="f16")), st.booleans())
# The same networks each time: version 1.7 of the builder fails by itself on rare ones, such as two 1-D convolutions whose sum and ReLU are outputs.
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_networks_of_operators_that_are_taken_are_built(graph: Graph, narrow: bool) -> None:
    assume(not any(why_not_tensorrt(node) for node in graph))
    assume(not {*graph.input_names} & {*graph.output_names})
    if narrow:
        PassManager("narrow-floats").run(graph)
    build(graph)


REFUSED = (
    (Sample("add", ((4, 9), (4, 9))), "f64", "TensorRT has no f64"),
    (Sample("reshape", ((4, 1, 2, 1, 3, 2, 2, 1, 1),), {"shape": (4, 24)}), "f32", "TensorRT has tensors of up to 8 dimensions, not 9"),
    (Sample("concat", ((4, 9), (4, 9))), "u8", "concat of u8: 8-bit integers of TensorRT stand for real numbers, between quantize and dequantize only"),
    (Sample("prelu", ((4, 9, 2), (9,)), {}, 1), "i8", "prelu of i8: 8-bit integers of TensorRT stand for real numbers, between quantize and dequantize only"),
    (Sample("pad", ((4, 9),), {"widths": (0, 0, 1, 1)}), "i8",
     "pad of i8: 8-bit integers of TensorRT stand for real numbers, between quantize and dequantize only"),
    (Sample("quantize", ((4, 9),), {"scales": (0.1,), "zero_point": 3}), "f32", "TensorRT quantizes symmetrically, with a zero point of 0, not 3"),
    (Sample("dequantize", ((4, 9),), {"scales": (0.1,), "zero_point": -1}), "i8", "TensorRT quantizes symmetrically, with a zero point of 0, not -1"),
    (Sample("pool", ((4, 9, 5),), {"kind": "lp", "kernel": (2,), "stride": (1,), "pad": (0,)}), "f32", "TensorRT has no lp pooling over one dimension"),
    (Sample("pool", ((4, 9, 5),), {"kind": "max", "kernel": (2,), "stride": (1,), "pad": (0,)}), "i32",
     "pool of i32 is computed in f64, which TensorRT does not have"),
    (Sample("hypot", ((4, 9), (4, 9))), "i64", "hypot of i64 is computed in f64, which TensorRT does not have"),
    (Sample("reduce_l2", ((4, 9),), {"axes": (1,)}), "bool", "reduce_l2 of bool is computed in f64, which TensorRT does not have"),
    (Sample("upsample", ((4, 9, 5),), {"scale": (2,)}), "i32", "TensorRT resizes floats, not i32"),
    (Sample("upsample", ((4, 1, 2, 2, 2, 2),), {"scale": (2, 1, 1, 2)}), "i64", "TensorRT repeats i64 in up to 8 dimensions, not in 10"),
    (Sample("softmax", ((9,),), {"axis": 0}), "f32", "softmax of TensorRT takes two dimensions or more"),
    (Sample("log_softmax", ((9,),), {"axis": 0}), "f16", "log_softmax of TensorRT takes two dimensions or more"),
    (Sample("lrn", ((4, 20, 3),), {"size": 17}), "f32", "LRN of TensorRT takes size between 1 and 15, not 17"),
    (Sample("lrn", ((4, 20, 3),), {"size": 3, "beta": 0.005}), "f32", "LRN of TensorRT takes beta between 0.01 and 100000, not 0.005"),
    (Sample("lrn", ((4, 20, 3),), {"size": 3, "knorm": 0.0}), "f32", "LRN of TensorRT takes knorm between 1e-05 and 1e+10, not 0"),
    (Sample("lrn", ((4, 20, 3),), {"size": 3, "alpha": 1e30}), "f32", "LRN of TensorRT takes alpha between -1e+20 and 1e+20, not 1e+30"),
    (Sample("deconv2d", ((4, 4, 5, 5), (4, 2, 3, 3)), {"stride": (2, 1), "dilate": (1, 2)}, 1), "f32",
     "deconvolutions of TensorRT are strided or dilated, not both"),
    (Sample("recurrent", recurrent.shapes("gru", 1), {"mode": "gru"}), "f16",
     "TensorRT builds no recurrent layer of one direction whose data is cast from f16"),
    (Sample("topk", ((4, 5000),), {"axis": 1, "k": 3841}), "f32", "TopK of TensorRT gives up to 3840 elements, not 3841"),
    (Sample("argmin", ((9,),), {"axis": 0}), "f32", "argmin of TensorRT takes two dimensions or more"),
)


@pytest.mark.parametrize(("sample", "dtype", "reason"), REFUSED)
def test_what_is_said_not_to_be_taken_is_not(sample: Sample, dtype: str, reason: str) -> None:
    graph = _graph(sample, dtype)
    assert why_not_tensorrt(node_of(graph)) == reason
    if dtype == "f64":  # the parser takes it, but not for what it is
        assert build_error(graph) == "region0 takes or gives 'node.x0' as f64, of which TensorRT makes float"
    else:
        assert build_error(graph)


def build_error(graph: Graph) -> str:
    """Returns why no engine of a graph is built."""
    with pytest.raises(EngineError) as caught:
        build(graph)
    return str(caught.value)


def test_what_onnx_has_no_form_for_has_none_here() -> None:
    graph = _graph(Sample("gamma", ((4, 9),)), "f32")
    assert why_not_tensorrt(node_of(graph)) == why_no_onnx(node_of(graph)) == "ONNX has no gamma function"


def test_element_types() -> None:
    for dtype in ALL:
        graph = Sample("maximum", ((4, 9), (4, 9))).graph(dtype)
        if graph is not None:
            assert (why_not_tensorrt(node_of(graph)) is None) == (dtype in DTYPES)


def test_constants_are_what_their_readers_make_of_them() -> None:
    builder = GraphBuilder("constants")
    value = builder.const("w", np.zeros((2, 2), np.int8))
    assert value.producer is not None
    assert why_not_tensorrt(value.producer) is None


def _graph(sample: Sample, dtype: str) -> Graph:
    graph = sample.graph(dtype)
    assert graph is not None
    return graph
