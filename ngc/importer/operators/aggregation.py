"""Operators that make few numbers of many beside the plain reductions: running sums, moments, sums without NaN, checks of finiteness, products of columns."""

from math import inf

import numpy as np

from ngc.importer.attributes import IGNORED, Field
from ngc.importer.operators.conversion import Conversion, Operator, numbered_outputs
from ngc.importer.operators.creation import made
from ngc.importer.operators.indexing import as_index
from ngc.importer.operators.reduction import AXES, reduce
from ngc.ir import Value
from ngc.ir.tensor_type import DTYPES, FLOATS, format_shape, product


def _cumsum(conversion: Conversion) -> list[Value]:
    """Running sums along an axis, of the flattened data without one; a dtype converts before anything is added."""
    axis, dtype, x = conversion.attrs["axis"], conversion.attrs["dtype"], conversion.data
    if axis is None:
        x, axis = conversion.reshape(x, (product(conversion.shape),), part="flat"), 0
    elif axis < 0:
        raise conversion.fail(f"axis = {axis}: expected an axis counted from 0")
    if dtype not in (None, x.type.dtype):
        x = conversion.op("cast", x, part="cast", dtype=dtype)
    return [conversion.op("cumsum", x, axis=conversion.axis(axis, x.type.rank))]


def _without_nan(conversion: Conversion, neutral: float) -> Value:
    """Returns the data with `neutral` in place of NaN."""
    x = conversion.data
    if x.type.dtype not in FLOATS:
        return x
    number = conversion.op("equal", x, x, part="is_number")
    zero = conversion.op("logical_and", x, part="zero", scalar=0)  # of x's shape, NaN or not
    other = conversion.op("add", zero, part="neutral", scalar=neutral) if neutral else zero
    return conversion.op("where", number, x, other, part="numbers")


def _nan_reduction(op: str, neutral: float) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        return [
            reduce(conversion, op, conversion.attrs["axis"], exclude=conversion.attrs["exclude"], data=_without_nan(conversion, neutral))
        ]

    becomes = ("equal", "logical_and", "add", "where", op, "reshape", "identity")
    return Operator(convert, {**AXES, "exclude": Field("bool", False)}, becomes=becomes)


def _moments(conversion: Conversion) -> list[Value]:
    """The mean and the mean of squared differences from it."""
    attrs, x = conversion.attrs, conversion.data
    if x.type.dtype not in FLOATS:
        raise conversion.fail(f"moments of {x.type.dtype}: expected floats")
    if not attrs["axes"]:
        raise conversion.fail("axes = None: expected the axes, all of them for moments of all elements")
    axes = tuple(sorted(conversion.axes(attrs["axes"])))
    mean = conversion.op("reduce_mean", x, part="mean_kept", axes=axes, keepdims=True)
    square = conversion.op("square", conversion.op("sub", x, mean, part="centred"), part="square")
    variance = conversion.op("reduce_mean", square, part="var_kept", axes=axes, keepdims=True)
    kept = tuple(dim for axis, dim in enumerate(conversion.shape) if axis not in axes) or (1,)
    shape = mean.type.shape if attrs["keepdims"] else kept
    return [conversion.op("reshape", value, part=part, shape=shape) for value, part in ((mean, "output0"), (variance, "output1"))]


def _softmax_cross_entropy(conversion: Conversion) -> list[Value]:
    """-sum(log(max(softmax(data)[label], 1e-8))); labels outside, for which MXNet reads other rows, are clipped."""
    data, label = conversion.inputs
    if conversion.rank != 2:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected 2 dimensions")
    conversion.expect_shape(label, conversion.shape[:1], "label")
    index = conversion.reshape(as_index(conversion, label), (conversion.shape[0], 1), part="index_column")
    chances = conversion.op("softmax", data, part="softmax", axis=1)
    picked = conversion.op("gather_elements", chances, index, part="picked", axis=1)
    logs = conversion.op("log", conversion.op("maximum", picked, part="bounded", scalar=1e-8), part="log")
    total = conversion.op("reduce_sum", logs, part="total", axes=(0,))
    return [conversion.op("negative", total)]


