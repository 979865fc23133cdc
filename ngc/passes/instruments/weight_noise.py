"""What rounding the weights of a layer to int8 does to its result, as a root mean square.

    y = sum(w*x)      error = sum(e*x), e = round(w/s)*s - w       s = max|w|/127 of an output channel, so that e is spread evenly over a step:
    mean(error^2)  =  sum(mean(e^2) * x^2)  =  sum(s^2/12 * x^2)

This is the layer itself, of squared data and with s^2/12 for weights. The errors of a channel's weights are drawn once and not for each number, so that a
result may have a few times as much.
"""

import numpy as np

from ngc.ir import Node
from ngc.passes.layers import is_layer
from ngc.passes.step_forms import split_operands, step_operands

_NOT_LARGER = frozenset({"bias", "relu", "leaky_relu", "prelu", "clip", "add", "sigmoid", "tanh", "tee"})
"""Steps that make no error larger; slopes of activations lie between 0 and 1 as networks have them."""


def weight_noise(layer: Node, arrays: list[np.ndarray]) -> float | None:
    """Returns the expected root mean square of the result's error; None for nodes that are no plain layer or whose steps are not known to keep it.

    Args:
        layer: a node in floats, as it was before weights were rounded.
        arrays: its operands.
    """
    if not is_layer(layer) or layer.definition.first is not None or layer.attrs.get("prologue"):
        return None
    gain = 1.0
    for step, values in step_operands(layer.attrs["epilogue"], split_operands(layer)[2]):
        if step.kind in ("affine", "scale"):
            factors = np.abs(arrays[layer.inputs.index(values[0])] if values else np.array(step.params[0]))
            gain *= float(factors.max(initial=0.0))
        elif step.kind not in _NOT_LARGER:
            return None
    x, weights = arrays[0].astype(np.float64), np.abs(arrays[1].astype(np.float64))
    axes = None if layer.has_trait("deconv") else tuple(range(1, weights.ndim))  # an upper bound for deconvolutions, whose outputs are the second axis
    steps = np.broadcast_to(weights.max(axis=axes, keepdims=True, initial=0.0) / 127, weights.shape)
    (variance, *_) = layer.definition.evaluate([np.square(x), np.square(steps) / 12], {**layer.attrs, "epilogue": ()})
    return gain * float(np.sqrt(np.mean(variance))) if variance.size else 0.0
