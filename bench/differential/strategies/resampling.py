"""Resizing, sampling at places that are data, adaptive pooling, and images."""

import numpy as np

from bench.differential.case import Case
from bench.differential.maker import Maker
from bench.differential.strategies.strategy import Strategy


def _resize(make: Maker, op: str) -> Case:
    shape = make.shape(4, 4)
    data = make.input("data", shape, make.pick("float32", "float32", "float64"))
    mode = make.pick(None, "size", "like", "odd_scale", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up")
    attrs: dict[str, object] = {"mode": mode, "align_corners": make.pick(None, True, False)}
    inputs = [data]
    if mode == "like":
        inputs.append(make.input("like", (shape[0], make.size(), make.size(), make.size())))
    elif mode == "odd_scale" or (mode in (None, "size") and make.chance()):
        attrs |= {"scale_height": make.pick(1.0, 2.0, 0.5, 3.0), "scale_width": make.pick(1.0, 2.0, 0.5, 1.5)}
    elif mode in (None, "size"):
        attrs |= {"height": make.size(11), "width": make.size(11)}
    # A place between two pixels is the difference of numbers as large as the image, in float32 whatever the data.
    return make.case(make.call(op, *inputs, **attrs), units=8, terms=4, magnitude=2.0 * max(shape), dtype="float32")


def _adaptive(make: Maker, op: str) -> Case:
    shape = make.shape(4, 4)
    size = make.pick(None, (), make.size(), (make.size(), make.size()), (1, 1))
    return make.case(make.call(op, make.input("data", shape), output_size=size), terms=shape[2] * shape[3], magnitude=2.0)


def _grid(make: Maker, op: str) -> Case:
    if make.chance():
        data = make.input("data", (make.pick(1, 2, 3), 6), low=-1.0, high=1.0)
        target = (make.pick(2, 3, 5), make.pick(2, 3, 5))
        return make.case(make.call(op, data, transform_type="affine", target_shape=target), units=8, terms=3, magnitude=4.0)
    flow = make.input("data", (make.pick(1, 2, 3), 2, make.pick(2, 3, 5), make.pick(2, 3, 5)), low=-3.0, high=3.0)
    return make.case(make.call(op, flow, transform_type="warp"), units=8, magnitude=8.0)


def _sampler(make: Maker, op: str) -> Case:
    shape = (make.pick(1, 2, 3), make.pick(1, 3), make.pick(2, 3, 7), make.pick(2, 3, 7))
    data = make.input("data", shape)
    if op == "SpatialTransformer":
        place = make.input("loc", (shape[0], 6), low=-1.0, high=1.0)
        attrs = {"target_shape": (make.pick(2, 3, 5), make.pick(2, 3, 5)), "transform_type": "affine", "sampler_type": "bilinear"}
    else:
        place, attrs = make.input("grid", (shape[0], 2, make.pick(1, 3, 5), make.pick(1, 3, 5)), low=-1.25, high=1.25), {}
    # The weights of a pixel are differences of coordinates, which are as large as the image.
    return make.case(make.call(op, data, place, **attrs), units=16, terms=4, magnitude=8.0 * max(shape))


def _deformable(make: Maker, op: str) -> Case:
    kernel, pad, dilate = (make.pick(1, 2, 3), make.pick(1, 2, 3)), (make.pick(0, 1), make.pick(0, 1)), (make.pick(1, 1, 2), make.pick(1, 2))
    stride = (make.pick(1, 2), make.pick(1, 2))
    deformable, groups = make.pick(1, 2), make.pick(1, 1, 2)
    channels, filters = deformable * groups * make.pick(1, 2), deformable * groups * make.pick(1, 3)
    spatial = tuple(make.pick(1, 3, 4) + each * (k - 1) for k, each in zip(kernel, dilate, strict=True))
    out = tuple((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, p, d, k, s in zip(spatial, pad, dilate, kernel, stride, strict=True))
    batch, taps, no_bias = make.pick(1, 2), kernel[0] * kernel[1], make.pick(True, False)
    inputs = [make.input("data", (batch, channels, *spatial)), make.input("offset", (batch, 2 * deformable * taps, *out))]
    if op == "_contrib_ModulatedDeformableConvolution":
        inputs.append(make.input("mask", (batch, deformable * taps, *out), low=0.0, high=1.0))
    inputs.append(make.weight("weight", (filters, channels // groups, *kernel)))
    inputs += [] if no_bias else [make.weight("bias", (filters,))]
    attrs = {"stride": stride, "pad": pad, "dilate": dilate, "num_group": groups, "num_deformable_group": deformable, "no_bias": no_bias}
    terms = 4 * taps * channels // groups
    return make.case(make.call(op, *inputs, kernel=kernel, num_filter=filters, **attrs), units=16, terms=terms, magnitude=16.0 * terms)


def _correlation(make: Maker, op: str) -> Case:
    shape = (make.pick(1, 2), make.pick(1, 3, 8), make.pick(5, 6, 8), make.pick(5, 6, 8))
    attrs = {"kernel_size": make.pick(None, 1, 3), "max_displacement": make.pick(None, 1, 2), "stride1": make.pick(None, 1, 2),
             "stride2": make.pick(None, 1, 2), "pad_size": make.pick(2, 3), "is_multiply": make.pick(None, True, False)}
    data = make.input("data1", shape), make.input("data2", shape)
    return make.case(make.call(op, *data, **attrs), terms=9 * shape[1], magnitude=8.0)


def _image(make: Maker, op: str) -> Case:
    """Draws images of height, width and channels, alone or in a batch."""
    name = op.removeprefix("_image_")
    several = make.chance() and "flip" not in name
    shape = (*(make.shape(1, 1) if several else ()), make.pick(1, 3, 5, 8), make.pick(1, 3, 5, 8), make.pick(1, 3))
    batched = len(shape) == 4
    if name == "normalize":
        shape = (*shape[:-3], shape[-1], *shape[-3:-1])
        data = make.input("data", shape, batched=batched)
        each = make.chance() and shape[-3] == 3
        mean, std = ((0.1, 0.2, 0.3), (0.5, 0.25, 2.0)) if each else ((0.5,), (0.25,))
        return make.case(make.call(op, data, mean=mean, std=std), units=8, magnitude=8.0)
    data = make.input("data", shape, make.pick("uint8", "float32"), low=0.0, high=255.0, batched=batched)
    if name == "to_tensor":
        return make.case(make.call(op, data), units=8)
    if name == "resize":
        size, ratio, kind = make.pick(make.size(), (make.size(), make.size())), make.pick(None, False), make.pick(None, 0, 1)
        # OpenCV weighs bytes in fixed point, which rounds to the next byte now and then.
        slack = 1.0 / float(np.finfo(np.float32).eps) if make.inputs[0].dtype == "uint8" else 1024.0
        return make.case(make.call(op, data, size=size, keep_ratio=ratio, interp=kind), units=16, magnitude=slack, dtype="float32")
    if name == "crop":
        height, width = shape[-3:-1]
        x, y = make.integer(0, width - 1), make.integer(0, height - 1)
        return make.case(make.call(op, data, x=x, y=y, width=make.integer(1, width - x), height=make.integer(1, height - y)))
    return make.case(make.call(op, data))


STRATEGIES: dict[str, Strategy] = {
    "_contrib_BilinearResize2D": _resize,
    "_contrib_AdaptiveAvgPooling2D": _adaptive,
    "GridGenerator": _grid,
    "BilinearSampler": _sampler,
    "SpatialTransformer": _sampler,
    "_contrib_DeformableConvolution": _deformable,
    "_contrib_ModulatedDeformableConvolution": _deformable,
    "Correlation": _correlation,
    **{f"_image_{name}": _image for name in ("to_tensor", "normalize", "resize", "crop", "flip_left_right", "flip_top_bottom")},
}
