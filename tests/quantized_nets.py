"""A small residual network for MXNet's quantizer, its parameters, and images to calibrate with."""

from types import ModuleType
from typing import Any

import numpy as np

SHAPE = (3, 8, 8)
IMAGES = np.random.default_rng(5).random((8, *SHAPE), np.float32)


def residual_symbol(mx: ModuleType, head: str = "fc") -> Any:
    """Returns convolutions with and without batch norm, a residual sum, a concatenation, both kinds of pooling and a dense layer."""
    sym = mx.sym
    conv1 = sym.Convolution(sym.var("data"), num_filter=16, kernel=(3, 3), pad=(1, 1), no_bias=True, name="conv1")
    relu1 = sym.Activation(sym.BatchNorm(conv1, fix_gamma=False, name="bn1"), act_type="relu", name="relu1")
    pool1 = sym.Pooling(relu1, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    conv2 = sym.Convolution(pool1, num_filter=16, kernel=(3, 3), pad=(1, 1), name="conv2")
    total = sym.elemwise_add(sym.BatchNorm(conv2, fix_gamma=False, name="bn2"), pool1, name="add")
    relu2 = sym.Activation(total, act_type="relu", name="relu2")
    conv3 = sym.Convolution(relu2, num_filter=8, kernel=(1, 1), name="conv3")
    joined = sym.Concat(conv3, relu2, dim=1, name="cat")
    pool2 = sym.Pooling(joined, kernel=(2, 2), stride=(2, 2), pool_type="avg", name="pool2")
    conv4 = sym.Convolution(pool2, num_filter=8, kernel=(1, 1), name="conv4")
    dense = sym.FullyConnected(sym.Flatten(conv4, name="flat"), num_hidden=10, name="fc")
    return dense if head == "fc" else sym.SoftmaxOutput(dense, name="softmax")


def parameters(mx: ModuleType, symbol: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns arg_params and aux_params of a symbol that reads images."""
    rng = np.random.default_rng(3)
    shapes, _, aux_shapes = symbol.infer_shape(data=(1, *SHAPE))
    named = zip(symbol.list_arguments(), shapes, strict=True)
    args = {name: mx.nd.array(rng.normal(0, 0.3, shape)) for name, shape in named if name not in ("data", "softmax_label")}
    states = {name: mx.nd.array(rng.uniform(0.5, 1.5, shape)) for name, shape in zip(symbol.list_auxiliary_states(), aux_shapes, strict=True)}
    return args, states


def image_iterator(mx: ModuleType, batch_size: int = 2) -> Any:
    """Returns a DataIter over the images, without labels."""
    return mx.io.NDArrayIter(IMAGES, None, batch_size=batch_size)
