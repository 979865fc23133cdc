"""Why nodes have no form in StableHLO: every refusal, with what it says."""

from typing import Any

import pytest

from ngc.engines.stablehlo_forms import STABLEHLO_FORMS, why_no_stablehlo
from ngc.ir import GraphBuilder, Layout, Node, Step, SymDim, Value


def node(op: str, *types: tuple[tuple[Any, ...], str], **attrs: Any) -> Node:
    """Returns a node whose operands are inputs."""
    builder = GraphBuilder("one")
    inputs = [builder.input(f"x{number}", shape, dtype) for number, (shape, dtype) in enumerate(types)]
    made = builder.op(op, *inputs, name="node", **attrs).producer
    assert made is not None
    return made


@pytest.mark.parametrize(("refused", "reason"), [
    (node("relu", ((SymDim(), 3), "f32")), "its batch is N; Neuron compiles fixed shapes"),
    (node("reshape", ((SymDim(), 4), "f32"), shape=(SymDim(2), 2)), "its batch is N; Neuron compiles fixed shapes"),
    (node("relu", ((2, 3), "f64")), "its data is f64; Neuron computes in 32 bits"),
    (node("add", ((2, 3), "i64"), scalar=1), "its data is i64; Neuron computes in 32 bits"),
    (node("cast", ((2, 3), "f32"), dtype="f64"), "its data is f64; Neuron computes in 32 bits"),
    (node("gamma", ((2, 3), "f32")), "StableHLO has no gamma function, and the exponential of its logarithm loses digits"),
    (node("exp", ((2, 3), "i32")), "exp of i32 has no form in StableHLO that gives the same numbers"),
    (node("abs", ((2, 3), "bool")), "abs of bool has no form in StableHLO that gives the same numbers"),
    (node("add", ((2, 3), "bool"), ((2, 3), "bool")), "add of bool has no form in StableHLO that gives the same numbers"),
    (node("power", ((2, 3), "i32"), scalar=2), "power of i32 has no form in StableHLO that gives the same numbers"),
    (node("hypot", ((2, 3), "u8"), ((2, 3), "u8")), "hypot of u8 has no form in StableHLO that gives the same numbers"),
    (node("softmax", ((2, 3), "i32")), "softmax of i32 has no form in StableHLO that gives the same numbers"),
    (node("lrn", ((2, 3, 4), "i8"), size=3), "lrn of i8 has no form in StableHLO that gives the same numbers"),
    (node("batch_norm", ((2, 3), "i32"), *[((3,), "f32")] * 4), "batch_norm of i32 has no form in StableHLO that gives the same numbers"),
    (node("prelu", ((2, 3), "i32"), ((3,), "i32")), "prelu of i32 has no form in StableHLO that gives the same numbers"),
    (node("reduce_mean", ((2, 3), "i32"), axes=(0,)), "reduce_mean of i32 has no form in StableHLO that gives the same numbers"),
    (node("reduce_l2", ((2, 3), "u8"), axes=(0,)), "reduce_l2 of u8 has no form in StableHLO that gives the same numbers"),
    (node("reduce_max", ((2, 3), "bool"), axes=(0,)), "reduce_max of bool has no form in StableHLO that gives the same numbers"),
    (node("conv1d", ((2, 3, 5), "i32"), ((4, 3, 2), "i32")), "conv1d of i32 has no form in StableHLO that gives the same numbers"),
    (node("deconv1d", ((2, 3, 5), "i32"), ((3, 4, 2), "i32")), "deconv1d of i32 has no form in StableHLO that gives the same numbers"),
    (node("dense", ((2, 3), "i32"), ((4, 3), "i32")), "dense of i32 has no form in StableHLO that gives the same numbers"),
    (node("pool", ((2, 3, 5), "i32"), kind="avg", kernel=(2,), stride=(1,), pad=(0,)),
     "avg pooling of i32 has no form in StableHLO that gives the same numbers"),
    (node("pool", ((2, 3, 5), "i8"), kind="max", kernel=(2,), stride=(1,), pad=(0,), epilogue=(Step("relu"),)),
     "max pooling of i8 has no form in StableHLO that gives the same numbers"),
    (node("gather", ((4, 3), "f32"), ((2,), "i64")), "its data is i64; Neuron computes in 32 bits"),
    (node("scatter_nd", ((4, 3), "f32"), ((1, 2), "i32"), ((2, 3), "f32")), "StableHLO leaves open which of two updates of one element counts"),
    (node("cumsum", ((4, 3), "f16")), "cumsum of f16 has no form in StableHLO that gives the same numbers"),
    (node("eltwise", ((2, 3), "i32"), epilogue=(Step("relu"),)), "eltwise of i32 has no form in StableHLO that gives the same numbers"),
], ids=lambda item: f"{item.op}-{item.inputs[0].type}" if isinstance(item, Node) else "")
def test_a_refusal_says_why(refused: Node, reason: str) -> None:
    assert why_no_stablehlo(refused) == reason


def test_blocked_layouts_are_of_ngcs_own_kernels() -> None:
    made = node("relu", ((2, 16, 3, 3), "f32"))
    blocked = Node("reorder", made.outputs, {}, ())
    blocked.outputs = (Value("blocked", made.type.with_layout(Layout(16)), blocked),)
    assert why_no_stablehlo(blocked) == "its data lies in the layout <c16> of ngc's own kernels"
    plain = Node("reorder", made.outputs, {}, ())
    plain.outputs = (Value("plain", made.type, plain),)
    assert why_no_stablehlo(plain) == "it changes how data lies in the memory of ngc's own kernels"


def test_an_engines_region_is_not_taken_twice() -> None:
    assert STABLEHLO_FORMS["engine.call"].reason == "it is an engine's region already"
