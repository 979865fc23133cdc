"""MXNet's numpy names: shapes, joining and cutting, creation, reductions and products."""

from math import prod

from bench.differential.case import Case
from bench.differential.maker import NUMBERS, Maker, outputs, volume
from bench.differential.strategies.shape import factors
from bench.differential.strategies.strategy import Strategy

_FLOATS = ("float32", "float32", "float64")
_CREATED = "zeros ones arange eye identity logspace indices hanning hamming blackman"


def _data(make: Maker, shape: tuple[int, ...], name: str = "a") -> str:
    return make.input(name, shape, make.pick(*NUMBERS), batched=False)


def _axes(make: Maker, rank: int) -> object:
    return make.pick(None, "None", make.axis(rank), make.axes(rank, 1))


def _fold(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    whole = op in ("_np_max", "_np_min")
    dtype = make.pick("float32", "float32", "float64", *(("int32", "int64") if "pr" not in op and "mean" not in op else ()))
    low, high = (0.5, 1.5) if "prod" in op else (-2.0, 2.0)
    data = make.input("a", shape, dtype, make.pick("uniform", "integers"), low, high, batched=False)
    call = make.call(op, data, axis=_axes(make, len(shape)), keepdims=make.pick(None, True, False))
    count = volume(shape)
    if "prod" in op:
        return make.case(call, units=4.0 + count**0.5)
    return make.case(call, terms=count, magnitude=0.0 if whole else 2.0 if op == "_npi_mean" else 2.0 * count)


def _truth(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    data = make.input("a", shape, make.pick("float32", "int32", "bool"), "integers", 0, 1, batched=False)
    return make.case(make.call(op, data, axis=_axes(make, len(shape)), keepdims=make.pick(None, True, False)))


def _variance(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    data = make.input("a", shape, make.pick(*_FLOATS), batched=False)
    call = make.call(op, data, axis=_axes(make, len(shape)), ddof=make.pick(None, 0), keepdims=make.pick(None, True, False))
    # The root of a variance that is close to zero has half of its digits.
    return make.case(call, units=16, terms=volume(shape), magnitude=8.0 if op == "_npi_var" else 64.0)


def _index(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    data = make.input("data", shape, make.pick("float32", "float32", "float64", "int32"), make.pick("uniform", "integers"), batched=False)
    return make.case(make.call(op, data, axis=make.pick(None, "None", make.axis(len(shape))), keepdims=make.pick(None, True, False)))


def _average(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 3), make.pick(*_FLOATS)
    inputs = [make.input("a", shape, dtype, batched=False)]
    weighted = make.chance()
    if weighted:
        inputs.append(make.input("weights", shape, dtype, low=0.5, high=1.5, batched=False))
    call = make.call(op, *inputs, axis=make.pick(None, "None", make.axis(len(shape))), weighted=weighted, returned=make.pick(None, False))
    return make.case(call, units=8, terms=volume(shape), magnitude=8.0)


def _norm(make: Maker, op: str) -> Case:
    shape = make.shape(1, 3)
    data = make.input("data", shape, make.pick(*_FLOATS), batched=False)
    call = make.call(op, data, ord=2.0, axis=make.pick("None", make.integer(0, len(shape) - 1)), flag=-1, keepdims=make.pick(None, True, False))
    return make.case(call, units=8, terms=volume(shape), magnitude=4.0)


def _percentile(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 3), make.pick("float32", "float32", "float64", "float16", "int32", "uint8")
    data = make.input("a", shape, dtype, make.pick("uniform", "integers"), 0.0 if dtype == "uint8" else -9.0, 9.0, batched=False)
    axis = make.pick("None", make.axis(len(shape)), make.axes(len(shape), 1))
    call = make.call(op, data, q_scalar=make.pick(50, 0, 100, 25, 33.3, make.integer(0, 100)), axis=axis,
                     interpolation=make.pick("linear", "lower", "higher", "midpoint", "nearest"), keepdims=make.pick(None, True, False))
    # MXNet rounds the two products of float16 to float16.
    return make.case(call, units=4, magnitude=9.0, dtype="float16" if dtype == "float16" else None)


def _insert(make: Maker, op: str) -> Case:
    """MXNet reads past the end of values that do not fit, and takes numbers instead of them for a few shapes only."""
    shape, dtype = make.shape(1, 3), make.pick(*NUMBERS)
    axis = make.pick(None, *range(len(shape)))
    sizes = [volume(shape)] if axis is None else list(shape)
    along = axis or 0
    data = make.input("arr", shape, dtype, make.pick("uniform", "integers"), 0.0, 9.0, batched=False)
    if op.endswith("scalar"):
        place, count = make.integer(-sizes[along], sizes[along]), make.integer(1, 3)
        others = [dim for position, dim in enumerate(sizes) if position != along]
        values = make.input("values", (count, *others) if len(sizes) > 1 or make.chance() else (1,), dtype, "uniform", 0.0, 9.0, batched=False)
        return make.case(make.call(op, data, values, int_ind=place, axis=str(axis)))
    if op.endswith("tensor"):
        size, count = sizes[along], make.integer(1, 3)
        sizes[along] = count
        values = make.input("values", tuple(sizes), dtype, "uniform", 0.0, 9.0, batched=False)
        places = make.input("obj", (count,), "int64", "integers", -size, size, param=True)
        return make.case(make.call(op, data, values, places, axis=str(axis)))
    start, step = make.integer(0, sizes[along]), make.pick(1, 2)
    stop = make.integer(start, sizes[along])
    count = len(range(start, stop, step))
    sizes[along] = count if count > 1 else 1
    values = make.input("values", tuple(sizes) if count else (1,) * len(sizes), dtype, "uniform", 0.0, 9.0, batched=False)
    return make.case(make.call(op, data, values, start=start, stop=stop, step=step, axis=str(axis)))


def _transpose(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    return make.case(make.call(op, _data(make, shape), axes=make.pick(None, "None", tuple(make.shuffled(range(len(shape)))))))


def _reshape(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    target = [*factors(make, prod(shape)), 1][make.pick(0, 0, 1) :] if make.chance() else list(shape)
    if prod(target) != prod(shape):
        target = [prod(shape)]
    if make.chance():
        target[make.integer(0, len(target) - 1)] = -1
    return make.case(make.call(op, _data(make, shape), newshape=tuple(target), reverse=make.pick(None, False) if op == "_npx_reshape" else None))


def _squeeze(make: Maker, op: str) -> Case:
    shape = tuple(make.pick(1, size) for size in make.shape(1, 5))
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    return make.case(make.call(op, _data(make, shape), axis=make.pick(None, "None", tuple(make.some(ones)) or "None")))


def _moveaxis(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    source = make.axes(len(shape), 1)
    target = tuple(make.shuffled(range(len(shape)))[: len(source)])
    return make.case(make.call(op, _data(make, shape), source=source, destination=target))


def _broadcast_to(make: Maker, op: str) -> Case:
    whole = make.shape(1, 4)
    own = tuple(make.pick(1, size) for size in whole)[make.integer(0, len(whole) - 1) :]
    return make.case(make.call(op, _data(make, own), shape=whole))


def _turn(make: Maker, op: str) -> Case:
    shape = make.shape(2, 4)
    data = _data(make, shape)
    if op == "_npi_flip":
        return make.case(make.call(op, data, axis=make.pick("None", tuple(make.some(range(len(shape)), 1)))))
    if op == "_np_roll":
        axis = make.pick(None, make.axis(len(shape)))
        return make.case(make.call(op, data, shift=make.integer(-4, 4), axis=axis))
    axes = tuple(make.shuffled(range(len(shape)))[:2])
    return make.case(make.call(op, data, k=make.pick(None, 0, 1, 2, 3, -1), axes=axes))


def _atleast(make: Maker, op: str) -> Case:
    return make.case(*outputs(make.call(op, _data(make, make.shape(1, 4)), num_args=1), 1))


def _diff(make: Maker, op: str) -> Case:
    shape = make.shape(1, 3)
    data = make.input("a", shape, make.pick(*_FLOATS), batched=False)
    if op == "_npi_ediff1d":
        return make.case(make.call(op, data), magnitude=4.0)
    axis = make.axis(len(shape))
    return make.case(make.call(op, data, n=make.integer(0, 2), axis=axis), units=8, terms=4, magnitude=8.0)


def _pad(make: Maker, op: str) -> Case:
    shape = make.shape(2, 4)
    mode = make.pick("constant", "edge", "reflect")
    widths = tuple((make.integer(0, most), make.integer(0, most)) for most in (size - 1 if mode == "reflect" else 3 for size in shape))
    data = make.input("data", shape, make.pick("float32", "float32", "float64", "int32"), batched=False)
    return make.case(make.call(op, data, pad_width=str(widths), mode=mode, constant_value=make.pick(None, 1.5) if mode == "constant" else None))


def _join(make: Maker, op: str) -> Case:
    shape, count, dtype = make.shape(1, 3), make.integer(1, 3), make.pick(*NUMBERS)
    data = [make.input(f"data{index}", shape, dtype, batched=False) for index in range(count)]
    attrs = {"axis": make.pick(None, make.axis(len(shape)), "None")} if op == "_npi_concatenate" else {}
    return make.case(make.call(op, *data, num_args=count, **attrs))


def _split(make: Maker, op: str) -> Case:
    axis, count = 1 if op == "_npi_hsplit" else 2, make.integer(1, 3)
    shape = list(make.shape(axis + 1, 4))
    shape[axis] = count * make.pick(1, 2, 3)
    call = make.call(op, _data(make, tuple(shape)), indices="[]", axis=axis, sections=count, squeeze_axis=False)
    return make.case(*outputs(call, count))


def _create(make: Maker, op: str) -> Case:
    dtype = make.pick(None, "float32", "float64", "int32")
    match op.removeprefix("_npi_"):
        case "zeros" | "ones":
            return make.case(make.call(op, shape=make.shape(), dtype=dtype))
        case "arange":
            start, step = make.pick(0.0, 1.0, -2.0), make.pick(1.0, 2.0, 0.5)
            return make.case(make.call(op, start=start, stop=start + step * make.size(), step=step, dtype=dtype), magnitude=16.0)
        case "eye":
            return make.case(make.call(op, N=make.size(), M=make.pick("None", make.size()), k=make.pick(None, 0, 1, -1), dtype=dtype))
        case "identity":
            size = make.size()
            return make.case(make.call(op, shape=(size, size), dtype=dtype))
        case "indices":
            return make.case(make.call(op, dimensions=make.shape(1, 3), dtype=make.pick(None, "int32", "float32")))
        case "logspace":
            range_of: dict[str, object] = {"num": make.size(), "base": make.pick(None, 2.0), "endpoint": make.pick(None, True, False)}
            return make.case(make.call(op, start=0.0, stop=make.pick(1.0, 2.0), dtype="float32", **range_of), units=16)
    return make.case(make.call(op, M=make.size(), dtype=make.pick("float32", "float64")), units=8, magnitude=1.0, dtype="float32")


def _diagonal(make: Maker, op: str) -> Case:
    shape = make.shape(1 if op in ("_np_diag", "_np_diagflat") else 2, 2 if op == "_np_diag" else 3)
    data = make.input("data", shape, make.pick("float32", "float32", "float64", "int32"), batched=False)
    offset = make.pick(None, 0, 1, -1)
    if op in ("_np_diagonal", "_np_trace"):
        axes = make.shuffled(range(len(shape)))[:2]
        call = make.call(op, data, offset=offset, axis1=axes[0], axis2=axes[1])
        return make.case(call, terms=9, magnitude=18.0 if op == "_np_trace" else 0.0)
    return make.case(make.call(op, data, k=offset))


def _matmul(make: Maker, op: str) -> Case:
    rows, depth, columns = make.size(), make.size(), make.size()
    batch = make.shape(0, 2) if op == "_npi_matmul" and make.chance() else ()
    dtype = make.pick(*_FLOATS)
    left = make.pick((*batch, rows, depth), (depth,))
    right = make.pick((*batch, depth, columns), (depth,))
    inputs = make.input("a", left, dtype, batched=False), make.input("b", right, dtype, batched=False)
    return make.case(make.call(op, *inputs), terms=depth, magnitude=4.0 * depth)


def _tensordot(make: Maker, op: str) -> Case:
    inner, dtype = make.shape(1, 2), make.pick(*_FLOATS)
    a, b = make.input("a", (*make.shape(1, 2), *inner), dtype, batched=False), make.input("b", (*inner, *make.shape(1, 2)), dtype, batched=False)
    count = len(inner)
    attrs: dict[str, object] = {"axes": count}
    if op == "_npi_tensordot":
        first = len(make.inputs[0].shape) - count
        attrs = {"a_axes_summed": tuple(range(first, first + count)), "b_axes_summed": tuple(range(count))}
    return make.case(make.call(op, a, b, **attrs), terms=volume(inner), magnitude=4.0 * volume(inner))


def _einsum(make: Maker, op: str) -> Case:
    sizes = {label: make.size() for label in "ijkb"}
    subscripts = make.pick("ij,jk->ik", "bij,bjk->bik", "ij,ij->ij", "ij->ji", "ij->i", "bij,bkj->bik", "i,j->ij", "ij,j->i", "ii", "ii->i", "iij->ij",
                           "bii,ij->bj")
    dtype = make.pick("float32", "float32", "float64", "int32", "int64", "uint8")
    operands = subscripts.split("->")[0].split(",")
    low = 0.0 if dtype == "uint8" else -2.0
    inputs = [make.input(f"x{index}", tuple(sizes[label] for label in labels), dtype, "uniform", low, batched=False) for index, labels in enumerate(operands)]
    return make.case(make.call(op, *inputs, subscripts=subscripts, num_args=len(inputs)), terms=9, magnitude=36.0)


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(("_np_sum", "_np_prod", "_np_max", "_np_min", "_npi_mean"), _fold),
    **dict.fromkeys(("_np_any", "_np_all"), _truth),
    **dict.fromkeys(("_npi_var", "_npi_std"), _variance),
    **dict.fromkeys(("_npi_argmax", "_npi_argmin"), _index),
    "_npi_average": _average,
    "_npi_percentile": _percentile,
    **dict.fromkeys(("_npi_insert_scalar", "_npi_insert_slice", "_npi_insert_tensor"), _insert),
    "_npi_norm": _norm,
    "_np_transpose": _transpose,
    **dict.fromkeys(("_np_reshape", "_npx_reshape"), _reshape),
    "_np_squeeze": _squeeze,
    "_np_moveaxis": _moveaxis,
    "_npi_broadcast_to": _broadcast_to,
    **dict.fromkeys(("_npi_flip", "_np_roll", "_npi_rot90"), _turn),
    **{f"_np_atleast_{least}d": _atleast for least in (1, 2, 3)},
    **dict.fromkeys(("_npi_diff", "_npi_ediff1d"), _diff),
    "_npi_pad": _pad,
    **{f"_npi_{name}": _join for name in ("concatenate", "hstack", "dstack", "vstack", "column_stack")},
    **dict.fromkeys(("_npi_hsplit", "_npi_dsplit"), _split),
    **{f"_npi_{name}": _create for name in _CREATED.split()},
    **dict.fromkeys(("_np_diag", "_np_diagflat", "_np_diagonal", "_np_trace"), _diagonal),
    "_npi_tril": lambda make, op: make.case(make.call(op, _data(make, make.shape(1, 3)), k=make.pick(None, 0, 1, -1))),
    **dict.fromkeys(("_npi_matmul", "_np_dot"), _matmul),
    **dict.fromkeys(("_npi_tensordot", "_npi_tensordot_int_axes"), _tensordot),
    "_npi_einsum": _einsum,
}
