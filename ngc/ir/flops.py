"""How much a layer computes, by its types and attributes alone, whatever kernel does it.

    convolution      N * out spatial * |w|       multiply-adds; a transposed one: N * in spatial * |w|
    dense            rows * |w|
    separable        N * out spatial * (|depthwise| + |pointwise|)
    matmul           |y| * columns of a
    attention        queries * keys * (columns of q + columns of v), of each head
    recurrent        steps * N * (|input weights| + |recurrent weights|)

A multiply-add is two operations. Steps, pooling and element-wise operators are not counted: they are bound by memory.
"""

from math import prod

from ngc.ir.graph import Node
from ngc.ir.tensor_type import bind_shape


def layer_flops(node: Node, batch: int = 1) -> int:
    """Returns the operations of a convolution, deconvolution, dense or recurrent layer, or of products of matrices, for a batch of N; 0 for other nodes."""
    if not node.inputs:
        return 0
    x, y = bind_shape(node.inputs[0].type.shape, batch), bind_shape(node.type.shape, batch)
    if node.op == "matmul":
        return 2 * prod(y) * x[-2 if node.attrs["transpose_a"] else -1]
    if node.op == "attention":
        return 2 * prod(x[:-1]) * bind_shape(node.inputs[1].type.shape, batch)[-2] * (x[-1] + y[-1])
    weights = [prod(bind_shape(value.type.shape, batch)) for value in node.inputs[1:3]]
    if node.op == "separable_conv2d":
        return 2 * y[0] * prod(y[2:]) * sum(weights)
    if node.has_trait("conv"):
        return 2 * y[0] * prod(y[2:]) * weights[0]
    if node.has_trait("deconv"):
        return 2 * x[0] * prod(x[2:]) * weights[0]
    if node.op == "recurrent":
        return 2 * x[0] * x[1] * sum(weights)
    return 2 * prod(x[:-1]) * weights[0] if node.has_trait("dense") else 0
