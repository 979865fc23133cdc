"""What is made of attributes alone, or of data's shape; repetition; sums of several kinds."""

from bench.differential.case import Case
from bench.differential.maker import FLOATS, NUMBERS, Maker, outputs, volume
from bench.differential.strategies.strategy import Strategy

_MADE = (None, "float32", "float64", "float16", "int32", "int64")


def _filled(make: Maker, op: str) -> Case:
    value = {"value": make.pick(0.0, 1.5, -3.0)} if op == "_full" else {}
    if op == "_zeros_without_dtype":  # takes the type of what it meets
        shape = make.shape()
        return make.case(make.call("elemwise_add", make.input("data", shape, batched=False), make.call(op, shape=shape)))
    return make.case(make.call(op, shape=make.shape(), dtype=make.pick(*_MADE), **value))


def _arange(make: Maker, op: str) -> Case:
    start, step, count = make.pick(0.0, 1.0, -2.0, 0.5), make.pick(1.0, 2.0, 0.5, -1.0), make.size()
    if op == "_linspace":
        return make.case(make.call(op, start=start, stop=start + step * count, num=count, endpoint=make.pick(None, True, False), dtype=make.pick(*_MADE[:3])),
                         magnitude=16.0)
    stop = {"start": start, "stop": start + step * count, "step": step} if make.chance() else {"start": float(count), "stop": "None"}
    return make.case(make.call(op, **stop, repeat=make.pick(None, 1, 2, 3), dtype=make.pick(*_MADE)), magnitude=16.0)


def _arange_like(make: Maker, op: str) -> Case:
    shape = make.shape()
    data = make.input("data", shape, make.pick("float32", "float32", "float64"), batched=False)
    axis = make.pick(None, make.axis(len(shape)))
    attrs = {"start": make.pick(None, 1.0, -2.0), "step": make.pick(None, 2.0, 0.5), "repeat": make.pick(None, 1, 2), "axis": axis}
    return make.case(make.call(op, data, **attrs), magnitude=16.0)


def _eye(make: Maker, op: str) -> Case:
    return make.case(make.call(op, N=make.size(), M=make.pick(None, 0, make.size()), k=make.pick(None, 0, 1, -1, 3), dtype=make.pick(*_MADE)))


def _of_shape(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axes = {"axes": make.pick(None, tuple(make.shuffled(make.some(range(len(shape)), 1))))} if op == "_contrib_index_array" else {}
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS), batched=False), **axes))


def _tile(make: Maker, op: str) -> Case:
    reps = tuple(make.integer(1, 3) for _ in range(make.integer(1, 4)))
    return make.case(make.call(op, make.input("data", make.shape(1, 4), make.pick(*NUMBERS), batched=False), reps=reps))


def _repeat(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axis = make.pick(None, "None", make.axis(len(shape)))
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS), batched=False), repeats=make.integer(1, 3), axis=axis))


