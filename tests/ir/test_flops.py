"""How much layers compute: against what numpy multiplies."""

import pytest

from ngc.ir import GraphBuilder, Node, SymDim, Value
from ngc.ir.flops import layer_flops


def layer(op: str, x: tuple[int | SymDim, ...], *weights: tuple[int, ...], **attrs: object) -> Node:
    builder = GraphBuilder("g")
    constants: list[Value] = [builder.input(f"w{index}", shape) for index, shape in enumerate(weights)]
    node = builder.op(op, builder.input("x", x), *constants, name="y", **attrs).producer
    assert node is not None
    return node


@pytest.mark.parametrize(("node", "multiplications"), [
    (layer("conv2d", (2, 3, 8, 8), (4, 3, 3, 3)), 2 * 4 * 6 * 6 * 27),
    (layer("conv2d", (2, 4, 8, 8), (4, 1, 3, 3), groups=4, stride=(2, 2)), 2 * 4 * 3 * 3 * 9),
    (layer("conv1d", (1, 3, 8), (4, 3, 3)), 4 * 6 * 9),
    (layer("conv3d", (1, 2, 4, 4, 4), (3, 2, 3, 3, 3)), 3 * 8 * 54),
    (layer("deconv2d", (2, 3, 4, 4), (3, 5, 2, 2), stride=(2, 2)), 2 * 16 * 3 * 5 * 4),
    (layer("dense", (7, 10), (5, 10)), 7 * 5 * 10),
    (layer("dense", (2, 3, 10), (5, 10)), 6 * 5 * 10),
    (layer("separable_conv2d", (1, 4, 8, 8), (4, 1, 3, 3), (6, 4, 1, 1), groups=4, pad=(1, 1)), 64 * (4 * 9 + 6 * 4)),
    (layer("matmul", (2, 1, 3, 4), (5, 4, 6)), 2 * 5 * 3 * 6 * 4),
    (layer("matmul", (4, 3), (4, 6), transpose_a=True), 3 * 6 * 4),
    (layer("attention", (2, 3, 4), (2, 5, 4), (2, 5, 6)), 2 * 3 * 5 * (4 + 6)),
    (layer("relu", (2, 3)), 0),
])
def test_a_multiply_add_is_two_operations(node: Node, multiplications: int) -> None:
    assert layer_flops(node) == 2 * multiplications


def test_a_batch_of_n() -> None:
    node = layer("conv2d", (SymDim(1), 3, 8, 8), (4, 3, 3, 3))
    assert (layer_flops(node), layer_flops(node, 5)) == (2 * 4 * 36 * 27, 5 * 2 * 4 * 36 * 27)