def _all_finite(conversion: Conversion) -> list[Value]:
    """1 where x - x is 0 for all elements of all inputs, which it is for finite ones only; f32 of shape (1,)."""
    least = []
    for number, x in enumerate(conversion.inputs):
        if x.type.dtype not in FLOATS:
            raise conversion.fail(f"data of {x.type.dtype}: expected floats")
        nothing = conversion.op("sub", x, x, part=f"nothing{number}")
        finite = conversion.op("cast", conversion.op("equal", nothing, part=f"equal{number}", scalar=0), part=f"finite{number}", dtype="f32")
        every = conversion.op("reduce_min", finite, part=f"every{number}", axes=tuple(range(x.type.rank)), keepdims=True)
        least.append(conversion.reshape(every, (1,), part=f"flat{number}"))
    result = least[0]
    for number, other in enumerate(least[1:], 1):
        result = conversion.op("minimum", result, other, part=f"both{number}")
    return [conversion.op("identity", result)]


def _multi_sum_sq(conversion: Conversion) -> list[Value]:
    """The sum of squares of each input, in f32."""
    conversion.expect_floats("MXNet takes no others")
    sums = []
    for number, x in enumerate(conversion.inputs):
        wide = conversion.op("cast", x, part=f"wide{number}", dtype="f32")
        square = conversion.op("square", wide, part=f"square{number}")
        total = conversion.op("reduce_sum", square, part=f"sum{number}", axes=tuple(range(x.type.rank)), keepdims=True)
        sums.append(conversion.reshape(total, (1,), part=f"flat{number}"))
    return [conversion.op("concat", *sums, axis=0)]


def _quadratic(conversion: Conversion) -> list[Value]:
    """a*x*x + b*x + c, as (a*x + b)*x + c."""
    attrs, x = conversion.attrs, conversion.data
    if x.type.dtype not in FLOATS:
        raise conversion.fail(f"data of {x.type.dtype}: expected floats")
    inner = conversion.op("add", conversion.op("mul", x, part="scaled", scalar=attrs["a"]), part="inner", scalar=attrs["b"])
    return [conversion.op("add", conversion.op("mul", inner, x, part="outer"), scalar=attrs["c"])]


def _allclose(conversion: Conversion) -> list[Value]:
    """1 where |a - b| <= atol + rtol*|b| or a = b for all elements, or with equal_nan where both are NaN; u8 of no dimensions."""
    attrs, (a, b) = conversion.attrs, conversion.inputs
    conversion.expect_shape(b, a.type.shape, "second")
    distance = conversion.op("abs", conversion.op("sub", a, b, part="difference"), part="distance")
    scaled = conversion.op("mul", conversion.op("abs", b, part="size"), part="scaled", scalar=attrs["rtol"])
    allowed = conversion.op("add", scaled, part="allowed", scalar=attrs["atol"])
    finite = conversion.op("lesser", conversion.op("abs", b, part="size_of_b"), part="finite", scalar=inf)
    near = conversion.op("logical_and", conversion.op("lesser_equal", distance, allowed, part="near"), finite, part="near_finite")
    close = conversion.op("logical_or", near, conversion.op("equal", a, b, part="same"), part="close")
    if attrs["equal_nan"]:
        absent = [conversion.op("not_equal", x, x, part=f"nan{number}") for number, x in enumerate((a, b))]
        close = conversion.op("logical_or", close, conversion.op("logical_and", *absent, part="both_nan"), part="close_or_nan")
    every = conversion.op("reduce_min", close, part="every", axes=tuple(range(a.type.rank)), keepdims=True)
    return [conversion.op("cast", conversion.reshape(every, (), part="shaped"), dtype="u8")]


def _khatri_rao(conversion: Conversion) -> list[Value]:
    """The Kronecker product column by column: (m, k), (n, k) -> (m, 1, k) * (n, k) -> (m*n, k)."""
    columns = conversion.shape[-1]
    result = conversion.data
    for number, x in enumerate(conversion.inputs):
        if x.type.rank != 2 or x.type.shape[1] != columns:
            raise conversion.fail(f"operand {number} has shape {format_shape(x.type.shape)}, expected 2 dimensions and {columns} columns")
        if number:
            left = conversion.reshape(result, (result.type.shape[0], 1, columns), part=f"left{number}")
            rows = product((result.type.shape[0], x.type.shape[0]))
            result = conversion.reshape(conversion.op("mul", left, x, part=f"products{number}"), (rows, columns), part=f"rows{number}")
    return [conversion.op("identity", result)]


