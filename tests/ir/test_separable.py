"""The separable convolution's meaning and messages."""

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import Step
from ngc.ir.opdef import opdef
from ngc.ir.tensor_type import TensorType

X, DEPTHWISE, POINTWISE = TensorType((2, 4, 7, 6)), TensorType((4, 1, 3, 3)), TensorType((5, 4, 1, 1))


def test_is_both_convolutions_with_the_prologue_between() -> None:
    rng = np.random.default_rng(0)
    x, w, mix, bias = (rng.standard_normal(shape).astype(np.float32) for shape in (X.shape, DEPTHWISE.shape, POINTWISE.shape, (4,)))
    separable, conv = opdef("separable_conv2d"), opdef("conv2d")
    spatial = {"stride": (2, 1), "pad": (1, 0), "groups": 4}
    steps = {"prologue": (Step("bias"), Step("relu")), "epilogue": (Step("tee"), Step("relu"))}
    got = separable.evaluate_arrays([x, w, mix, bias], separable.check_attrs({**spatial, **steps}))
    [middle] = conv.evaluate_arrays([x, w, bias], conv.check_attrs({**spatial, "epilogue": steps["prologue"]}))
    want = conv.evaluate_arrays([middle, mix], conv.check_attrs({"epilogue": steps["epilogue"]}))
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    types = separable.infer_types([X, DEPTHWISE, POINTWISE, TensorType((4,))], separable.check_attrs({**spatial, **steps}))
    assert [type.shape for type in types] == [array.shape for array in got]


@pytest.mark.parametrize(("operands", "attrs", "message"), [
    ([X, TensorType((4, 2, 3, 3)), POINTWISE], {"groups": 4}, r"takes depthwise weights \(C, 1, KH, KW\) and groups=C, not \(4, 2, 3, 3\) and groups=4"),
    ([X, DEPTHWISE, POINTWISE], {"groups": 2}, r"takes depthwise weights \(C, 1, KH, KW\) and groups=C, not \(4, 1, 3, 3\) and groups=2"),
    ([X, DEPTHWISE, TensorType((5, 4, 3, 1))], {"groups": 4}, r"takes pointwise weights \(O, C, 1, 1\), not \(5, 4, 3, 1\)"),
    ([X, DEPTHWISE, TensorType((5, 3, 1, 1))], {"groups": 4}, r"data \(2, 4, 5, 4\) does not fit weights \(5, 3, 1, 1\)"),
    ([X, DEPTHWISE, POINTWISE, TensorType((5,))], {"groups": 4, "prologue": (Step("bias"),)},
     r"prologue of separable_conv2d: step bias takes an operand of shape \(4,\), not \(5,\)"),
])
def test_inference_says_what_it_cannot_take(operands: list[TensorType], attrs: dict[str, object], message: str) -> None:
    separable = opdef("separable_conv2d")
    with pytest.raises(VerifyError, match=message):
        separable.infer_types(operands, separable.check_attrs(attrs))
