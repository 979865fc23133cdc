"""Operators that join, split, cut and pad."""

from bench.differential.case import Case
from bench.differential.maker import NUMBERS, Maker, outputs
from bench.differential.strategies.strategy import Strategy


def _concat(make: Maker, op: str) -> Case:
    shape, dtype, count = make.shape(1, 5), make.pick(*NUMBERS), make.integer(1, 4)
    axis = make.axis(len(shape))
    place = axis % len(shape)
    data = [make.input(f"data{index}", (*shape[:place], make.size(), *shape[place + 1 :]), dtype, batched=place != 0) for index in range(count)]
    return make.case(make.call(op, *data, dim=None if axis == 1 and make.chance() else axis, num_args=count))


def _split_channels(make: Maker, op: str) -> Case:
    shape = list(make.shape(1, 5))
    axis, count = make.axis(len(shape)), make.integer(1, 4)
    shape[axis] = count * make.pick(1, 1, 2, 3)
    data = make.input("data", shape, make.pick(*NUMBERS))
    call = make.call(op, data, num_outputs=count, axis=axis, squeeze_axis=make.pick(None, False, True))
    return make.case(*outputs(call, count))


def _split_at(make: Maker, op: str) -> Case:
    shape = list(make.shape(1, 4))
    axis = make.axis(len(shape))
    squeeze = make.pick(None, False, True)
    if make.chance():
        count = make.integer(1, 4)
        shape[axis] = count * make.pick(1, 2, 3)
        data = make.input("data", shape, make.pick(*NUMBERS))
        return make.case(*outputs(make.call(op, data, indices="[]", axis=axis, sections=count, squeeze_axis=squeeze), count))
    starts = [0, *make.some(range(1, shape[axis]))] if shape[axis] > 1 else [0]
    data = make.input("data", shape, make.pick(*NUMBERS))
    return make.case(*outputs(make.call(op, data, indices=str(starts), axis=axis, squeeze_axis=squeeze), len(starts)))


def _bound(make: Maker, size: int) -> int | None:
    return make.pick(None, 0, 1, size, size + 2, -1, -size, make.integer(-size, size))


def _cut(make: Maker, size: int) -> tuple[int | None, int | None, int | None]:
    """Returns (begin, end, step), one time in eight without care for whether that leaves anything."""
    step = make.pick(None, 1, 2, -1, -2, 3)
    if make.integer(0, 7) == 7:
        return _bound(make, size), _bound(make, size), step
    first = make.integer(0, size - 1)
    last = make.integer(first + 1, size)
    begin, end = (first, last) if (step or 1) > 0 else (last - 1, first - 1 if first else None)
    return make.pick(begin, begin - size, None), make.pick(end, None) if end is None or end == size else make.pick(end, end - size, None), step


def _slice(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    begin, end, step = zip(*(_cut(make, size) for size in shape[: make.integer(1, len(shape))]), strict=True)
    data = make.input("data", shape, make.pick(*NUMBERS))
    return make.case(make.call(op, data, begin=begin, end=end, step=step if any((each or 1) < 0 for each in step) else make.pick(None, step)))


def _slice_axis(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    axis = make.axis(len(shape))
    size = shape[axis]
    begin = make.integer(0, size - 1)
    end = make.integer(begin + 1, size)
    written = make.pick(end, end - size if end < size else "None")
    data = make.input("data", shape, make.pick(*NUMBERS))
    return make.case(make.call(op, data, axis=axis, begin=make.pick(begin, begin - size), end=make.pick(written, _bound(make, size) or "None")))


def _slice_like(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 4), make.pick(*NUMBERS)
    axes = make.maybe(make.axes(len(shape)))
    cut = {axis % len(shape) for axis in axes} if axes else set(range(len(shape)))
    like = tuple(make.integer(1, size) if axis in cut else make.size() for axis, size in enumerate(shape))
    # Ranks may differ where axes say what is cut.
    shorter = like[: max(cut) + 1] if axes and make.chance() and min(axes) >= 0 else like
    return make.case(make.call(op, make.input("data", shape, dtype), make.input("shape_like", shorter, dtype, batched=shorter[0] == shape[0]), axes=axes))


def _reverse(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    axes = tuple(make.shuffled(make.some(range(len(shape)), 1)))
    return make.case(make.call(op, make.input("data", shape, make.pick(*NUMBERS)), axis=make.pick(axes[0], axes)))


def _pad(make: Maker, op: str) -> Case:
    shape = make.shape(4, 5)
    mode = make.pick("constant", "edge", "reflect")
    widths = [0, 0, 0, 0]
    for size in shape[2:]:
        most = size - 1 if mode == "reflect" else 3
        widths += [make.integer(0, most), make.integer(0, most)]
    data = make.input("data", shape, make.pick("float32", "float32", "float64", "float16", "int32"))
    return make.case(make.call(op, data, mode=mode, pad_width=tuple(widths), constant_value=make.pick(None, 1.5) if mode == "constant" else None))


def _crop(make: Maker, op: str) -> Case:
    shape = make.shape(4, 4)
    height, width = make.integer(1, shape[2]), make.integer(1, shape[3])
    offset = make.maybe((make.integer(0, shape[2] - height), make.integer(0, shape[3] - width)))
    inputs = [make.input("data", shape)]
    center = make.maybe(make.chance())
    if make.chance():
        inputs.append(make.input("crop_like", (shape[0], make.size(), height, width)))
        return make.case(make.call(op, *inputs, num_args=2, offset=offset, center_crop=center))
    return make.case(make.call(op, *inputs, num_args=1, h_w=(height, width), offset=offset, center_crop=center))


STRATEGIES: dict[str, Strategy] = {
    "Concat": _concat,
    "SliceChannel": _split_channels,
    "_split_v2": _split_at,
    "slice": _slice,
    "slice_axis": _slice_axis,
    "slice_like": _slice_like,
    "reverse": _reverse,
    "Pad": _pad,
    "Crop": _crop,
}
