"""Activations, the softmax family and the output layers of training losses."""

from typing import Any

from bench.differential.case import Case
from bench.differential.maker import FLOATS, NUMBERS, Maker
from bench.differential.strategies.strategy import Strategy


def _activation(make: Maker, op: str) -> Case:
    kind = make.pick("relu", "sigmoid", "tanh", "softrelu", "softsign")
    data = make.input("data", make.shape(), make.pick(*FLOATS), make.pick("uniform", "special"), *make.pick((-2.0, 2.0), (-30.0, 30.0)))
    # oneDNN's softrelu is a difference of numbers as large as x.
    return make.case(make.call(op, data, act_type=kind), units=6, magnitude=30.0 if kind == "softrelu" else 2.0)


def _leaky_relu(make: Maker, op: str) -> Case:
    kind = make.pick(None, "leaky", "elu", "selu", "gelu", "prelu", "rrelu")
    shape = make.shape(1, 5)
    dtype = make.pick(*FLOATS)
    data = make.input("data", shape, dtype, make.pick("uniform", "special"), *make.pick((-2.0, 2.0), (-20.0, 20.0)))
    inputs = [data]
    if kind == "prelu":
        channels = shape[1] if len(shape) > 1 else 1
        inputs.append(make.weight("gamma", make.pick((channels,), (1,), (1, channels), (1, 1)), dtype))
    slope = make.pick(None, 0.1, 0.0, 1.0, -0.5)
    bounds = {"lower_bound": 0.25, "upper_bound": 0.5} if kind == "rrelu" and make.chance() else {}
    return make.case(make.call(op, *inputs, act_type=kind, slope=slope, **bounds), units=8, magnitude=20.0 if kind == "gelu" else 2.0, dtype=_coarse(dtype))


def _coarse(dtype: str) -> str:
    """Returns the type whose rounding counts: MXNet keeps attributes as float32, ngc as they are written, which shows in float64."""
    return "float32" if dtype == "float64" else dtype


def _softmax(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 5), make.pick(*FLOATS)
    data = make.input("data", shape, dtype, "uniform", *make.pick((-2.0, 2.0), (-40.0, 40.0)))
    wanted = make.pick(None, None, "float32", "float64", "float16")
    attrs: dict[str, Any] = {"axis": make.maybe(make.axis(len(shape))), "temperature": make.pick(None, None, 2.0, 0.5, "None"), "dtype": wanted}
    if op != "softmax" or make.integer(0, 3) < 3:
        return make.case(make.call(op, data, **attrs), units=16, terms=9, magnitude=40.0 if op == "log_softmax" else 0.25, dtype=_coarsest(dtype, wanted))
    axis = int(attrs["axis"] if attrs["axis"] is not None else -1) % len(shape)
    most = shape[axis] + (1 if make.integer(0, 31) == 31 else 0)  # MXNet takes a length above the dimension by its word
    length = make.input("length", [*shape[:axis], *shape[axis + 1 :]] or [1], make.pick("int32", "int64"), "integers", 0, most)
    return make.case(make.call(op, data, length, use_length=True, **attrs), units=16, terms=9, magnitude=0.25, dtype=_coarsest(dtype, wanted))


def _coarsest(dtype: str, wanted: str | None) -> str:
    return min(dtype, wanted or dtype, key=lambda name: int(name.removeprefix("float")))


def _softmax_output(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(2, 4), make.pick("float32", "float32", "float64")
    multi, preserve = make.maybe(make.chance()), make.maybe(make.chance())
    labels = (shape[0], *shape[2:]) if multi else shape[:-1]
    data = make.input("data", shape, dtype, low=-8.0, high=8.0)
    label = make.input("label", labels, dtype, "integers", 0, 0, label=True)
    more = {"grad_scale": make.pick(None, 2.0), "normalization": make.pick(None, "batch", "valid"), "use_ignore": make.pick(None, True)}
    return make.case(make.call(op, data, label, multi_output=multi, preserve_shape=preserve, **more), units=16, terms=9, magnitude=0.25)


def _softmax_activation(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(2, 4), make.pick("float32", "float32", "float64"), low=-8.0, high=8.0)
    return make.case(make.call(op, data, mode=make.pick(None, "instance", "channel")), units=16, terms=9, magnitude=0.25)


def _regression(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(2, 4), make.pick("float32", "float32", "float64")
    data = make.input("data", shape, dtype)
    label = make.input("label", shape[:-1] if op == "SVMOutput" else shape, dtype, label=True)
    return make.case(make.call(op, data, label, **({} if op == "SVMOutput" else {"grad_scale": make.pick(None, 0.5)})))


def _loss(make: Maker, op: str) -> Case:
    return make.case(make.call(op, make.input("data", make.shape(), make.pick("float32", "float64", "float16"))))


def _block_grad(make: Maker, op: str) -> Case:
    return make.case(make.call(op, make.input("data", make.shape(), make.pick(*NUMBERS))))


def _hard_sigmoid(make: Maker, op: str) -> Case:
    dtype = make.pick(*FLOATS)
    data = make.input("data", make.shape(), dtype, make.pick("uniform", "special"), -6.0, 6.0)
    return make.case(make.call(op, data, alpha=make.pick(None, 0.5, -0.25, 0.0), beta=make.pick(None, 0.0, 0.25)), magnitude=1.0, dtype=_coarse(dtype))


def _smooth_l1(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(), make.pick(*FLOATS), make.pick("uniform", "special"), -3.0, 3.0)
    return make.case(make.call(op, data, scalar=make.pick(None, 1.0, 0.5, 3.0, -1.0)), magnitude=1.0)


STRATEGIES: dict[str, Strategy] = {
    "Activation": _activation,
    "LeakyReLU": _leaky_relu,
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), _softmax),
    "SoftmaxOutput": _softmax_output,
    "SoftmaxActivation": _softmax_activation,
    **dict.fromkeys(("LogisticRegressionOutput", "LinearRegressionOutput", "MAERegressionOutput", "SVMOutput"), _regression),
    **dict.fromkeys(("MakeLoss", "make_loss"), _loss),
    "BlockGrad": _block_grad,
    "hard_sigmoid": _hard_sigmoid,
    "smooth_l1": _smooth_l1,
}
