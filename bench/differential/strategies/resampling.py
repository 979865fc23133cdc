"""Resizing and adaptive pooling."""

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


STRATEGIES: dict[str, Strategy] = {"_contrib_BilinearResize2D": _resize, "_contrib_AdaptiveAvgPooling2D": _adaptive}
