"""What is narrow, what stays in f32 and why, and what both cost."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.errors import PassError
from ngc.ir import Graph, Step, SymDim, evaluate, opdefs, parse
from ngc.ir.random_data import random_feeds
from ngc.ir.verify import verify
from ngc.passes import PassManager
from ngc.passes.narrow_floats import BOXES, REGIONS, WIDE
from tests.passes.nets import Net, ops, run
from tests.strategies import graphs

F16, BF16 = "narrow-floats", "narrow-floats{dtype=bf16}"
EPSILON = {F16: 2.0**-11, BF16: 2.0**-8}
"""The largest relative error of one rounding."""


def dtypes(graph: Graph) -> dict[str, str]:
    """Returns the element type of every value that is no constant, by name."""
    return {value.name: value.type.dtype for value in graph.values() if not value.is_const}


def reasons(graph: Graph) -> dict[str, str]:
    """Returns why nodes stay in f32."""
    return {event.node: event.reason for event in graph.events if event.pass_name == "narrow-floats" and event.status == "refused"}


@pytest.mark.parametrize("spec", [F16, BF16])
def test_only_what_is_fed_and_returned_is_f32(spec: str) -> None:
    narrow = "f16" if spec == F16 else "bf16"
    net = Net()
    x = net.op("relu", net.batch_norm(net.conv(net.input(4, 6, 6), 6, 3, bias=True)), name="act")
    pooled = net.op("pool", x, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool")
    # Data, weights, sums and what batch_norm gives are rounded: 6 roundings, each as large as the largest value allows, of 36 products that cancel.
    graph = run(net.finish(net.conv(pooled, 3, name="second")), spec, 24 * EPSILON[spec])
    assert ops(graph) == ["cast", "conv2d", "batch_norm", "relu", "pool", "conv2d", "cast"]
    found = dtypes(graph)
    assert {name for name, dtype in found.items() if dtype == "f32"} == {"data", graph.outputs[0].name}
    assert set(found.values()) == {"f32", narrow}
    constants = {node.attrs["name"]: node.type.dtype for node in graph if node.op == "const"}
    assert constants == {f"conv_weight.{narrow}": narrow, ("conv_bias" if narrow == "bf16" else "conv_bias.f16"): "f32" if narrow == "bf16" else "f16",
                         "bn_gamma": "f32", "bn_beta": "f32", "bn_mean": "f32", "bn_var": "f32", f"second_weight.{narrow}": narrow}
    assert graph.output_names == ("second",)


MATRICES = ("cholesky", "inverse", "eigh", "lq", "lu_pivots")
OTHERS = ("cast", "one_hot", "separable_conv2d", "group_norm", "correlation", "grid_sample", "deformable_columns", "argmax", "argmin", "engine.call", "loop",
          "cond", "triangular_solve", "triangular_matmul", *MATRICES, *BOXES, *REGIONS)
"""Operators that stay in f32 and that other tests have: their operands or results have shapes or types of their own."""

NARROW = frozenset((
    *(f"{kind}{rank}d" for kind in ("conv", "deconv") for rank in (1, 2, 3)), "dense", "matmul", "recurrent", "batch_norm", "pool", "adaptive_avg_pool",
    "resize", "add", "sub", "mul", "div", "maximum", "minimum", "where", "eltwise", "reduce_max", "reduce_min", "abs", "negative", "sqrt", "cbrt", "sin", "cos",
    "arcsin", "arccos", "arctan", "degrees", "radians", "clip", "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "swish", "sigmoid", "hard_sigmoid",
    "tanh", "softsign", "erf", "quantize", "dequantize", "const", "dropout", "identity", "reshape", "transpose", "slice", "slice_update", "concat", "pad",
    "upsample", "broadcast_to", "reorder", "gather", "gather_elements", "gather_nd", "scatter_nd", "sequence_mask",
    "bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right",
))
"""Operators whose results narrow floats hold: their sums are of products that a network scales, or they have none, and only move or bound values, or those
are integers."""


def test_every_operator_is_known_to_be_wide_or_narrow() -> None:
    assert not NARROW & WIDE.keys()
    assert NARROW | WIDE.keys() == set(opdefs())


@pytest.mark.parametrize("spec", [F16, BF16])
@pytest.mark.parametrize("op", MATRICES)
def test_factorizations_stay_in_f32(op: str, spec: str) -> None:
    net = Net()
    x = net.op("identity", net.b.input("x", (2, 4, 4)), name="act")
    graph = net.finish(net.op(op, x, name="wide", **({"lower": True} if op == "cholesky" else {})))
    PassManager(spec, verify_each=True).run(graph)
    assert dtypes(graph)["wide"] == "f32"
    assert reasons(graph) == {"wide": WIDE[op]}


@pytest.mark.parametrize("spec", [F16, BF16])
@pytest.mark.parametrize("op", ["triangular_solve", "triangular_matmul"])
def test_triangular_products_stay_in_f32(op: str, spec: str) -> None:
    net = Net()
    graph = net.finish(net.op(op, net.b.input("a", (2, 4, 4)), net.op("tanh", net.b.input("b", (2, 4, 3))), name="wide"))
    PassManager(spec, verify_each=True).run(graph)
    assert dtypes(graph)["wide"] == "f32"
    assert reasons(graph) == {"wide": WIDE[op]}


@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_places_of_extremes_are_told_from_f32(op: str) -> None:
    net = Net()
    graph = run(net.finish(net.op("reshape", net.op(op, net.op("identity", net.input(64)), axis=1, name="place"), shape=(SymDim(), 1))), F16, 0)
    [node] = [node for node in graph if node.op == op]
    assert node.inputs[0].type.dtype == "f32"


def test_places_and_sums_in_images_stay_in_f32() -> None:
    net = Net()
    x = net.op("tanh", net.input(4, 6, 6), name="act")
    sampled = net.op("grid_sample", x, net.op("tanh", net.b.input("grid", (SymDim(), 2, 6, 6))), name="sampled")
    columns = net.op("deformable_columns", x, net.b.input("offsets", (SymDim(), 2, 6, 6)), kernel=(1, 1), stride=(1, 1), pad=(0, 0), dilate=(1, 1),
                     groups=1, offset_groups=1, name="columns")
    joined = net.op("correlation", x, x, kernel=1, max_displacement=1, stride=1, step=1, multiply=True, name="joined")
    normal = net.op("group_norm", x, net.const("gamma", 4), net.const("beta", 4), groups=2, eps=1e-5, name="normal")
    graph = net.finish(sampled, columns, joined, normal)
    PassManager(F16, verify_each=True).run(graph)
    assert reasons(graph) == {name: WIDE[op] for name, op in (("sampled", "grid_sample"), ("columns", "deformable_columns"), ("joined", "correlation"),
                                                              ("normal", "group_norm"))}


LOOP = """graph @net(%a: f32[2,6], %x: f32[5,2,6]) {
  %s, %y = loop(%a, %x) {carried=1, scanned=1, steps=5} : f32[2,6], f32[5,2,6] {
    graph @body(%i: f32[2,6], %r: f32[2,6]) {
      %n = tanh(%r) : f32[2,6]
      %u = add(%i, %n) : f32[2,6]
      return %u as "n", %u as "y"
    }
  }
  %z = relu(%y) : f32[5,2,6]
  return %s, %z
}"""
COND = """graph @net(%p: f32[1], %x: f32[2,6]) {
  %h = relu(%x) : f32[2,6]
  %u = cond(%p, %h) : f32[2,6] {
    graph @then(%i: f32[2,6]) {
      %m = tanh(%i) : f32[2,6]
      return %m as "a"
    }
    graph @else(%i: f32[2,6]) {
      return %i as "a"
    }
  }
  return %u
}"""


@pytest.mark.parametrize("spec", [F16, BF16])
@pytest.mark.parametrize(("text", "node"), [(LOOP, "s"), (COND, "u")])
def test_values_enter_and_leave_regions_in_f32(text: str, node: str, spec: str) -> None:
    graph = parse(text)
    feeds = random_feeds(graph, 1)
    wanted = evaluate(graph, feeds)
    PassManager(spec, verify_each=True).run(graph)
    verify(graph)
    assert reasons(graph) == {node: "what enters its regions and leaves them has the types that they say"}
    for found, want in zip(evaluate(graph, feeds), wanted, strict=True):
        # Each of five steps rounds what enters, the tangent and the sum, whose values are below 4.
        np.testing.assert_allclose(found, want, rtol=0, atol=5 * 4 * 4 * EPSILON[spec])


@pytest.mark.parametrize("op", sorted(name for name in WIDE if name not in OTHERS))
def test_operators_that_stay_in_f32_get_it_and_give_it(op: str) -> None:
    net = Net()
    x = net.op("relu", net.input(4, 3, 3), name="act")
    wanted = {"cumsum": {"axis": 1}, "topk": {"axis": 1, "k": 3}, "lrn": {"size": 3}}
    attrs = {"axis": 1} if "softmax" in op else {"axes": (1,), "keepdims": True} if op.startswith("reduce") else wanted.get(op, {})
    operands = [x, x] if op in ("power", "hypot", "mod", "equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal", "logical_and",
                                "logical_or", "logical_xor") else [x]
    operands += [x, x] if op == "attention" else [net.const("gamma", 3), net.const("beta", 3)] if op == "layer_norm" else []
    graph = net.finish(net.op("tanh", net.op(op, *operands, name="wide", **attrs), name="after"))
    PassManager(F16).run(graph)
    assert ops(graph) == ["cast", "relu", "cast", op, "cast", "tanh", "cast"]
    assert dtypes(graph)["wide"] == "f32"
    assert reasons(graph) == {"wide": WIDE[op]}


def test_boxes_stay_in_f32() -> None:
    net = Net()
    x, rows = net.op("relu", net.input(4, 8, 8), name="act"), net.op("tanh", net.input(9, 6, name="rows"), name="near")
    regions = net.op("box_nms", rows, name="kept")
    flat = net.op("slice", net.op("reshape", regions, shape=(SymDim(9), 6)), begin=(None, 1), end=(None, None), step=(1, 1))
    graph = net.finish(net.op("roi_align", x, flat, pooled_size=(2, 2), spatial_scale=1.0, name="bins"))
    PassManager(F16).run(graph)
    assert dtypes(graph)["kept"] == dtypes(graph)["bins"] == "f32"
    assert reasons(graph) == {"kept": "rounding would decide its answer", "bins": "places in an image take more digits than narrow floats have"}


@pytest.mark.parametrize("kind", ["sum", "lp"])
def test_pools_that_sum_stay_in_f32(kind: str) -> None:
    net = Net()
    graph = net.finish(net.op("pool", net.input(4, 6, 6), kind=kind, kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool"))
    PassManager(F16).run(graph)
    assert reasons(graph) == {"pool": "its sums leave the range of narrow floats"}


def test_a_constant_beyond_f16_keeps_its_layer_in_f32() -> None:
    net = Net()
    large = net.op("conv2d", net.input(4, 5, 5), net.b.const("w", np.full((3, 4, 1, 1), 1e5, np.float32)), name="large")
    graph = run(net.finish(large), F16)
    assert ops(graph) == ["conv2d"]
    assert reasons(graph) == {"large": "the constant %w is beyond f16"}
    other = Net()
    infinite = other.finish(other.op("minimum", other.input(4, 5, 5), other.b.const("inf", np.full((1, 4, 1, 1), np.inf, np.float32)), name="least"))
    assert not reasons(run(infinite, F16, EPSILON[F16])), "infinity is itself in f16"


def test_a_constant_beyond_f16_is_narrow_in_bf16() -> None:
    net = Net()
    graph = net.finish(net.op("conv2d", net.input(4, 5, 5), net.b.const("w", np.full((3, 4, 1, 1), 1e5, np.float32)), name="large"))
    assert not reasons(run(graph, BF16, 6 * EPSILON[BF16]))


@pytest.mark.parametrize(("scalar", "why"), [(1e5, "the scalar 100000.0 is beyond f16"), (1e-9, "the scalar 1e-09 is zero in f16")])
def test_a_scalar_beyond_f16_keeps_its_operator_in_f32(scalar: float, why: str) -> None:
    net = Net()
    graph = run(net.finish(net.op("mul", net.input(4), scalar=scalar, name="scaled")), F16)
    assert reasons(graph) == {"scaled": why}


def test_a_border_beyond_f16_stays_in_f32() -> None:
    net = Net()
    graph = run(net.finish(net.op("pad", net.input(4), widths=(0, 0, 1, 1), value=-1e30, name="padded")), F16)
    assert reasons(graph) == {"padded": "the scalar -1e+30 is beyond f16"}


def test_a_masks_value_beyond_f16_stays_in_f32() -> None:
    net = Net()
    lengths = net.b.const("lengths", np.array([3, 1, 0, 2], np.int32))
    masked = net.op("sequence_mask", net.input(4), lengths, axis=0, value=-1e9, name="masked")
    assert reasons(run(net.finish(masked), F16)) == {"masked": "the scalar -1000000000.0 is beyond f16"}


def test_steps_are_narrow_unless_one_of_them_stays_in_f32() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    kept = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), net.const("b", 4), name="kept", epilogue=(Step("bias"), Step("exp")))
    scaled = net.op("conv2d", x, net.const("v", 4, 4, 1, 1), name="scaled", epilogue=(Step("scale", (1e-9, 0.0)),))
    said = net.op("conv2d", x, net.const("u", 4, 4, 1, 1), name="said", result="f32")
    graph = net.finish(kept, scaled, said)
    graph.stage = "fused"
    run(graph, F16)
    assert reasons(graph) == {"kept": WIDE["exp"], "scaled": "the scalar 1e-09 is zero in f16", "said": "the element type of its result is said"}


def test_what_a_fused_convolution_reads_is_narrow() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    steps = (Step("affine"), Step("add"), Step("relu"))
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), net.const("s", 4), net.const("t", 4), x, name="unit", epilogue=steps)
    graph = net.finish(y)
    graph.stage = "fused"
    run(graph, F16, 24 * EPSILON[F16])
    assert {value.type.dtype for value in graph.find("unit").producer.inputs} == {"f16"}


def test_conditions_stay_what_they_are() -> None:
    net = Net()
    x = net.input(4)
    condition = net.op("mul", x, scalar=1e-9, name="tiny")
    graph = run(net.finish(net.op("where", condition, x, net.op("negative", x), name="chosen")), F16, EPSILON[F16])
    assert [value.type.dtype for value in graph.find("chosen").producer.inputs] == ["f32", "f16", "f16"]


def test_integers_of_f16_and_none_of_bf16() -> None:
    text = """graph @net(%data: f32[N,4,3,3]) stage("canonical") {
  %i = quantize(%data) {scales=[0.5]} : i8[N,4,3,3]<q scale=[0.5] zero_point=0>
  %x = dequantize(%i) {scales=[0.5]} : f32[N,4,3,3]
  %y = relu(%x) : f32[N,4,3,3]
  %j = quantize(%y) {scales=[0.25]} : i8[N,4,3,3]<q scale=[0.25] zero_point=0>
  %z = dequantize(%j) {scales=[0.25]} : f32[N,4,3,3]
  return %z
}"""
    half = run(parse(text), F16)  # f16 holds the multiples of a half up to 64
    assert [dtypes(half)[name] for name in ("x", "y", "z")] == ["f16"] * 3
    assert ops(half) == ["quantize", "dequantize", "relu", "quantize", "dequantize", "cast"], "quantize takes either"
    wide = run(parse(text), BF16)
    assert ops(wide) == ["quantize", "dequantize", "cast", "relu", "cast", "quantize", "dequantize"]
    assert reasons(wide)["x"] == "integers have no form in bf16"


def test_other_types_are_left_alone() -> None:
    net = Net("f64")
    graph = run(net.finish(net.conv(net.input(4, 5, 5), 3)), F16)
    assert ops(graph) == ["conv2d"]
    cast = Net()
    cast = cast.finish(cast.op("cast", cast.op("relu", cast.input(4), name="act"), dtype="i32", name="whole"))
    run(cast, F16, 1.0)
    assert ops(cast) == ["cast", "relu", "cast", "cast"]
    assert dtypes(cast)["whole"] == "i32"


def test_another_dtype_is_an_error() -> None:
    with pytest.raises(PassError, match="option dtype of pass narrow-floats takes f16 or bf16, not 'f8'"):
        PassManager("narrow-floats{dtype=f8}")


@given(graphs(), st.sampled_from([F16, BF16]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_graphs_stay_valid_and_keep_their_interface(graph: Graph, spec: str) -> None:
    PassManager("@canonical").run(graph)
    before = [(value.type, name) for value, name in zip(graph.outputs, graph.output_names, strict=True)]
    PassManager(spec).run(graph)
    verify(graph)
    assert [(value.type, name) for value, name in zip(graph.outputs, graph.output_names, strict=True)] == before
    results = evaluate(graph, random_feeds(graph, 3, 2))
    assert all(array.dtype == np.float32 for array in results)
    narrow = "f16" if spec == F16 else "bf16"
    for node in graph:
        if node.op not in ("const", "cast") and node.name not in reasons(graph):
            assert all(value.type.dtype == narrow for value in node.outputs)
    assert str(parse(str(graph))) == str(graph)
