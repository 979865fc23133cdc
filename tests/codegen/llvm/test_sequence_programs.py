"""Programs of what sequence models are made of, in every element type, against the reference evaluator."""

import numpy as np
import pytest

from ngc.codegen.llvm.build import build_program
from ngc.errors import CodegenError
from ngc.ir import Graph, GraphBuilder, Step, SymDim, Value, evaluate
from ngc.ir.random_data import random_feeds
from ngc.passes import PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import parse_target

UNITS = {"f32": 2.0**-24, "f64": 2.0**-53, "f16": 2.0**-11, "bf16": 2.0**-8}
"""Half a unit in the last place."""


def check(graph: Graph, tolerance: float, target: str = "cpu") -> list[str]:
    """Compares with the reference evaluator at a tolerance against the largest number; returns the kernels' operators."""
    feeds = random_feeds(graph, 1, 2)
    wanted = evaluate(graph, feeds)
    described = parse_target(target)
    PassManager("@cpu-fp32").run(graph, PassContext(target=described))
    program = build_program(graph, described)
    for got, want in zip(Executable(program, graph, 2).run_poisoned(feeds), wanted, strict=True):
        np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=0, atol=tolerance * np.abs(want.astype(np.float64)).max())
    return [call.op for call in program.calls]


def data(b: GraphBuilder, name: str, shape: tuple[int | SymDim, ...], dtype: str) -> Value:
    """Returns an input of a type, of bf16 by a cast, since numpy has none."""
    value = b.input(name, shape, "f32" if dtype == "bf16" else dtype)
    return b.op("cast", value, dtype=dtype) if dtype == "bf16" else value


def finished(b: GraphBuilder, result: Value) -> Graph:
    return b.finish([b.op("cast", result, dtype="f32") if result.type.dtype == "bf16" else result])


@pytest.mark.parametrize("dtype", UNITS)
def test_products(dtype):
    b = GraphBuilder()
    a, c = data(b, "a", (SymDim(), 3, 5, 9), dtype), data(b, "c", (3, 7, 9), dtype)
    assert "matmul" in check(finished(b, b.op("matmul", a, c, transpose_b=True)), 12 * UNITS[dtype])


@pytest.mark.parametrize("dtype", UNITS)
@pytest.mark.parametrize("axis", [1, 2])
def test_layer_norm_and_softmax(dtype, axis):
    b = GraphBuilder()
    x, gamma, beta = data(b, "x", (SymDim(), 6, 9), dtype), *(data(b, name, ((6, 9)[axis - 1],), dtype) for name in ("gamma", "beta"))
    lengths = b.input("lengths", (SymDim(), 9 if axis == 1 else 6), "i32")
    norm = b.op("layer_norm", x, gamma, beta, axis=axis)
    assert {"layer_norm", "softmax"} <= set(check(finished(b, b.op("softmax", norm, lengths, axis=axis)), 64 * UNITS[dtype]))


@pytest.mark.parametrize("columns", [1, 5, 40])
@pytest.mark.parametrize("step", ["add", "multiply", "add_scaled", "tee"])
def test_products_of_single_rows_with_a_tensor(step, columns):
    b = GraphBuilder()
    a, c, other = (b.input(name, (SymDim(3), *shape), "f32") for name, shape in (("a", (1, 4)), ("c", (4, columns)), ("other", (1, columns))))
    product = b.op("matmul", a, c)
    match step:
        case "add_scaled":
            result = [b.op("add", product, b.op("mul", other, scalar=0.5))]
        case "tee":  # the sum is read twice: as it is and through the next function
            total = b.op("add", product, other)
            result = [total, b.op("relu", total)]
        case _:
            result = [b.op({"add": "add", "multiply": "mul"}[step], product, other)]
    check(b.finish(result), 8 * UNITS["f32"])


def test_products_whose_size_depends_on_the_batch():
    b = GraphBuilder()
    a, c = b.input("a", (2, SymDim(), 3), "f32"), b.input("c", (2, SymDim(), 5), "f32")
    scores = b.op("matmul", a, c, transpose_a=True)  # sums over the batch
    others = b.op("relu", b.op("matmul", b.op("transpose", a, axes=(0, 2, 1)), c))
    assert check(b.finish([scores, others]), 1e-6) == ["matmul", "transpose", "matmul", "eltwise"]


def test_products_of_nothing():
    b = GraphBuilder()
    graph = b.finish([b.op("matmul", b.input("a", (0, 3, 4), "f32"), b.input("c", (0, 4, 5), "f32"))])
    assert check_empty(graph).shape == (0, 3, 5)


def check_empty(graph: Graph) -> np.ndarray:
    target = parse_target("cpu")
    PassManager("@cpu-fp32").run(graph, PassContext(target=target))
    [result] = Executable(build_program(graph, target), graph, 1).run_poisoned({name: np.zeros(value.type.shape, np.float32)
                                                                               for value, name in zip(graph.inputs, graph.input_names, strict=True)})
    return result


def test_steps_of_products():
    b = GraphBuilder()
    a, c, other = (b.input(name, shape, "f32") for name, shape in (("a", (SymDim(), 5, 9)), ("c", (SymDim(), 9, 20)), ("other", (SymDim(), 5, 20))))
    bias = b.const("bias", np.linspace(-1, 1, 20, dtype=np.float32))
    product = b.op("add", b.op("gelu", b.op("add", b.op("matmul", a, c), bias)), other)
    assert check(b.finish([product]), 1e-6) == ["matmul"]


@pytest.mark.parametrize(("op", "shapes", "attrs", "reason"), [
    ("layer_norm", [(3, SymDim()), (SymDim(),), (SymDim(),)], {}, "layer_norm takes an axis of some elements that does not depend on the batch"),
    ("softmax", [(3, SymDim())], {}, "softmax takes floats along an axis that does not depend on the batch"),
    ("attention", [(2, SymDim(), 3)] * 3, {}, "attention takes f32 data, some at least, in matrices that do not depend on the batch"),
])
def test_what_has_no_kernel(op, shapes, attrs, reason):
    b = GraphBuilder()
    graph = b.finish([b.op(op, *(b.input(f"x{number}", shape, "f32") for number, shape in enumerate(shapes)), **attrs)])
    target = parse_target("cpu")
    PassManager("@cpu-fp32").run(graph, PassContext(target=target))
    with pytest.raises(CodegenError, match=reason):
        build_program(graph, target)


def test_attention_of_other_types_has_no_kernel():
    b = GraphBuilder()
    graph = b.finish([b.op("attention", *(b.input(name, (2, 3, 4), "f64") for name in "qkv"))])
    graph.stage = "lowered"
    with pytest.raises(CodegenError, match="attention takes f32 data, some at least, in matrices that do not depend on the batch, not f64"):
        build_program(graph, parse_target("cpu"))


@pytest.mark.parametrize("target", ["cpu", "cpu:x86-64"])
def test_expensive_steps_of_dense_layers_run_row_by_row(target):
    b = GraphBuilder()
    x, w = b.input("x", (SymDim(), 13, 24), "f32"), b.const("w", np.random.default_rng(0).normal(size=(70, 24)).astype(np.float32))
    bias = b.const("bias", np.linspace(-1, 1, 70, dtype=np.float32))
    assert check(b.finish([b.op("dense", x, w, bias, epilogue=(Step("bias"), Step("gelu")))]), 1e-6, target) == ["dense"]
