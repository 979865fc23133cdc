"""Draws convolutions of any rank up to three, with every way of reading over the borders."""

from typing import Any

from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry


@st.composite
def conv_fields(draw: Any, lanes: int, first_block: int, x_dtype: str = "f32", y_dtypes: tuple[str, ...] = ("f32",), taps_in_pairs: bool = False) -> dict:
    """Draws the fields of a convolution without steps.

    Args:
        draw: hypothesis' own.
        lanes: channels of a block of the output, and mostly of the input.
        first_block: channels of a block of the input where that has another layout, as in the first layer of a network.
        x_dtype: element type of the input.
        y_dtypes: element types that the output may have.
        taps_in_pairs: whether rows of taps in such a layout need two taps side by side.
    """
    rank = draw(st.sampled_from((1, 2, 2, 2, 3)))
    triple = lambda low, high: (1,) * (3 - rank) + tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    block = draw(st.sampled_from((first_block, lanes, lanes)))
    kernel, stride, dilation = triple(1, 4), triple(1, 3), triple(1, 2)
    if taps_in_pairs and block == first_block:
        kernel, dilation = (*kernel[:2], max(2, kernel[2])), (*dilation[:2], 1)
    out = triple(1, 10)
    pad = tuple(draw(st.integers(-1, 2)) if i >= 3 - rank else 0 for i in range(3))
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
    spatial = tuple(max(1, r - p - draw(st.integers(0, 2))) if i >= 3 - rank else 1 for i, (r, p) in enumerate(zip(reach, pad, strict=True)))
    halo = tuple((max(0, p), max(0, r - p - size)) for r, p, size in zip(reach, pad, spatial, strict=True))
    groups = draw(st.sampled_from((1, 1, 1, 2, 3, 5)))
    per_group = st.integers(1, 40) if groups == 1 else st.sampled_from((1, 2, 3, 4, 7, 8, 16))
    inputs, outputs = draw(per_group) * groups, draw(per_group) * groups
    border = draw(st.sampled_from((((0, 0),) * 3, ((0, 1), (1, 0), (2, 1)))))
    x = Geometry(inputs, block, spatial, halo, dtype=x_dtype)
    y = Geometry(outputs, lanes, out, border, dtype=draw(st.sampled_from(y_dtypes)))
    return {"x": x, "y": y, "kernel": kernel, "stride": stride, "dilation": dilation, "pad": pad, "groups": groups}
