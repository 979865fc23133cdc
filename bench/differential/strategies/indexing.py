"""Gathering, scattering, and what is made of indices."""

from bench.differential.case import Case
from bench.differential.maker import NUMBERS, Maker, volume
from bench.differential.strategies.strategy import Strategy

_INDEX = ("float32", "int32", "int64")
"""Types of indices, which old models hold as floats."""


def _embedding(make: Maker, op: str) -> Case:
    rows, width, dtype = make.size(17), make.size(), make.pick("float32", "float32", "float64", "float16")
    data = make.input("data", make.shape(1, 3), make.pick(*_INDEX), "integers", make.pick(0, -2), rows - 1 + make.pick(0, 2))
    weight = make.weight("weight", (rows, width), dtype)
    return make.case(make.call(op, data, weight, input_dim=rows, output_dim=width, dtype=None if dtype == "float32" else dtype))


def _take(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axis, mode = make.axis(len(shape)), make.pick(None, "clip", "wrap")
    beyond = make.pick(0, 3)
    data = make.input("a", shape, make.pick(*NUMBERS), batched=False)
    indices = make.input("indices", make.shape(1, 3), make.pick(*_INDEX), "integers", -beyond, shape[axis] - 1 + beyond)
    return make.case(make.call(op, data, indices, axis=make.pick(axis, axis) if axis else make.maybe(axis), mode=mode))


def _pick(make: Maker, op: str) -> Case:
    shape = make.shape(2, 4)
    axis, keep = make.axis(len(shape)), make.pick(None, False, True)
    place, beyond = axis % len(shape), make.pick(0, 2)
    wide = make.chance()
    chosen = (*shape[:place], *((1,) if wide else ()), *shape[place + 1 :])
    data = make.input("data", shape, make.pick(*NUMBERS), batched=place != 0)
    index = make.input("index", chosen, make.pick(*_INDEX), "integers", -beyond, shape[place] - 1 + beyond, batched=place != 0)
    return make.case(make.call(op, data, index, axis=axis, keepdims=keep, mode=make.pick(None, "clip", "wrap")))


def _batch_take(make: Maker, op: str) -> Case:
    rows, width = make.size(), make.size()
    data = make.input("a", (rows, width), make.pick(*NUMBERS))
    return make.case(make.call(op, data, make.input("indices", (rows,), "int32", "integers", 0, width - 1)))


def _places(make: Maker, name: str, shape: tuple[int, ...], dims: int, *, distinct: bool = False) -> str:
    """Returns indices (dims, ...) into the first dimensions of a shape, row by row."""
    rest = make.shape(1, 2)
    rest = (1,) if distinct else rest
    dtype = make.pick("int32", "int64")
    rows = [make.input(f"{name}{dim}", (1, *rest), dtype, "integers", 0, shape[dim] - 1, batched=False) for dim in range(dims)]
    return make.call("Concat", *rows, dim=0, num_args=dims)


def _gather_nd(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    data = make.input("data", shape, make.pick(*NUMBERS), batched=False)
    return make.case(make.call(op, data, _places(make, "row", shape, make.integer(1, len(shape)))))


def _scatter_nd(make: Maker, op: str) -> Case:
    """Draws one place, since of equal ones MXNet keeps any."""
    shape = make.shape(1, 4)
    dims, dtype = make.integer(1, len(shape)), make.pick(*NUMBERS)
    indices = _places(make, "row", shape, dims, distinct=True)
    data = make.input("data", (1, *shape[dims:]), dtype, batched=False)
    if op == "_scatter_set_nd":
        return make.case(make.call(op, make.input("lhs", shape, dtype, batched=False), data, indices, shape=shape))
    return make.case(make.call(op, data, indices, shape=shape))


def _index_copy(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 3), make.pick("float32", "float32", "float64")
    index = make.input("index", (1,), make.pick("int32", "int64"), "integers", 0, shape[0] - 1, batched=False)
    new = make.input("new", (1, *shape[1:]), dtype, batched=False)
    return make.case(make.call(op, make.input("old", shape, dtype, batched=False), index, new))


def _one_hot(make: Maker, op: str) -> Case:
    depth = make.size()
    data = make.input("indices", make.shape(1, 3), make.pick(*_INDEX), "integers", -1, depth)
    attrs = {"on_value": make.pick(None, 2.0, 0.5), "off_value": make.pick(None, -1.0), "dtype": make.pick(None, "float32", "float64", "float16", "int32")}
    return make.case(make.call(op, data, depth=depth, **attrs))


def _diag(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    axes = make.shuffled(range(len(shape)))[:2]
    attrs = {"axis1": axes[0], "axis2": axes[1]} if len(shape) > 2 else {}
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS), batched=False), k=make.pick(None, 0, 1, -1, 2), **attrs))


def _ravel(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    dtype = make.pick("float32", "int32", "int64")
    if op == "_unravel_index":
        places = make.shape(1, 1) if make.integer(0, 31) else make.shape(2, 2)
        data = make.input("data", places, dtype, "integers", 0, volume(shape) - 1, batched=False)
    else:
        count = make.size()
        rows = [make.input(f"row{dim}", (1, count), dtype, "integers", 0, size - 1, batched=False) for dim, size in enumerate(shape)]
        data = make.call("Concat", *rows, dim=0, num_args=len(rows))
    return make.case(make.call(op, data, shape=shape))


def _slice_assign(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 4), make.pick(*NUMBERS)
    bounds = []
    for size in shape:
        first = make.integer(0, size - 1)
        bounds.append((first, make.integer(first + 1, size), make.pick(1, 1, 2)))
    begin, end, step = zip(*bounds, strict=True)
    attrs = {"begin": begin, "end": end, "step": step if any(each != 1 for each in step) else make.pick(None, step)}
    data = make.input("lhs", shape, dtype, batched=False)
    if op == "_slice_assign_scalar":
        return make.case(make.call(op, data, scalar=make.pick(1.0, -2.0), **attrs))
    part = tuple(len(range(*bound)) for bound in bounds)
    return make.case(make.call(op, data, make.input("rhs", part, dtype, batched=False), **attrs))


STRATEGIES: dict[str, Strategy] = {
    "Embedding": _embedding,
    "_contrib_SparseEmbedding": _embedding,
    "take": _take,
    "pick": _pick,
    "batch_take": _batch_take,
    "gather_nd": _gather_nd,
    "scatter_nd": _scatter_nd,
    "_scatter_set_nd": _scatter_nd,
    "_contrib_index_copy": _index_copy,
    "one_hot": _one_hot,
    "diag": _diag,
    "_ravel_multi_index": _ravel,
    "_unravel_index": _ravel,
    "_slice_assign": _slice_assign,
    "_slice_assign_scalar": _slice_assign,
}