def _cumsum(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    data = make.input("a", shape, make.pick("float32", "float32", "float64", "int32", "int64"), batched=False)
    dtype = make.pick(None, None, "float32", "float64", "int64")
    count = volume(shape)
    return make.case(make.call(op, data, axis=make.pick(None, "None", make.axis(len(shape))), dtype=dtype), terms=count, magnitude=2.0 * count,
                     dtype="float32" if make.inputs[0].dtype.startswith("float") else None)


def _nan_reduction(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 3), make.pick("float32", "float32", "float64")
    data = make.input("data", shape, dtype, "uniform", 0.5, 1.5)
    axis = make.pick(None, make.axis(len(shape)), make.axes(len(shape), 1))
    count = volume(shape)
    call = make.call(op, data, axis=axis, keepdims=make.pick(None, True), exclude=make.pick(None, None, True))
    return make.case(call, units=4.0 + count**0.5, terms=count, magnitude=0.0 if op == "nanprod" else 2.0 * count)


def _moments(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axes = make.pick(None, tuple(make.some(range(len(shape)), 1)))
    data = make.input("data", shape, make.pick("float32", "float32", "float64"))
    return make.case(*outputs(make.call(op, data, axes=axes, keepdims=make.pick(None, True, False)), 2), units=8, terms=volume(shape), magnitude=8.0)


def _cross_entropy(make: Maker, op: str) -> Case:
    rows, classes = make.size(), make.size()
    label = make.input("label", (rows,), "float32", "integers", 0, classes - 1, batched=False)
    return make.case(make.call(op, make.input("data", (rows, classes), batched=False), label), units=16, terms=rows, magnitude=8.0 * rows)


def _several(make: Maker, op: str) -> Case:
    count = 1 if op == "all_finite" else make.integer(1, 3)
    data = [make.input(f"data{index}", make.shape(1, 3), values=make.pick("uniform", "special") if op != "multi_sum_sq" else "uniform", batched=False)
            for index in range(count)]
    attrs = {} if op == "all_finite" else {"num_arrays": count}
    most = max(volume(item.shape) for item in make.inputs)
    return make.case(make.call(op, *data, **attrs), terms=most, magnitude=4.0 * most)


def _quadratic(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(), make.pick(*FLOATS))
    return make.case(make.call(op, data, a=make.pick(None, 2.0), b=make.pick(None, -1.0), c=make.pick(None, 0.5)), units=4, magnitude=12.0)


def _allclose(make: Maker, op: str) -> Case:
    shape = make.shape(1, 2)
    inputs = make.input("a", shape, values="integers", low=0, high=1, batched=False), make.input("b", shape, values="integers", low=0, high=1, batched=False)
    return make.case(make.call(op, *inputs, rtol=make.pick(None, 0.5), atol=make.pick(None, 0.25, 2.0), equal_nan=make.pick(None, True)))


def _khatri_rao(make: Maker, op: str) -> Case:
    columns, count = make.size(), make.integer(1, 3)
    data = [make.input(f"data{index}", (make.pick(1, 2, 3, 5), columns), batched=False) for index in range(count)]
    return make.case(make.call(op, *data, num_args=count))


def _im2col(make: Maker, op: str) -> Case:
    kernel = (make.integer(1, 3), make.integer(1, 3))
    stride, dilate, pad = (make.pick(1, 2), make.pick(1, 2)), (make.pick(1, 2), make.pick(1, 1, 2)), (make.pick(0, 1), make.pick(0, 1))
    spatial = tuple(make.integer(1, 5) + each * (k - 1) for k, each in zip(kernel, dilate, strict=True))
    batch, channels = make.pick(1, 2, 3), make.pick(1, 2, 3)
    attrs = {"kernel": kernel, "stride": make.pick(None, stride), "dilate": dilate, "pad": pad}
    step = stride if attrs["stride"] else (1, 1)
    if op == "im2col":
        return make.case(make.call(op, make.input("data", (batch, channels, *spatial)), **attrs))
    places = volume([(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, p, d, k, s in zip(spatial, pad, dilate, kernel, step, strict=True)])
    data = make.input("data", (batch, channels * volume(kernel), places))
    return make.case(make.call(op, data, output_size=spatial, **attrs), terms=volume(kernel), magnitude=2.0 * volume(kernel))


def _pass_on(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(), make.pick("float32", "float64"))
    return make.case(make.call(op, data, **({"stype": "default"} if op == "cast_storage" else {"scalar": 0.5})))


def _histogram(make: Maker, op: str) -> Case:
    """Draws numbers that stand on no bin's edge."""
    data = make.input("data", make.shape(1, 2), make.pick("float32", "float64"), low=-3.0, high=3.0, batched=False)
    call = make.call(op, data, bin_cnt=make.pick(1, 2, 5, 8), range=make.pick((-2.0, 2.0), (0.0, 3.0)))
    return make.case(*outputs(call, 2), magnitude=4.0)


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(("_zeros", "_ones", "_full", "_zeros_without_dtype"), _filled),
    "_arange": _arange,
    "_linspace": _arange,
    "_contrib_arange_like": _arange_like,
    "_eye": _eye,
    **dict.fromkeys(("shape_array", "size_array", "_contrib_index_array"), _of_shape),
    "tile": _tile,
    "repeat": _repeat,
    "cumsum": _cumsum,
    "nansum": _nan_reduction,
    "nanprod": _nan_reduction,
    "moments": _moments,
    "softmax_cross_entropy": _cross_entropy,
    **dict.fromkeys(("all_finite", "multi_all_finite", "multi_sum_sq"), _several),
    "_contrib_quadratic": _quadratic,
    "_contrib_allclose": _allclose,
    "khatri_rao": _khatri_rao,
    "_contrib_gradientmultiplier": _pass_on,
    "cast_storage": _pass_on,
    "_histogram": _histogram,
    "im2col": _im2col,
    "col2im": _im2col,
}
