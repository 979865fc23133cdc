"""The meaning of u8 data, i8 weights and u8 results, by hand-made numbers."""

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, Step, Value, evaluate, parse
from ngc.ir.reference import saturate_to_u8
from ngc.ir.tensor_type import Quant

U8 = {"result": "u8", "scales": (0.5,), "zero_points": (0,)}


def quantized(b: GraphBuilder, *shape: int, scale: float = 0.5, zero: int = 0) -> Value:
    """Returns an input as u8."""
    return b.op("eltwise", b.input("data", shape), epilogue=(Step("scale", (1 / scale, zero)),), result="u8", scales=(scale,), zero_points=(zero,))


def weights(b: GraphBuilder, *shape: int) -> Value:
    """Returns a constant of i8."""
    return b.const("w", np.arange(np.prod(shape)).reshape(shape).astype(np.int8) - 3)


def test_a_result_is_rounded_to_nearest_even_and_saturates() -> None:
    values = np.array([-3, -0.5, 0.5, 1.5, 2.5, 254.5, 255.5, 1e30, np.inf, -np.inf, np.nan], np.float32)
    assert saturate_to_u8(values).tolist() == [0, 0, 0, 2, 2, 254, 255, 255, 255, 0, 0]


def test_padding_reads_the_zero_point() -> None:
    b = GraphBuilder()
    x = quantized(b, 1, 1, 2, 2, zero=10)
    y = b.op("conv2d", x, b.const("w", np.ones((1, 1, 3, 3), np.int8)), pad=(1, 1), x_zero=10, result="f32")
    data = np.array([[[[1, 2], [-1, 3]]]], np.float32)
    (result,) = evaluate(b.finish([y]), {"data": data})
    assert result.dtype == np.float32
    assert result.ravel().tolist() == [10.0] * 4  # each window holds all four, in units of the scale


def test_sums_are_exact_and_steps_round_one_by_one() -> None:
    b = GraphBuilder()
    x = quantized(b, 1, 4)
    scale, shift = (b.const(name, np.full(3, value, np.float32)) for name, value in (("s", 1 / 3), ("t", 0.1)))
    y = b.op("dense", x, weights(b, 3, 4), scale, shift, epilogue=(Step("affine"),), **U8)
    data = np.array([[1, 2, 3, 4]], np.float32)
    sums = (data * 2) @ (np.arange(12).reshape(3, 4) - 3).T
    expected = saturate_to_u8((sums.astype(np.float32) * np.float32(1 / 3)) + np.float32(0.1))
    np.testing.assert_array_equal(evaluate(b.finish([y]), {"data": data})[0], expected)


def test_a_tee_has_a_scale_of_its_own() -> None:
    b = GraphBuilder()
    y = b.op("conv2d", quantized(b, 1, 1, 1, 1), b.const("w", np.ones((1, 1, 1, 1), np.int8)), result="u8", scales=(0.25, 0.5), zero_points=(3, 0),
             epilogue=(Step("tee"), Step("scale", (2.0, 3.0))))
    first, second = y.producer.outputs
    assert (first.type.quant, second.type.quant) == (Quant((0.25,), 3), Quant((0.5,), 0))
    assert [result.item() for result in evaluate(b.finish([first, second]), {"data": np.full((1, 1, 1, 1), 4, np.float32)})] == [19, 8]


def test_a_result_may_have_a_scale_for_each_channel() -> None:
    b = GraphBuilder()
    y = b.op("eltwise", b.input("data", (1, 3, 2, 2)), result="u8", scales=(0.1, 0.2, 0.3), zero_points=(0,))
    assert y.type.quant == Quant((0.1, 0.2, 0.3), 0, axis=1)


def test_residuals_are_read_as_integers_and_as_floats() -> None:
    b = GraphBuilder()
    x = quantized(b, 1, 2, scale=1.0)
    wide = b.input("wide", (1, 2))
    y = b.op("eltwise", x, x, wide, epilogue=(Step("add_scaled", (3.0,)), Step("add_scaled", (0.5,))), **U8)
    (result,) = evaluate(b.finish([y]), {"data": np.array([[1, 2]], np.float32), "wide": np.array([[2, 8]], np.float32)})
    assert result.tolist() == [[5, 12]]