def _histogram(conversion: Conversion) -> list[Value]:
    """Counts between neighbouring edges, a bin's lower edge included and of the last one the upper edge too; then the edges.

    What is at least the lower edge and not at least the upper one is counted as a difference of two counts, so that each element is compared with each edge.
    """
    attrs, x = conversion.attrs, conversion.data
    if len(conversion.inputs) == 2:
        edges = conversion.inputs[1]
        if edges.type.rank != 1 or edges.type.dtype != x.type.dtype:
            raise conversion.fail(f"bins of {edges.type}, expected 1 dimension and the data's {x.type.dtype}")
    else:
        if attrs["bin_cnt"] is None or attrs["range"] is None or len(attrs["range"]) != 2:
            raise conversion.fail(f"bin_cnt = {attrs['bin_cnt']} and range = {attrs['range']}: expected a number and two bounds, or an input of bins")
        low, high = attrs["range"]
        if high - low < attrs["bin_cnt"]:
            conversion.expect_floats("MXNet truncates the edges of bins of others to integers, and bins narrower than 1 are then one")
        edges = made(conversion, np.linspace(low, high, attrs["bin_cnt"] + 1).astype(DTYPES[x.type.dtype]), x.type.dtype, part="edges")
    count = conversion.fixed(edges.type.shape[0], "the number of edges")
    if count < 2:
        raise conversion.fail(f"{count} edges, expected at least 2")
    column = conversion.reshape(x, (product(conversion.shape), 1), part="column")
    row = conversion.reshape(edges, (1, count), part="row")

    def counted(op: str, value: Value, part: str) -> Value:
        above = conversion.op("cast", conversion.op(op, column, value, part=f"{part}_{op}"), part=f"{part}_cast", dtype="i32")
        return conversion.op("reduce_sum", above, part=part, axes=(0,))

    reached = counted("greater_equal", row, "reached")
    passed = [counted("greater", conversion.cut(row, {1: (count - 1, count, None)}, "last"), "passed")]
    if count > 2:
        passed.insert(0, conversion.cut(reached, {0: (1, count - 1, None)}, "inner"))
    upper = conversion.op("concat", *passed, part="upper", axis=0)
    counts = conversion.op("sub", conversion.cut(reached, {0: (0, count - 1, None)}, "lower"), upper, part="counts")
    return [conversion.op("cast", counts, part="output0", dtype="i64"), conversion.op("identity", edges, part="output1")]


OPERATORS: dict[str, Operator] = {
    "cumsum": Operator(
        _cumsum,
        {"axis": Field("int", None, optional=True), "dtype": Field("dtype", None, optional=True)},
        becomes=("reshape", "cast", "cumsum"),
    ),
    "nansum": _nan_reduction("reduce_sum", 0),
    "nanprod": _nan_reduction("reduce_prod", 1),
    "moments": Operator(
        _moments,
        {"axes": Field("shape", None, optional=True), "keepdims": Field("bool", False)},
        outputs=lambda attrs: numbered_outputs(2),
        becomes=("reduce_mean", "sub", "square", "reshape"),
    ),
    "softmax_cross_entropy": Operator(
        _softmax_cross_entropy,
        None,
        2,
        2,
        becomes=("cast", "reshape", "softmax", "gather_elements", "maximum", "log", "reduce_sum", "negative"),
    ),
    "all_finite": Operator(
        _all_finite, {"init_output": IGNORED}, becomes=("sub", "equal", "cast", "reduce_min", "reshape", "identity")
    ),
    "multi_all_finite": Operator(
        _all_finite,
        {"num_arrays": IGNORED, "init_output": IGNORED},
        1,
        None,
        becomes=("sub", "equal", "cast", "reduce_min", "reshape", "minimum", "identity"),
    ),
    "multi_sum_sq": Operator(
        _multi_sum_sq, {"num_arrays": IGNORED}, 1, None, becomes=("cast", "square", "reduce_sum", "reshape", "concat")
    ),
    "_contrib_quadratic": Operator(
        _quadratic, {name: Field("float", 0.0) for name in "abc"}, becomes=("mul", "add")
    ),
    "_contrib_allclose": Operator(
        _allclose,
        {"rtol": Field("float", 1e-5), "atol": Field("float", 1e-8), "equal_nan": Field("bool", False)},
        2,
        2,
        becomes=(
            "sub", "abs", "mul", "add", "lesser", "lesser_equal", "logical_and", "equal", "logical_or", "not_equal", "reduce_min",
            "reshape", "cast",
        ),
    ),
    "_histogram": Operator(
        _histogram,
        {"bin_cnt": Field("int", None, optional=True, low=1, high=1 << 20), "range": Field("floats", None, optional=True)},
        1,
        2,
        outputs=lambda attrs: numbered_outputs(2),
        becomes=("identity", "cast", "reshape", "greater_equal", "greater", "reduce_sum", "slice", "concat", "sub"),
    ),
    "khatri_rao": Operator(_khatri_rao, {"num_args": IGNORED}, 1, None, becomes=("reshape", "mul", "identity")),
}
