"""The table of forms in ONNX is complete, and says what is emitted."""

import numpy as np
import pytest

from ngc.codegen.onnx.emit import handlers
from ngc.engines.onnx_forms import ONNX_FORMS, ONNX_STEPS, why_no_onnx
from ngc.ir import STEPS, Graph, GraphBuilder, Node, Step, Value, evaluate, opdefs
from tests.onnx_models import ALL, checked, finish, source
from tests.operator_samples import FAMILIES
from tests.strategies import feeds_for

AROUND = frozenset({"Cast", "Identity", "Reshape"})
"""What stands around operators of any row."""


def test_every_operator_and_every_step_has_a_row():
    assert set(ONNX_FORMS) >= set(opdefs())
    assert set(ONNX_FORMS) <= {*opdefs(), "engine.call"}
    assert set(ONNX_STEPS) == set(STEPS)


def test_every_row_has_a_handler_or_a_reason():
    table = handlers()
    for name, form in ONNX_FORMS.items():
        assert bool(form.ops) != bool(form.reason), name
        assert (name in table) == bool(form.ops) or name == "const", name
    assert all(form.ops for form in ONNX_STEPS.values())


def image(b: GraphBuilder, dtype: str = "f32") -> Value:
    """Returns an image of two channels."""
    return source(b, "x", (1, 2, 4, 4), dtype)


def vector(b: GraphBuilder, name: str = "v") -> Value:
    """Returns a constant for two channels."""
    return b.const(name, np.ones(2, np.float32))


SAMPLES = {
    **{f"conv{rank}d": lambda b, rank=rank: b.op(f"conv{rank}d", source(b, "x", (1, 2, *(4,) * rank), "f32"), b.const("w", np.ones((2, 2, *(1,) * rank), "f")))
       for rank in (1, 2, 3)},
    **{f"deconv{rank}d": lambda b, rank=rank: b.op(f"deconv{rank}d", source(b, "x", (1, 2, *(4,) * rank), "f32"),
                                                   b.const("w", np.ones((2, 2, *(1,) * rank), "f")), adj=(3,) * rank) for rank in (1, 2, 3)},
    "separable_conv2d": lambda b: b.op("separable_conv2d", image(b), b.const("d", np.ones((2, 1, 1, 1), "f")), b.const("p", np.ones((3, 2, 1, 1), "f")),
                                       groups=2),
    "dense": lambda b: b.op("dense", image(b), b.const("w", np.ones((3, 4), "f"))),
    "eltwise": lambda b: b.op("eltwise", image(b)),
    "batch_norm": lambda b: b.op("batch_norm", image(b), *(vector(b, name) for name in "abcd")),
    "group_norm": lambda b: b.op("group_norm", image(b), vector(b, "g"), vector(b, "h"), groups=1),
    "lrn": lambda b: b.op("lrn", image(b), size=3),
    "pool": lambda b: b.op("pool", image(b), kind="avg", kernel=(2, 2), stride=(1, 1), pad=(0, 0)),
    "prelu": lambda b: b.op("prelu", image(b), vector(b)),
    "where": lambda b: (lambda x: b.op("where", x, x, x))(image(b)),
    "cast": lambda b: b.op("cast", image(b), dtype="i32"),
    "reshape": lambda b: b.op("reshape", image(b), shape=(2, 16)),
    "transpose": lambda b: b.op("transpose", image(b), axes=(0, 2, 3, 1)),
    "concat": lambda b: (lambda x: b.op("concat", x, x))(image(b)),
    "slice": lambda b: b.op("slice", image(b), begin=(None,) * 4, end=(None, None, 2, None), step=(None,) * 4),
    "pad": lambda b: b.op("pad", image(b), widths=(0, 0, 0, 0, 1, 1, 1, 1)),
    "upsample": lambda b: b.op("upsample", image(b), scale=(2, 2)),
    "broadcast_to": lambda b: b.op("broadcast_to", image(b), shape=(3, 2, 4, 4)),
    "quantize": lambda b: b.op("quantize", image(b), scales=(0.5,)),
    "dequantize": lambda b: b.op("dequantize", image(b, "i8"), scales=(0.5,)),
    **{name: sample for family in FAMILIES for name, sample in family.ONNX.items()},
}
"""A node of each operator that takes more than a tensor, or two of the same shape."""


def sample(op: str) -> Graph:
    """Returns a graph of one operator with the types that it usually has."""
    b = GraphBuilder()
    if op in SAMPLES:
        return finish(b, SAMPLES[op](b))
    attrs = opdefs()[op].attrs
    needed = {"scalar": 2.0} if "scalar" in attrs else {"axes": (1,)} if "axes" in attrs else {"a_min": 0.0} if "a_min" in attrs else {}
    return finish(b, b.op(op, image(b), **needed))


EMITTED = [op for op in opdefs() if ONNX_FORMS[op].ops and op != "const"]


