"""Products of matrices that are data, and attention."""

from collections.abc import Callable

from ngc.importer.attributes import IGNORED, Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Dim, Value
from ngc.ir.tensor_type import format_shape, product

_TRANSPOSES = {"transpose_a": Field("bool", False), "transpose_b": Field("bool", False)}


def _dot(conversion: Conversion) -> list[Value]:
    """Contracts the last axis of a, or the first, with the first of b, or the last; other axes are kept in order."""
    a, b = conversion.inputs
    first, last = conversion.attrs["transpose_a"], conversion.attrs["transpose_b"]
    depth, rows = (a.type.shape[0], a.type.shape[1:]) if first else (a.type.shape[-1], a.type.shape[:-1])
    inner, columns = (b.type.shape[-1], b.type.shape[:-1]) if last else (b.type.shape[0], b.type.shape[1:])
    if depth != inner:
        raise conversion.fail(f"data of shapes {format_shape(a.type.shape)} and {format_shape(b.type.shape)} cannot be contracted, {depth} is not {inner}")
    left: tuple[Dim, Dim] = (depth, product(rows)) if first else (product(rows), depth)
    right: tuple[Dim, Dim] = (product(columns), depth) if last else (depth, product(columns))
    matrices = [conversion.reshape(value, shape, part=part) for value, shape, part in ((a, left, "a"), (b, right, "b"))]
    result = (*rows, *columns) or (1,)  # MXNet has no arrays without dimensions
    flat = len(rows) == len(columns) == 1
    dot = conversion.op("matmul", *matrices, part="" if flat else "matrix", transpose_a=first, transpose_b=last)
    return [dot if flat else conversion.reshape(dot, result)]


def _batch_dot(conversion: Conversion) -> list[Value]:
    a, b = conversion.inputs
    if a.type.rank < 3 or a.type.shape[:-2] != b.type.shape[:-2]:
        raise conversion.fail(
            f"data of shapes {format_shape(a.type.shape)} and {format_shape(b.type.shape)}, expected 3 dimensions or more, all but the last two alike"
        )
    return [conversion.op("matmul", a, b, transpose_a=conversion.attrs["transpose_a"], transpose_b=conversion.attrs["transpose_b"])]


def _swapped(conversion: Conversion, value: Value, axis: int, part: str) -> Value:
    """Returns a value with the axis of the matrices' rows brought before the last, or back from there."""
    row = value.type.rank - 2
    axes = list(range(value.type.rank))
    axes[axis], axes[row] = row, axis
    return conversion.transpose(value, axes, part)


def _scaled(conversion: Conversion, value: Value, factor: float, part: str) -> Value:
    return value if factor == 1 else conversion.op("mul", value, part=part, scalar=factor)


def _gemm(conversion: Conversion) -> list[Value]:
    """alpha * a b, and with a third operand + beta * c, for matrices whose rows lie along `axis`."""
    attrs = conversion.attrs
    axis = conversion.axis(attrs["axis"])
    if axis == conversion.rank - 1:
        raise conversion.fail(f"axis = {attrs['axis']} is the axis of the matrices' columns")
    if any(value.type.rank != conversion.rank for value in conversion.inputs):
        raise conversion.fail(f"operands of {', '.join(str(value.type.rank) for value in conversion.inputs)} dimensions, expected as many of each")
    a, b, *more = (_swapped(conversion, value, axis, f"rows{index}") for index, value in enumerate(conversion.inputs))
    product = conversion.op("matmul", a, b, part="product", transpose_a=attrs["transpose_a"], transpose_b=attrs["transpose_b"])
    result = _scaled(conversion, product, attrs["alpha"], "alpha")
    for c in more:
        conversion.expect_shape(c, result.type.shape, "C")
        result = conversion.op("add", result, _scaled(conversion, c, attrs["beta"], "beta"), part="sum")
    return [conversion.op("identity", _swapped(conversion, result, axis, "back"))]


def _syrk(conversion: Conversion) -> list[Value]:
    """alpha * a a^T, or with transpose alpha * a^T a."""
    transposed = conversion.attrs["transpose"]
    square = conversion.op("matmul", conversion.data, conversion.data, part="square", transpose_a=transposed, transpose_b=not transposed)
    return [conversion.op("mul", square, scalar=conversion.attrs["alpha"])]


def _div_sqrt_dim(conversion: Conversion) -> list[Value]:
    size = conversion.fixed(conversion.shape[-1], "the last dimension")
    return [conversion.op("mul", conversion.data, scalar=size**-0.5)]