def test_pools_of_integers() -> None:
    b = GraphBuilder()
    x = quantized(b, 1, 1, 2, 2)
    window = {"kernel": (2, 2), "stride": (1, 1), "pad": (0, 0)}
    top = b.op("pool", x, kind="max", **window)
    mean = b.op("pool", x, kind="avg", epilogue=(Step("scale", (2.0, 1.0)),), result="u8", scales=(0.25,), zero_points=(1,), **window)
    assert (top.type.dtype, top.type.quant) == ("u8", x.type.quant)
    assert mean.type.quant == Quant((0.25,), 1)
    results = evaluate(b.finish([top, mean]), {"data": np.array([[[[1, 2], [3, 4]]]], np.float32)})
    assert [result.item() for result in results] == [8, 11]


def test_moves_keep_what_integers_stand_for() -> None:
    b = GraphBuilder()
    x = quantized(b, 1, 2, 2, 2)
    y = b.op("reshape", b.op("concat", x, x, axis=1), shape=(1, 16))
    assert y.type.quant == x.type.quant


def test_the_text_form_parses_back() -> None:
    b = GraphBuilder()
    x = quantized(b, 1, 2, 2, 2, zero=7)
    y = b.op("conv2d", x, weights(b, 2, 2, 1, 1), x, x_zero=7, epilogue=(Step("add_scaled", (0.5,)), Step("tee"), Step("scale", (2.0, 0.0))),
             result="u8", scales=(0.5, 0.25), zero_points=(0, 128))
    graph = b.finish([y])
    assert str(parse(str(graph))) == str(graph)


@pytest.mark.parametrize(("attrs", "text"), [
    ({}, "data of u8 needs the attribute result: f32 or u8"),
    ({"result": "bf16"}, "data of u8 gives no result of bf16"),
    ({"result": "u8"}, "conv2d has 1 result of u8 and needs as many scales and zero_points, not 0 and 0"),
    ({"result": "u8", "scales": (0.1, 0.2), "zero_points": (0,)}, "not 2 and 1; one result may have a scale for each channel"),
    ({"result": "u8", "scales": (0.0,), "zero_points": (0,)}, "scales are positive and finite"),
    ({"result": "u8", "scales": (1.0,), "zero_points": (256,)}, "zero_points between 0 and 255"),
    ({"result": "f32", "x_zero": 1}, "x_zero is 1, the data's zero point 0"),
])
def test_error_texts(attrs: dict, text: str) -> None:
    b = GraphBuilder()
    with pytest.raises(VerifyError) as caught:
        b.op("conv2d", quantized(b, 1, 4, 2, 2), weights(b, 4, 4, 1, 1), **attrs)
    assert text in str(caught.value)


def test_weights_and_data_belong_together() -> None:
    b = GraphBuilder()
    x, wide = quantized(b, 1, 4, 2, 2), b.input("wide", (1, 4, 2, 2))
    w, narrow = b.const("f", np.zeros((4, 4, 1, 1), np.float32)), weights(b, 4, 4, 1, 1)
    for op, operands, attrs, text in [
        ("conv2d", (x, w), {"result": "f32"}, "conv2d takes weights of i8 with data of u8, not f32 with u8"),
        ("conv2d", (wide, narrow), {}, "conv2d takes weights of i8 with data of u8, not i8 with f32"),
        ("conv2d", (wide, w), {"x_zero": 3}, "x_zero belongs to data of u8, not of f32"),
        ("deconv2d", (x, narrow), {"result": "f32"}, "deconv2d takes floats, not i8 with u8"),
        ("conv2d", (x, narrow), {"result": "f32", "prologue": (Step("relu"),)}, "prologue of conv2d: steps before the main work take floats, not u8"),
        ("pool", (x,), {"kind": "max", "kernel": (1, 1), "stride": (1, 1), "pad": (0, 0), "result": "f32"}, "the largest of u8 integers is one of them"),
        ("eltwise", (x, x), {"epilogue": (Step("add"),), **U8}, "step add takes an operand of dtype f32, not u8"),
    ]:
        with pytest.raises(VerifyError) as caught:
            b.op(op, *operands, **attrs)
        assert text in str(caught.value)


def test_a_concat_joins_equal_quantizations_only() -> None:
    b = GraphBuilder()
    parts = [b.op("eltwise", b.input(f"x{zero}", (1, 2)), result="u8", scales=(0.5,), zero_points=(zero,)) for zero in (0, 1)]
    with pytest.raises(VerifyError, match="does not fit"):
        b.op("concat", *parts, axis=1)
