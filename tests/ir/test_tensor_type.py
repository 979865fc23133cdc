"""Dimensions, layouts and types."""

import pytest

from ngc.errors import VerifyError
from ngc.ir import PLAIN, Layout, Quant, SymDim, TensorType
from ngc.ir.tensor_type import bind, bind_shape, format_shape, product

N = SymDim()


def test_symbolic_dimensions_count_multiples_of_the_batch() -> None:
    assert 2 * N == N * 2 == SymDim(2) == N + N
    assert SymDim(6) // 3 == SymDim(2)
    assert SymDim(6) // SymDim(2) == 3
    assert N + 0 == N
    assert bind(SymDim(3), 4) == 12
    assert bind_shape((N, 3, SymDim(2)), 5) == (5, 3, 10)


@pytest.mark.parametrize(("expression", "text"), [
    (lambda: SymDim(5) // 2, "cannot divide the dimension 5*N by 2: the result is not a multiple of N"),
    (lambda: N // 0, "cannot divide the dimension N by 0"),
    (lambda: N + 3, "the dimension N + 3 is not a multiple of N; compile with a fixed batch instead"),
    (lambda: product((N, N)), "two dimensions that depend on N are multiplied; compile with a fixed batch instead"),
])
def test_what_no_multiple_of_the_batch_can_say(expression: object, text: str) -> None:
    with pytest.raises(VerifyError) as caught:
        expression()  # type: ignore[operator]
    assert text in str(caught.value)


def test_products() -> None:
    assert product(()) == 1
    assert product((2, N, 3)) == SymDim(6)


def test_shapes_in_messages() -> None:
    assert format_shape((N, 3, 8)) == "(N, 3, 8)"
    assert format_shape((4,)) == "(4,)"
    assert format_shape(()) == "()"


@pytest.mark.parametrize(("type", "text"), [
    (TensorType((N, 3, 8, 8)), "f32[N,3,8,8]"),
    (TensorType((), "i64"), "i64[]"),
    (TensorType((SymDim(2), 4), "bool"), "bool[2*N,4]"),
    (TensorType((1, 64, 56, 56), layout=Layout(16)), "f32[1,64,56,56]<c16>"),
    (TensorType((1, 64, 56, 56), layout=Layout(16, ((1, 2), (3, 4)), 0.5)), "f32[1,64,56,56]<c16 halo=[1,2,3,4] fill=0.5>"),
    (TensorType((1, 64, 56, 56), layout=Layout(1, ((0, 0), (0, 0)))), "f32[1,64,56,56]<c1 halo=[0,0,0,0]>"),
    (TensorType((1, 2), "u8", quant=Quant((0.1, 0.2), 3, 1)), "u8[1,2]<q scale=[0.1,0.2] zero_point=3 axis=1>"),
])
def test_text(type: TensorType, text: str) -> None:
    assert str(type) == text


def test_layouts_do_not_belong_to_logical_types() -> None:
    blocked = TensorType((1, 64, 8, 8)).with_layout(Layout(16))
    assert blocked != TensorType((1, 64, 8, 8))
    assert blocked.logical == TensorType((1, 64, 8, 8))
    assert blocked.with_shape((1, 2)).layout is PLAIN
    assert Layout().is_plain
    assert not Layout(1).is_plain