def _heads(conversion: Conversion, value: Value, parts: int, wanted: int, name: str) -> Value:
    """Returns part number `wanted` of data (length, batch, heads * parts * size) as (batch * heads, length, size)."""
    heads = conversion.attrs["heads"]
    if value.type.rank != 3:
        raise conversion.fail(f"data of shape {format_shape(value.type.shape)}, expected (length, batch, channels)")
    length, batch, width = value.type.shape
    size = conversion.fixed(width, "the last dimension") // (heads * parts)
    if size * heads * parts != width or not size:
        raise conversion.fail(f"{width} channels are no {heads} heads of {parts} parts")
    split = conversion.op("reshape", value, part=f"{name}_split", shape=(length, batch, heads, parts, size))
    if parts > 1:
        split = conversion.cut(split, {3: (wanted, wanted + 1, None)}, f"{name}_part")
    single = conversion.reshape(split, (length, batch, heads, size), part=f"{name}_single")
    headed = conversion.op("transpose", single, part=f"{name}_heads", axes=(1, 2, 0, 3))
    return conversion.reshape(headed, (heads * batch, length, size), part=name)


def _scores(parts: int) -> Callable[[Conversion], list[Value]]:
    """Converts q k^T / sqrt(size): of self-attention data has 3 parts, q, k and v; else the first operand is q, and the second has 2, k and v."""

    def convert(conversion: Conversion) -> list[Value]:
        source = conversion.inputs[-1]
        q = _heads(conversion, conversion.data, 3 if parts == 3 else 1, 0, "q")
        k = _heads(conversion, source, parts, parts - 2, "k")
        size = conversion.fixed(q.type.shape[-1], "the size of a head")
        scores = conversion.op("matmul", q, k, part="product", transpose_b=True)
        return [conversion.op("mul", scores, scalar=size**-0.5)]

    return convert


def _context(parts: int) -> Callable[[Conversion], list[Value]]:
    """Converts attention's weights times v, heads side by side in the channels again."""

    def convert(conversion: Conversion) -> list[Value]:
        source, weights = conversion.inputs
        v = _heads(conversion, source, parts, parts - 1, "v")
        context = conversion.op("matmul", weights, v, part="product")
        heads, batch = conversion.attrs["heads"], source.type.shape[1]
        length, size = context.type.shape[1:]
        split = conversion.reshape(context, (batch, heads, length, size), part="context")
        back = conversion.op("transpose", split, part="back", axes=(2, 0, 1, 3))
        return [conversion.reshape(back, (length, batch, heads * size))]

    return convert


_HEADS = {"heads": Field("int", low=1)}
_MOVES = ("reshape", "slice", "transpose", "matmul")
_GEMM = {**_TRANSPOSES, "alpha": Field("double", 1.0), "axis": Field("int", -2)}

OPERATORS: dict[str, Operator] = {
    "dot": Operator(_dot, {**_TRANSPOSES, "forward_stype": IGNORED}, 2, 2, becomes=("matmul", "reshape")),
    "batch_dot": Operator(_batch_dot, {**_TRANSPOSES, "forward_stype": IGNORED}, 2, 2, becomes=("matmul",)),
    "_linalg_gemm": Operator(_gemm, {**_GEMM, "beta": Field("double", 1.0)}, 3, 3, becomes=("matmul", "mul", "add", "transpose", "identity")),
    "_linalg_gemm2": Operator(_gemm, _GEMM, 2, 2, becomes=("matmul", "mul", "transpose", "identity")),
    "_linalg_syrk": Operator(_syrk, {"transpose": Field("bool", False), "alpha": Field("double", 1.0)}, becomes=("matmul", "mul")),
    "_contrib_div_sqrt_dim": Operator(_div_sqrt_dim, becomes=("mul",)),
    "_contrib_interleaved_matmul_selfatt_qk": Operator(_scores(3), _HEADS, becomes=(*_MOVES, "mul")),
    "_contrib_interleaved_matmul_selfatt_valatt": Operator(_context(3), _HEADS, 2, 2, becomes=_MOVES),
    "_contrib_interleaved_matmul_encdec_qk": Operator(_scores(2), _HEADS, 2, 2, becomes=(*_MOVES, "mul")),
    "_contrib_interleaved_matmul_encdec_valatt": Operator(_context(2), _HEADS, 2, 2, becomes=_MOVES),
}
