"""Operators between images and the patches that a window sees: padding, and one strided slice for each position in the window."""

from collections.abc import Sequence
from itertools import product as every
from math import prod

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Dim, Value
from ngc.ir.tensor_type import format_shape, product

_MOST_TAPS = 4096
"""A slice of the image stands for each pixel of a window; no model's window is as large as this."""


class _Window:
    """The sizes of im2col and col2im, one number for each spatial axis: kernel, stride, dilate, pad, the image and the places of the window."""

    def __init__(self, conversion: Conversion, image: Sequence[int]) -> None:
        attrs, rank = conversion.attrs, len(image)
        self.kernel: tuple[int, ...] = attrs["kernel"]
        self.stride: tuple[int, ...] = attrs["stride"] or (1,) * rank
        self.dilate: tuple[int, ...] = attrs["dilate"] or (1,) * rank
        self.pad: tuple[int, ...] = attrs["pad"] or (0,) * rank
        self.image = tuple(image)
        if not len(self.kernel) == len(self.stride) == len(self.dilate) == len(self.pad) == rank:
            raise conversion.fail(f"kernel, stride, dilate and pad are of {rank} numbers for an image of {rank} dimensions")
        if min(*self.kernel, *self.stride, *self.dilate) < 1 or min(self.pad) < 0:
            raise conversion.fail("kernel, stride and dilate are at least 1, pad at least 0")
        self.padded = [size + 2 * pad for size, pad in zip(image, self.pad, strict=True)]
        self.places = [
            (size - ((window - 1) * dilate + 1)) // stride + 1
            for size, window, dilate, stride in zip(self.padded, self.kernel, self.dilate, self.stride, strict=True)
        ]
        if prod(self.kernel) > _MOST_TAPS:
            raise conversion.fail(f"a window of {self.kernel}, expected at most {_MOST_TAPS} pixels")
        if min(self.places) < 1:
            raise conversion.fail(f"a window of {self.kernel} does not fit into an image of {self.padded} with its padding")

    def taps(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Returns (first, past the last) pixel of the padded image that each position in the window sees, in row-major order."""
        result = []
        for tap in every(*(range(size) for size in self.kernel)):
            first = tuple(at * dilate for at, dilate in zip(tap, self.dilate, strict=True))
            last = tuple(start + (places - 1) * stride + 1 for start, places, stride in zip(first, self.places, self.stride, strict=True))
            result.append((first, last))
        return result


def _im2col(conversion: Conversion) -> list[Value]:
    """(N, C, spatial) -> (N, C * window, places): for each position in the window a strided slice of the padded image."""
    if conversion.rank not in (4, 5):
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected 2 or 3 spatial dimensions")
    batch, channels, *spatial = conversion.shape
    window = _Window(conversion, [conversion.fixed(dim, "a spatial dimension") for dim in spatial])
    x = conversion.data
    if any(window.pad):
        x = conversion.op("pad", x, part="padded", widths=(0, 0, 0, 0, *(side for pad in window.pad for side in (pad, pad))))
    columns = []
    for number, (first, last) in enumerate(window.taps()):
        tap = conversion.op(
            "slice", x, part=f"tap{number}", begin=(None, None, *first), end=(None, None, *last), step=(1, 1, *window.stride)
        )
        columns.append(conversion.reshape(tap, (batch, channels, 1, prod(window.places)), part=f"column{number}"))
    joined = columns[0] if len(columns) == 1 else conversion.op("concat", *columns, part="joined", axis=2)
    return [conversion.reshape(joined, (batch, product((channels, len(columns))), prod(window.places)))]


def _col2im(conversion: Conversion) -> list[Value]:
    """The sum of all patches at their places: each position in the window is spread over the stride, moved, and added."""
    output = conversion.attrs["output_size"]
    if conversion.rank != 3 or len(output) not in (2, 3):
        raise conversion.fail(
            f"data of shape {format_shape(conversion.shape)} for an image of {output}, expected 3 dimensions for one of 2 or 3"
        )
    window = _Window(conversion, output)
    batch, rows, places = conversion.shape
    count = prod(window.kernel)
    fixed_rows = conversion.fixed(rows, "the number of rows")
    if fixed_rows % count or places != prod(window.places):
        raise conversion.fail(
            f"data of shape {format_shape(conversion.shape)}: expected rows in multiples of {count} and {prod(window.places)} columns"
        )
    channels = fixed_rows // count
    split = conversion.reshape(conversion.data, (batch, channels, count, *window.places), part="split")
    total: Value | None = None
    for number, (first, last) in enumerate(window.taps()):
        rank = len(first)
        whole = (None,) * rank
        tap = conversion.op(
            "slice", split, part=f"tap{number}", begin=(None, None, number, *whole), end=(None, None, number + 1, *whole),
            step=(1,) * (3 + rank),
        )  # fmt: skip
        spread = _spread(conversion, tap, batch, channels, window, number)
        widths = [(start, padded - end) for start, end, padded in zip(first, last, window.padded, strict=True)]
        moved = conversion.op("pad", spread, part=f"moved{number}", widths=(0, 0, 0, 0, *(side for pair in widths for side in pair)))
        total = moved if total is None else conversion.op("add", total, moved, part=f"sum{number}")
    assert total is not None
    begin = (None, None, *window.pad)
    end = (None, None, *(pad + size for pad, size in zip(window.pad, window.image, strict=True)))
    return [conversion.op("slice", total, begin=begin, end=end, step=(1,) * total.type.rank)]


def _spread(conversion: Conversion, tap: Value, batch: Dim, channels: int, window: _Window, number: int) -> Value:
    """Returns one position's values `stride` apart with zeros between: an axis behind each is padded, and cut after the last value."""
    if max(window.stride) == 1:
        return conversion.reshape(tap, (batch, channels, *window.places), part=f"place{number}")
    rank = len(window.places)
    apart = conversion.reshape(tap, (batch, channels, *(dim for places in window.places for dim in (places, 1))), part=f"apart{number}")
    gaps = (0, 0, 0, 0, *(side for stride in window.stride for side in (0, 0, 0, stride - 1)))
    wide = conversion.op("pad", apart, part=f"gaps{number}", widths=gaps)
    sizes = [places * stride for places, stride in zip(window.places, window.stride, strict=True)]
    joined = conversion.reshape(wide, (batch, channels, *sizes), part=f"wide{number}")
    ends = [(places - 1) * stride + 1 for places, stride in zip(window.places, window.stride, strict=True)]
    return conversion.op(
        "slice", joined, part=f"spread{number}", begin=(None,) * (2 + rank), end=(None, None, *ends), step=(1,) * (2 + rank)
    )


_WINDOW = {"kernel": Field("shape"), **{name: Field("shape", ()) for name in ("stride", "dilate", "pad")}}

OPERATORS: dict[str, Operator] = {
    "im2col": Operator(_im2col, _WINDOW, becomes=("pad", "slice", "reshape", "concat")),
    "col2im": Operator(_col2im, {"output_size": Field("shape"), **_WINDOW}, becomes=("reshape", "slice", "pad", "add")),
}
