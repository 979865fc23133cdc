"""The expected error of rounded weights against the error that rounding them brings."""

import numpy as np
import pytest

from ngc.ir import Node, parse
from ngc.ir.reference import evaluate_node
from ngc.passes.instruments.weight_noise import weight_noise


def layer(line: str, weights: str, *others: str) -> tuple[Node, list[np.ndarray]]:
    """Returns a layer and seeded operands; the data's mean is not zero, as behind a relu."""
    rng = np.random.default_rng(7)
    text = [f"graph @g(%x: f32[2,16,12,12], %w: f32[{weights}], %s: f32[16], %t: f32[16]) {{", f"  {line}", f"  return %{line[1]}", "}"]
    node = parse("\n".join(text)).nodes[0]
    arrays = [rng.standard_normal(value.type.shape).astype(np.float32) for value in node.inputs]
    arrays[0] = np.abs(arrays[0])
    return node, arrays


@pytest.mark.parametrize(("line", "weights"), [
    ("%c = conv2d(%x, %w) {pad=[1,1]} : f32[2,16,12,12]", "16,16,3,3"),
    ("%c = conv2d(%x, %w) {groups=16} : f32[2,16,10,10]", "16,1,3,3"),
    ("%c = conv2d(%x, %w, %s, %t) {epilogue=[affine(%s,%t), relu]} : f32[2,16,12,12]", "16,16,1,1"),
    ("%c = deconv2d(%x, %w) {stride=[2,2]} : f32[2,16,24,24]", "16,16,2,2"),
])
def test_the_error_is_of_the_expected_size(line: str, weights: str) -> None:
    node, arrays = layer(line, weights)
    w = arrays[1]
    scale = np.abs(w).max(axis=None if node.has_trait("deconv") else (1, 2, 3), keepdims=True) / 127
    rounded = [arrays[0], np.rint(w / scale) * scale, *arrays[2:]]
    error = float(np.sqrt(np.mean(np.square(evaluate_node(node, rounded)[0] - evaluate_node(node, arrays)[0]))))
    expected = weight_noise(node, arrays)
    assert expected is not None
    # 16 channels' sums are drawn once each; the step's affine counts with its largest factor, about twice its mean square, and a relu drops half
    assert error / 2 < expected < 5 * error


def test_what_is_no_plain_layer_has_none() -> None:
    node, arrays = layer("%c = conv2d(%x, %w) {epilogue=[exp]} : f32[2,16,12,12]", "16,16,1,1")
    assert weight_noise(node, arrays) is None
    node, arrays = layer("%c = relu(%x) : f32[2,16,12,12]", "16,16,1,1")
    assert weight_noise(node, arrays) is None
