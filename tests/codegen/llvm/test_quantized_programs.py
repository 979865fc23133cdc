"""Graphs of u8 data, lowered and run: the reference's results to the bit, on every instruction set and for any number of threads."""

import numpy as np
import pytest

from ngc.codegen.llvm.build import build_program
from ngc.codegen.llvm.layer_weights import PackedWeight
from ngc.ir import Graph, GraphBuilder, Step, Value, evaluate
from ngc.passes import PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import parse_target
from tests.codegen.llvm.kernels.bytewise import NAMES

ZERO = 93


class _Net:
    """Random constants and a start in u8."""

    def __init__(self) -> None:
        self.b, self._rng = GraphBuilder(), np.random.default_rng(1)

    def weights(self, name: str, *shape: int) -> Value:
        """Returns a constant of i8 over its whole range."""
        return self.b.const(name, self._rng.integers(-128, 128, shape).astype(np.int8))

    def vector(self, name: str, size: int, scale: float) -> Value:
        """Returns a constant of a float for each channel."""
        return self.b.const(name, (self._rng.uniform(-1, 1, size) * scale).astype(np.float32))

    def start(self, *shape: int) -> Value:
        """Returns the input as u8: the result of a convolution of small whole numbers, whose sums are exact in f32 too."""
        w = self.b.const("first", self._rng.integers(-9, 10, (shape[1], shape[1], 1, 1)).astype(np.float32))
        return self.b.op("conv2d", self.b.input("data", shape), w, epilogue=(Step("scale", (0.37, ZERO)),), result="u8", scales=(0.5,), zero_points=(ZERO,))


def convolutions() -> Graph:
    """Returns convolutions with padding, strides, unaligned groups, a residual and a tee."""
    net = _Net()
    b = net.b
    y = b.op("conv2d", net.start(2, 20, 9, 9), net.weights("w1", 24, 20, 3, 3), net.vector("s1", 24, 1e-3), net.vector("t1", 24, 200), x_zero=ZERO,
             epilogue=(Step("affine"), Step("relu")), result="u8", scales=(0.1,), zero_points=(0,))
    z = b.op("conv2d", y, net.weights("w2", 24, 6, 3, 3), net.vector("s2", 24, 9), y, pad=(1, 1), groups=4, result="u8", scales=(0.1, 0.2),
             zero_points=(7, 5), epilogue=(Step("scale", (1e-3, 100.0)), Step("bias"), Step("add_scaled", (0.5,)), Step("tee"), Step("clip", (9.0, 200.0))))
    assert z.producer is not None
    first, tee = z.producer.outputs
    last = b.op("conv2d", first, net.weights("w3", 40, 24, 1, 1), stride=(2, 2), x_zero=7, result="f32")
    return b.finish([last, b.op("conv2d", tee, net.weights("w4", 8, 24, 7, 7), x_zero=5, result="f32", epilogue=(Step("scale", (1e-4, 0.5)),))])


def dense() -> Graph:
    """Returns dense layers of u8 data that give u8 and f32, with residuals of the other type too."""
    net = _Net()
    b = net.b
    x = b.op("reshape", net.start(5, 24, 1, 1), shape=(5, 24))
    y = b.op("dense", x, net.weights("w1", 24, 24), net.vector("s1", 24, 1e-3), net.vector("t1", 24, 200), x, x_zero=ZERO,
             epilogue=(Step("affine"), Step("add_scaled", (0.3,))), result="u8", scales=(0.1,), zero_points=(0,))
    constant = b.const("c", np.random.default_rng(3).standard_normal((5, 24)).astype(np.float32))
    z = b.op("dense", y, net.weights("w2", 24, 24), y, constant, result="f32", epilogue=(Step("scale", (1e-4, 0.1)), Step("add_scaled", (0.7,)),
                                                                                       Step("add_scaled", (1.3,))))
    last = b.op("dense", y, net.weights("w3", 24, 24), z, constant, result="u8", scales=(0.1,), zero_points=(3,),
                epilogue=(Step("scale", (1e-3, 90.0)), Step("add_scaled", (0.7,)), Step("add_scaled", (1.3,))))
    return b.finish([z, last])


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("make", [convolutions, dense])
def test_programs_of_integers_equal_the_reference(target, make):
    graph = make()
    data = {"data": np.random.default_rng(2).integers(-9, 10, graph.inputs[0].type.shape).astype(np.float32)}
    wanted, described = evaluate(graph, data), parse_target(target)
    PassManager("assign-layout").run(graph, PassContext(target=described))
    program = build_program(graph, described)
    for threads in (1, 2, 3):
        for got, want in zip(Executable(program, graph, threads).run_poisoned(data), wanted, strict=True):
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)


def test_a_graph_keeps_packed_weights_of_i8_alone():
    net = _Net()
    x = net.start(1, 64, 5, 5)
    graph = net.b.finish([net.b.op("conv2d", x, net.weights("w", 256, 64, 3, 3), result="f32", x_zero=ZERO)])
    target = parse_target("cpu:x86-64")
    PassManager("assign-layout").run(graph, PassContext(target=target))
    [constant] = [node for node in graph.nodes if node.op == "const" and node.output.type.dtype == "i8"]
    before = constant.output.array.copy()
    build_program(graph, target)
    assert isinstance(constant.weight, PackedWeight)
    assert constant.weight.array.dtype == np.int8
    np.testing.assert_array_equal(constant.weight.array, before)
