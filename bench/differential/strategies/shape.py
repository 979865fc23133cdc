"""Operators that give data another shape: Reshape with its codes and its kin, transposition, broadcasting to a shape."""

from math import prod

from bench.differential.case import Case
from bench.differential.maker import NUMBERS, Maker
from bench.differential.strategies.strategy import Strategy


def factors(make: Maker, size: int) -> tuple[int, int]:
    """Returns two sizes whose product is `size`."""
    left = make.pick(*(divisor for divisor in range(1, size + 1) if size % divisor == 0))
    return left, size // left


def _codes(make: Maker, shape: tuple[int, ...]) -> list[int]:
    """Returns codes that fit a shape, each chosen for what is left of it; one in eight is then changed into something that may not."""
    codes: list[int] = []
    position, inferred = 0, False
    while position < len(shape):
        rest = len(shape) - position
        kind = make.pick("copy", "keep", "infer", "rest", "merge", "split", "gather")
        if kind == "infer" and not inferred:
            codes, position, inferred = [*codes, -1], position + 1, True
        elif kind == "rest":
            codes, position = [*codes, -2], len(shape)
        elif kind == "merge" and rest > 1:
            codes, position = [*codes, -3], position + 2
        elif kind == "split":
            left, right = factors(make, shape[position])
            hidden = make.pick((left, right), (-1, right), (left, -1))
            codes, position = [*codes, -4, *hidden], position + 1
        elif kind == "gather":
            codes, position = [*codes, prod(shape[position:])], len(shape)
        else:
            codes, position = [*codes, 0 if kind == "copy" else shape[position]], position + 1
    if make.integer(0, 7) == 7:
        codes[make.integer(0, len(codes) - 1)] = make.integer(-4, 3)
    return codes


def _reshape(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    data = make.input("data", shape, make.pick(*NUMBERS))
    if make.integer(0, 7) == 7:
        target = (*shape[:1], prod(shape[1:]))
        hidden = make.pick(target, (0, target[1]), (target[0], 0))
        return make.case(make.call(op, data, target_shape=hidden, keep_highest=make.maybe(make.chance())))
    if make.chance():
        return make.case(make.call(op, data, shape=tuple(_codes(make, shape)), reverse=make.pick(None, False)))
    codes = _codes(make, tuple(reversed(shape)))
    backwards = []  # read from the right, the two sizes of -4 stand before it, in the order of the result
    while codes:
        code = codes.pop(0)
        backwards.append([codes.pop(1), codes.pop(0), code] if code == -4 and len(codes) > 1 else [code])
    return make.case(make.call(op, data, shape=tuple(code for group in reversed(backwards) for code in group), reverse=True))


def _flatten(make: Maker, op: str) -> Case:
    return make.case(make.call(op, make.input("data", make.shape(1, 5), make.pick(*NUMBERS))))


def _transpose(make: Maker, op: str) -> Case:
    shape = make.shape(1, 6)
    axes = make.maybe(tuple(make.shuffled(range(len(shape)))))
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS)), axes=axes))


def _swap_axis(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    data = make.input("data", shape, make.pick(*NUMBERS))
    return make.case(make.call(op, data, dim1=make.maybe(make.axis(len(shape))), dim2=make.maybe(make.axis(len(shape)))))


def _expand_dims(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS)), axis=make.axis(len(shape) + 1)))


def _with_ones(make: Maker, least: int = 1, most: int = 5) -> tuple[int, ...]:
    return tuple(make.pick(1, size) for size in make.shape(least, most))


def _squeeze(make: Maker, op: str) -> Case:
    shape = _with_ones(make)
    ones = [axis - len(shape) if make.chance() else axis for axis, size in enumerate(shape) if size == 1]
    axis = make.pick(None, "None", tuple(make.some(ones)) or None, make.axis(len(shape)))
    # A batch is no dimension of one, whatever it is in a run.
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS), batched=shape[0] != 1), axis=axis))


def _broadcast_axis(make: Maker, op: str) -> Case:
    shape = _with_ones(make)
    chosen = make.shuffled(make.some([axis for axis, size in enumerate(shape) if size == 1]))
    data = make.input("data", shape, make.pick(*NUMBERS))
    return make.case(make.call(op, data, axis=tuple(chosen), size=tuple(make.size() for _ in chosen)))


def _broadcast_to(make: Maker, op: str) -> Case:
    shape = _with_ones(make)
    target = tuple(make.pick(0, size) if size > 1 else make.pick(0, 1, make.size()) for size in shape)
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS)), shape=target))


def _broadcast_like(make: Maker, op: str) -> Case:
    shape = _with_ones(make, 1, 4)
    dtype = make.pick(*NUMBERS)
    if make.chance():
        like = tuple(make.size() if size == 1 else size for size in shape)
        same = like[0] == shape[0]
        return make.case(make.call(op, make.input("lhs", shape, dtype, batched=same), make.input("rhs", like, dtype, batched=same)))
    axes = make.axes(len(shape), 1)
    like = make.shape(len(axes), 4)
    places = make.shuffled(range(len(like)))[: len(axes)]
    sizes = list(like)
    for axis, place in zip(axes, places, strict=True):
        sizes[place] = sizes[place] if shape[axis] == 1 else shape[axis]
    right = tuple(place - len(like) if make.chance() else place for place in places)
    inputs = make.input("lhs", shape, dtype, batched=False), make.input("rhs", sizes, dtype, batched=False)
    return make.case(make.call(op, *inputs, lhs_axes=axes, rhs_axes=right))


def _reshape_like(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 4), make.pick(*NUMBERS)
    begin = make.integer(0, len(shape) - 1)
    end = make.integer(begin + 1, len(shape))
    middle = factors(make, prod(shape[begin:end]))
    before, after = make.shape(1, 2), make.shape(1, 2)
    like = (*before, *middle, *after)
    left, right = make.input("lhs", shape, dtype), make.input("rhs", like, dtype, batched=False)
    if make.integer(0, 3) == 0:
        whole = make.input("all", factors(make, prod(shape)), dtype, batched=False)
        make.inputs.remove(next(item for item in make.inputs if item.name == right))
        return make.case(make.call(op, left, whole))
    rank = len(like)
    bounds = {
        "lhs_begin": make.pick(begin, begin - len(shape)), "lhs_end": end if end < len(shape) else make.pick(end, None),
        "rhs_begin": make.pick(len(before), len(before) - rank), "rhs_end": make.pick(rank - len(after), -len(after)),
    }
    return make.case(make.call(op, left, right, **bounds))


def _stack(make: Maker, op: str) -> Case:
    shape, dtype, count = make.shape(1, 4), make.pick(*NUMBERS), make.integer(1, 4)
    data = [make.input(f"data{index}", shape, dtype) for index in range(count)]
    return make.case(make.call(op, *data, axis=make.maybe(make.axis(len(shape) + 1)), num_args=count))


def _blocks(make: Maker, op: str) -> Case:
    block = make.integer(1, 3)
    batch, channels, height, width = make.shape(4, 4)
    deep = op == "depth_to_space"
    shape = (batch, channels * block**2 if deep else channels, height * (1 if deep else block), width * (1 if deep else block))
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS)), block_size=block))


STRATEGIES: dict[str, Strategy] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "transpose": _transpose,
    "SwapAxis": _swap_axis,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "broadcast_axis": _broadcast_axis,
    "broadcast_to": _broadcast_to,
    "broadcast_like": _broadcast_like,
    "reshape_like": _reshape_like,
    "stack": _stack,
    "depth_to_space": _blocks,
    "space_to_depth": _blocks,
}
