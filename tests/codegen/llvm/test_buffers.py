"""Which buffers may be shared: residuals taken over, tensors joined in place, outputs that are inputs, constants or parts of something else."""

import numpy as np
import pytest

import ngc
from ngc.errors import CodegenError
from ngc.ir import GraphBuilder, Shape, Step, SymDim, Value, evaluate
from ngc.ir.random_data import random_feeds

N = SymDim()


class Net:
    """A graph under construction with one input, `x`."""

    def __init__(self, shape: Shape, dtype: str = "f32") -> None:
        self.b, self.rng = GraphBuilder(), np.random.default_rng(3)
        self.x = self.b.input("data", shape, dtype)

    def weight(self, *shape: int) -> Value:
        """Returns random weights, scaled to keep the variance of what they multiply."""
        scale = max(1, np.prod(shape[1:])) ** -0.5
        return self.b.const("w", (self.rng.standard_normal(shape) * scale).astype(np.float32))

    def conv(self, x: Value, outputs: int, kernel: int = 1) -> Value:
        """Appends a convolution that keeps the size."""
        rank = x.type.rank - 2
        return self.b.op(f"conv{rank}d", x, self.weight(outputs, int(x.type.shape[1]), *[kernel] * rank), pad=(kernel // 2,) * rank)  # type: ignore[arg-type]

    def check(self, *outputs: Value, pipeline: str | None = None) -> None:
        """Compiles for two threads and three and compares with the reference, in an arena that is full of NaN."""
        graph = self.b.finish(outputs)
        if pipeline is not None:
            graph.stage = "fused"
        for batch, threads in ((1, 2), (3, 3)):
            feeds = random_feeds(graph, 1, batch)
            for got, want in zip(ngc.compile(graph, threads=threads, pipeline=pipeline).run_poisoned(feeds), evaluate(graph, feeds), strict=True):
                # some hundred products of unit variance, a few layers of them
                np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max(initial=1e-6))


# -- residuals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("swapped", [False, True])
def test_a_convolution_of_x_that_adds_x_does_not_write_over_x(swapped: bool) -> None:
    net = Net((N, 32, 5, 5))
    h = net.conv(net.x, 64)
    y = net.conv(h, 64)
    net.check(net.conv(net.b.op("add", *((y, h) if swapped else (h, y))), 32))


def test_a_dense_layer_of_x_that_adds_x_does_not_write_over_x() -> None:
    net = Net((N, 300))
    h = net.b.op("dense", net.x, net.weight(300, 300))
    y = net.b.op("dense", h, net.weight(300, 300))
    net.check(net.b.op("dense", net.b.op("add", y, h), net.weight(8, 300)))


@pytest.mark.parametrize("kinds", [("tee", "add"), ("add", "tee", "add"), ("add", "tee", "multiply"), ("add", "tee", "relu")])
def test_a_tee_does_not_write_over_what_later_steps_read(kinds: tuple[str, ...]) -> None:
    net = Net((N, 32, 5, 5))
    h = net.conv(net.x, 32)
    operands = [net.b.op("tanh", net.conv(net.x, 32)) for kind in kinds if kind in ("add", "multiply")]
    y = net.b.op("conv2d", h, net.weight(32, 32, 1, 1), *operands, epilogue=tuple(Step(kind) for kind in kinds))
    assert y.producer is not None
    net.check(net.conv(y, 8), net.conv(y.producer.outputs[1], 8), pipeline="assign-layout")


def test_the_same_tensor_twice() -> None:
    net = Net((N, 3, 8, 8))
    h = net.conv(net.x, 16)
    net.check(net.b.op("add", h, h), net.b.op("mul", h, h), net.conv(net.b.op("concat", h, h, axis=1), 8))


# -- tensors joined in place -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [False, True])
def test_an_input_of_one_pixel_is_copied_into_what_it_is_joined_to(first: bool) -> None:
    """Its blocked form has the bytes of its plain one, and lies where the caller put it all the same."""
    net = Net((N, 16, 1, 1))
    h = net.conv(net.x, 16)
    joined = net.b.op("concat", *((net.x, h) if first else (h, net.x)), axis=1)
    net.check(net.conv(joined, 8), joined)


def test_a_part_that_the_whole_holds_twice() -> None:
    net = Net((N, 16, 1, 1))
    h = net.conv(net.x, 16)
    inner = net.b.op("concat", net.x, h, axis=1)
    outer = net.b.op("concat", inner, h, axis=1)
    net.check(net.conv(inner, 8), net.conv(outer, 8))


def test_parts_of_an_output_lie_behind_one_another() -> None:
    """One pixel: the blocked whole has the bytes of the plain one and is computed where the caller wants it."""
    net = Net((N, 16, 1, 1))
    h, k = net.conv(net.x, 16), net.conv(net.x, 32)
    net.check(net.b.op("reshape", net.b.op("concat", h, k, net.x, axis=1), shape=(N, 64)), h)


def test_joined_along_the_batch() -> None:
    net = Net((N, 6, 8))
    twice = net.b.op("concat", net.x, net.b.op("relu", net.x), axis=0)
    net.check(net.conv(twice, 20, 3), net.b.op("concat", twice, net.x, axis=0))


# -- outputs -----------------------------------------------------------------------------------------------------------


def test_outputs_that_nothing_computes() -> None:
    only = Net((N, 3))
    only.check(only.x)
    net = Net((N, 3))
    constant = net.weight(4, 2)
    net.check(constant, net.x, net.x, constant)


def test_a_constant_is_no_buffer_to_take_over() -> None:
    net = Net((1, 1, 2))
    net.b.op("add", net.x, net.weight(1, 1, 2))  # read by nobody, and so in no output's place
    net.check(net.b.op("relu", net.x), pipeline="fuse-elementwise,assign-layout")


def test_outputs_that_are_views_of_one_another() -> None:
    net = Net((N, 4, 2))
    y = net.b.op("relu", net.x)
    net.check(y, net.b.op("reshape", y, shape=(N, 8)), y, net.b.op("reshape", net.x, shape=(N, 2, 4)))


def test_a_profile_names_the_copy_of_an_input() -> None:
    net = Net((2, 3))
    exe = ngc.compile(net.b.finish([net.x], ["same"]), threads=1)
    assert [(call.op, call.node) for call in exe.program.calls] == [("copy", "data.out0")]


# -- element types -----------------------------------------------------------------------------------------------------


def test_double_precision_normalization_and_slopes() -> None:
    net = Net((N, 6, 4), "f64")
    parameters = [net.b.const("p", net.rng.uniform(0.5, 1.5, 6)) for _ in range(5)]
    net.check(net.b.op("prelu", net.b.op("batch_norm", net.x, *parameters[:4], eps=1e-3, fix_gamma=False), parameters[4]))


def test_layers_name_what_they_take() -> None:
    double = Net((N, 3, 8, 8), "f64")
    weights = double.b.const("w", np.ones((3, 3, 3, 3)))
    graph = double.b.finish([double.b.op("conv2d", double.x, weights), double.b.op("deconv2d", double.x, weights)])
    with pytest.raises(CodegenError, match=r"(?s)conv2d: convolutions take f32, bf16 or u8 data, not f64: 1 node.*deconv2d: deconvolutions take f32"):
        ngc.compile(graph)
    net = Net((N, 3, 8, 8))
    weights = net.b.input("kernel", (4, 3, 3, 3))
    with pytest.raises(CodegenError, match="convolutions take constant weights, not %kernel"):
        ngc.compile(net.b.finish([net.b.op("conv2d", net.x, weights)]))