@pytest.mark.parametrize("op", EMITTED)
def test_the_operators_of_a_row_are_those_that_are_emitted(op):
    pytest.importorskip("onnx")
    emitted = {node.op_type for node in checked(sample(op)).graph.node}
    assert emitted <= {*ONNX_FORMS[op].ops, *AROUND}
    assert emitted & {*ONNX_FORMS[op].ops} or op in ("eltwise", "dropout", "identity")


@pytest.mark.parametrize("op", EMITTED)
def test_openvino_takes_every_operator(op):
    pytest.importorskip("onnx")
    openvino = pytest.importorskip("openvino")
    graph, core = sample(op), openvino.Core()
    feeds = {name: np.abs(array) + np.asarray(array.dtype.kind == "f", array.dtype) for name, array in feeds_for(graph).items()}  # where all is defined
    found = core.compile_model(core.read_model(model=checked(graph).SerializeToString(), weights=b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)[0]
    [expected] = evaluate(graph, feeds)
    # One operator on up to 32 numbers of order one.
    np.testing.assert_allclose(np.asarray(found, np.float64), np.asarray(expected, np.float64), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", STEPS)
def test_the_operators_of_a_step_are_those_that_are_emitted(kind):
    pytest.importorskip("onnx")
    b = GraphBuilder()
    x = image(b)
    operands = [vector(b, f"v{k}") if name == "vector" else x for k, name in enumerate(STEPS[kind].operands)]
    y = b.op("eltwise", x, *operands, epilogue=(Step(kind, (0.5,) * len(STEPS[kind].params)),))
    emitted = {node.op_type for node in checked(b.finish(y.producer.outputs)).graph.node}
    assert emitted <= {*ONNX_STEPS[kind].ops, "DequantizeLinear", *AROUND}
    assert emitted & {*ONNX_STEPS[kind].ops}


def node(op: str, dtype: str, shape: tuple[int, ...] = (1, 2, 4, 4), **attrs: object) -> Node:
    """Returns a node of one operand."""
    b = GraphBuilder()
    producer = b.op(op, b.input("x", shape, dtype), **attrs).producer
    assert producer is not None
    return producer


POOL = {"kernel": (2, 2), "stride": (1, 1), "pad": (0, 0)}


@pytest.mark.parametrize(("refused", "reason"), [
    (node("erfinv", "f32"), "ONNX has no inverse error function"),
    (node("gamma", "f32"), "ONNX has no gamma function"),
    (node("gammaln", "f32"), "ONNX has no logarithm of the gamma function"),
    (node("exp", "i32"), "exp of i32 has no form in ONNX, which takes floats"),
    (node("tan", "f64"), "ONNX Runtime has no tan of f64"),
    (node("negative", "bool"), "negative of bool means nothing"),
    (node("sub", "bool", scalar=1.0), "sub of bool means nothing"),
    (node("softmax", "i32"), "softmax of i32 has no form in ONNX, which takes floats"),
    (node("lrn", "f32", size=3, alpha=-1.0), "LRN of ONNX Runtime takes alpha and beta above 0, not -1 and 0.75"),
    (node("lrn", "f64", size=3), "ONNX Runtime has no lrn of f64"),
    (node("pool", "i64", kind="max", **POOL), "max pooling of i64 has no form in ONNX, and f64 does not hold its integers"),
    (node("pool", "i32", kind="max", epilogue=(Step("tanh"),), **POOL), "pool of i32 has no form in ONNX, which takes floats"),
    (node("pool", "f64", kind="avg", **POOL), "ONNX Runtime has no pool of f64"),
    (node("pool", "i32", kind="avg", **POOL), "pool of i32 has no form in ONNX, which takes floats"),
    (node("pool", "f32", (1, 1, 2, 2, 2, 2), kind="max", kernel=(1,) * 4, stride=(1,) * 4, pad=(0,) * 4), "ONNX Runtime has no pooling over 4 dimensions"),
    (node("eltwise", "i32", epilogue=(Step("relu"),)), "eltwise of i32 has no form in ONNX, which takes floats"),
    (node("eltwise", "f64", epilogue=(Step("relu"), Step("elu", (1.0,)))), "ONNX Runtime has no elu of f64"),
    (node("reorder", "f32"), "memory layouts are those of ngc's CPU kernels, and only lowered graphs have them"),
], ids=lambda item: item.op if isinstance(item, Node) else "")
def test_refusals_say_why(refused, reason):
    assert why_no_onnx(refused) == reason


@pytest.mark.parametrize("dtype", [dtype for dtype in ALL if dtype not in ("f32", "f16", "bf16", "u8", "i8")])
def test_convolutions_of_other_types_are_refused(dtype):
    b = GraphBuilder()
    w = b.op("cast", b.const("w", np.ones((2, 2, 1, 1), np.float32)), dtype=dtype)
    conv = b.op("conv2d", b.input("x", (1, 2, 4, 4), dtype), w)
    assert "conv2d" in (why_no_onnx(conv.producer) or "")
