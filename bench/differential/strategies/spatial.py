"""Convolution, deconvolution, dense layers and upsampling."""

from bench.differential.case import Case
from bench.differential.maker import Maker, volume
from bench.differential.strategies.strategy import Strategy


def _groups(make: Maker) -> tuple[int, int, int]:
    """Returns (groups, channels, filters), depth-wise ones among them."""
    groups = make.pick(1, 1, 2, 3, 8)
    return groups, groups * make.pick(1, 2, 3, 5), groups * make.pick(1, 2, 4, 9)


def _window(make: Maker, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Returns (kernel, stride, pad, dilate)."""
    kernel = tuple(make.pick(1, 2, 3) if rank > 1 else make.pick(1, 2, 3, 5) for _ in range(rank))
    stride = tuple(make.pick(1, 2, 3) for _ in range(rank))
    dilate = tuple(make.pick(1, 1, 2, 3) for _ in range(rank))
    return kernel, stride, tuple(make.pick(0, 1, 2) for _ in range(rank)), dilate


def _attr(make: Maker, values: tuple[int, ...], default: int) -> tuple[int, ...] | None:
    """Returns an attribute, left out now and then where it has its default."""
    return None if all(value == default for value in values) and make.chance() else values


def _weighted(make: Maker, op: str, shape: tuple[int, ...], weight: tuple[int, ...], filters: int, default_no_bias: bool, **attrs: object) -> Case:
    dtype = make.pick("float32", "float32", "float32", "float64")
    no_bias = make.chance()
    inputs = [make.input("data", shape, dtype), make.weight("weight", weight, dtype)]
    if not no_bias:
        inputs.append(make.weight("bias", (filters,), dtype))
    given = no_bias if no_bias != default_no_bias or make.chance() else None
    terms = volume(weight) // min(weight[0], filters)
    # Winograd's transforms, of the reference's numbers and MXNet's alike, add a few roundings to each product.
    return make.case(make.call(op, *inputs, no_bias=given, **attrs), units=4, terms=terms, magnitude=4.0 * terms)


def _convolution(make: Maker, op: str) -> Case:
    rank = make.pick(2, 2, 1, 3) if op == "Convolution" else 2
    groups, channels, filters = _groups(make)
    kernel, stride, pad, dilate = _window(make, rank)
    spatial = tuple(make.size(11) for _ in range(rank))
    attrs = {"num_filter": filters, "kernel": kernel, "stride": _attr(make, stride, 1), "pad": _attr(make, pad, 0), "dilate": _attr(make, dilate, 1),
             "num_group": None if groups == 1 and make.chance() else groups, "layout": make.pick(None, "None", {1: "NCW", 2: "NCHW", 3: "NCDHW"}[rank])}
    return _weighted(make, op, (make.size(), channels, *spatial), (filters, channels // groups, *kernel), filters, False, **attrs)


def _deconvolution(make: Maker, op: str) -> Case:
    rank = make.pick(2, 2, 1, 3)
    groups, channels, filters = _groups(make)
    kernel, stride, pad, dilate = _window(make, rank)
    spatial = tuple(make.pick(1, 2, 3, 4, 7) for _ in range(rank))
    attrs: dict[str, object] = {"num_filter": filters, "kernel": kernel, "stride": _attr(make, stride, 1), "dilate": _attr(make, dilate, 1),
                                "num_group": None if groups == 1 and make.chance() else groups}
    attrs["pad"], attrs["adj"] = _attr(make, pad, 0), _attr(make, tuple(make.integer(0, step) for step in stride), 0)
    if make.integer(0, 3) == 3:
        whole = tuple(step * (size - 1) + spread * (k - 1) + 1 for step, size, spread, k in zip(stride, spatial, dilate, kernel, strict=True))
        target = attrs["target_shape"] = tuple(max(1, size - make.integer(0, 2)) for size in whole)
        if make.integer(0, 3) > 0:  # oneDNN wants those that follow from the target
            rest = [size - wanted for size, wanted in zip(whole, target, strict=True)]
            attrs["pad"], attrs["adj"] = tuple((size + 1) // 2 for size in rest), tuple(size % 2 for size in rest)
    return _weighted(make, op, (make.size(), channels, *spatial), (channels, filters // groups, *kernel), filters, True, **attrs)


def _fully_connected(make: Maker, op: str) -> Case:
    shape = make.shape(1, 4)
    flatten = make.maybe(make.chance())
    inner = volume(shape[1:]) if flatten in (None, True) else shape[-1]
    hidden = make.size(17)
    return _weighted(make, op, shape, (hidden, inner), hidden, False, num_hidden=hidden, flatten=flatten)


def _upsampling(make: Maker, op: str) -> Case:
    scale = make.integer(1, 4)
    if make.chance():
        shape = make.shape(4, 4)
        size = 2 * scale - scale % 2
        inputs = [make.input("data", shape), make.weight("weight", (shape[1], 1, size, size))]
        attrs = {"num_filter": shape[1], "sample_type": "bilinear", "num_args": 2}
        return make.case(make.call(op, *inputs, scale=scale, **attrs), terms=size**2, magnitude=2.0 * size**2)
    count = make.integer(1, 3)
    batch, channels, height, width = make.shape(4, 4)
    total = make.pick("concat", "sum") if count > 1 else None
    data = []
    for index in range(count):
        # Inputs after the first may be as large as the result.
        factor = make.pick(1, scale) if index else 1
        own = channels if total == "sum" else make.pick(channels, 2)
        data.append(make.input(f"data{index}", (batch, own, height * factor, width * factor)))
    return make.case(make.call(op, *data, scale=scale, sample_type="nearest", num_args=count, multi_input_mode=total))


STRATEGIES: dict[str, Strategy] = {
    "Convolution": _convolution,
    "Convolution_v1": _convolution,
    "Deconvolution": _deconvolution,
    "FullyConnected": _fully_connected,
    "UpSampling": _upsampling,
}
