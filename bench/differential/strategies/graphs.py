"""Small random graphs of several operators, for what calls alone do not show: fusion, layouts, sharing, lifetimes of buffers.

Only operators whose results follow their operands smoothly take part: rounding must not be amplified, nor decide a comparison. Each value keeps a bound of
its size, from which the tolerance of the whole follows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.differential.case import Case
from bench.differential.maker import Maker, volume

_SMOOTH = ("relu", "sigmoid", "tanh", "softsign", "abs", "negative", "sin", "erf", "arctan")
_LARGEST = 64.0
"""Values are kept below by operators that bound them: tanh is put on top of what could be larger."""


@dataclass(frozen=True)
class _Value:
    """A reference, the shape of what it refers to, and a bound of its absolute values."""

    name: str
    shape: tuple[int, ...]
    bound: float


class _Network:
    """A graph while it grows."""

    def __init__(self, make: Maker) -> None:
        self.make, self.weights, self.terms = make, 0, 1
        batch, channels = make.pick(1, 2, 3), make.pick(1, 3, 4, 8)
        shape = (batch, channels, *(make.pick(4, 5, 7, 8) for _ in range(make.pick(2, 2, 1))))
        self.values = [_Value(make.input("data", shape), shape, 2.0)]

    def weight(self, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> str:
        """Adds a parameter."""
        self.weights += 1
        return self.make.input(f"w{self.weights}", shape, low=low, high=high, param=True)

    def add(self, op: str, *inputs: str, shape: tuple[int, ...], bound: float, **attrs: object) -> None:
        """Adds a call, bounded where it may be large."""
        name = self.make.call(op, *inputs, **attrs)
        if bound > _LARGEST:
            name, bound = self.make.call("tanh", name), 1.0
        self.values.append(_Value(name, shape, bound))


def _unary(net: _Network, x: _Value) -> None:
    op = net.make.pick(*_SMOOTH)
    net.add(op, x.name, shape=x.shape, bound=max(1.0, x.bound))


def _activation(net: _Network, x: _Value) -> None:
    kind = net.make.pick("relu", "leaky", "elu", "gelu", "clip")
    if kind == "clip":
        net.add("clip", x.name, shape=x.shape, bound=6.0, a_min=0.0, a_max=6.0)
    elif kind == "relu":
        net.add("Activation", x.name, shape=x.shape, bound=x.bound, act_type="relu")
    else:
        net.add("LeakyReLU", x.name, shape=x.shape, bound=x.bound, act_type=kind)


def _scalar(net: _Network, x: _Value) -> None:
    op, scalar = net.make.pick(("_plus_scalar", 1.5), ("_mul_scalar", 0.5), ("_rminus_scalar", 1.0), ("_div_scalar", -2.0), ("_maximum_scalar", 0.25))
    net.add(op, x.name, shape=x.shape, bound=x.bound + 1.5, scalar=scalar)


def _binary(net: _Network, x: _Value) -> None:
    others = [value for value in net.values if len(value.shape) == len(x.shape)
              and all(left == right or 1 in (left, right) for left, right in zip(value.shape, x.shape, strict=True))]
    y = net.make.pick(*others)
    shape = tuple(max(pair) for pair in zip(x.shape, y.shape, strict=True))
    kind = net.make.pick("add", "sub", "mul", "maximum")
    op = f"elemwise_{kind}" if x.shape == y.shape and kind != "maximum" and net.make.chance() else f"broadcast_{kind}"
    net.add(op, x.name, y.name, shape=shape, bound=x.bound * y.bound if kind == "mul" else x.bound + y.bound)


def _convolution(net: _Network, x: _Value) -> None:
    if len(x.shape) not in (3, 4):
        return _unary(net, x)
    make, channels, spatial = net.make, x.shape[1], x.shape[2:]
    groups = make.pick(*(group for group in (1, 2, channels) if channels % group == 0))
    filters = groups * make.pick(1, 2, 4)
    pad = make.pick(0, 1)
    kernel = tuple(make.integer(1, min(3, size + 2 * pad)) for size in spatial)
    stride = make.pick(1, 1, 2)
    weight = (filters, channels // groups, *kernel)
    terms = volume(weight[1:])
    net.terms = max(net.terms, terms)
    no_bias = make.chance()
    inputs = [x.name, net.weight(weight, -1.0 / terms**0.5, 1.0 / terms**0.5), *([] if no_bias else [net.weight((filters,))])]
    shape = (x.shape[0], filters, *((size + 2 * pad - k) // stride + 1 for size, k in zip(spatial, kernel, strict=True)))
    rank = len(spatial)
    return net.add("Convolution", *inputs, shape=shape, bound=terms**0.5 * x.bound + 1, num_filter=filters, num_group=groups, kernel=kernel, no_bias=no_bias,
                   stride=(stride,) * rank, pad=(pad,) * rank)


def _batch_norm(net: _Network, x: _Value) -> None:
    if len(x.shape) < 2:
        return _unary(net, x)
    size = (x.shape[1],)
    inputs = [net.weight(size), net.weight(size), net.weight(size), net.weight(size, 0.5, 2.0)]
    return net.add("BatchNorm", x.name, *inputs, shape=x.shape, bound=1.5 * x.bound + 3, fix_gamma=net.make.chance(), eps=1e-5)


def _pooling(net: _Network, x: _Value) -> None:
    if len(x.shape) not in (3, 4):
        return _unary(net, x)
    make, spatial = net.make, x.shape[2:]
    if make.integer(0, 3) == 3:
        return net.add("Pooling", x.name, shape=(*x.shape[:2], *(1 for _ in spatial)), bound=x.bound, global_pool=True, pool_type=make.pick("avg", "max"))
    kernel = tuple(make.integer(1, min(3, size)) for size in spatial)
    shape = (*x.shape[:2], *((size - k) // 2 + 1 for size, k in zip(spatial, kernel, strict=True)))
    return net.add("Pooling", x.name, shape=shape, bound=x.bound, kernel=kernel, stride=(2,) * len(spatial), pool_type=make.pick("avg", "max"))


def _dense(net: _Network, x: _Value) -> None:
    make = net.make
    flatten = len(x.shape) < 2 or make.chance()
    inner, hidden = volume(x.shape[1:]) if flatten else x.shape[-1], make.pick(1, 3, 8, 17)
    net.terms = max(net.terms, inner)
    weight = net.weight((hidden, inner), -1.0 / inner**0.5, 1.0 / inner**0.5)
    shape = (x.shape[0], hidden) if flatten else (*x.shape[:-1], hidden)
    net.add("FullyConnected", x.name, weight, shape=shape, bound=inner**0.5 * x.bound, num_hidden=hidden, flatten=flatten, no_bias=True)


def _movement(net: _Network, x: _Value) -> None:
    make, rank = net.make, len(x.shape)
    match make.pick("transpose", "slice", "concat", "flatten", "reverse"):
        case "transpose":
            axes = [0, *make.shuffled(range(1, rank))]
            net.add("transpose", x.name, shape=tuple(x.shape[axis] for axis in axes), bound=x.bound, axes=axes)
        case "slice":
            axis = make.integer(0, rank - 1)
            end = make.integer(1, x.shape[axis])
            begin = make.integer(0, end - 1)
            net.add("slice_axis", x.name, shape=(*x.shape[:axis], end - begin, *x.shape[axis + 1 :]), bound=x.bound, axis=axis, begin=begin, end=end)
        case "concat":
            axis = min(1, rank - 1)
            others = [value for value in net.values if value.shape[:axis] + value.shape[axis + 1 :] == x.shape[:axis] + x.shape[axis + 1 :]]
            y = make.pick(*[value for value in others if len(value.shape) == rank])
            shape = (*x.shape[:axis], x.shape[axis] + y.shape[axis], *x.shape[axis + 1 :])
            net.add("Concat", x.name, y.name, shape=shape, bound=max(x.bound, y.bound), dim=axis, num_args=2)
        case "flatten":
            net.add("Flatten", x.name, shape=(x.shape[0], volume(x.shape[1:])), bound=x.bound)
        case _:
            net.add("reverse", x.name, shape=x.shape, bound=x.bound, axis=make.integer(0, rank - 1))


def _reduction(net: _Network, x: _Value) -> None:
    axis = net.make.integer(0, len(x.shape) - 1)
    if net.make.chance():
        net.terms = max(net.terms, x.shape[axis])
        return net.add("softmax", x.name, shape=x.shape, bound=1.0, axis=axis)
    return net.add(net.make.pick("mean", "max"), x.name, shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]), bound=x.bound, axis=axis, keepdims=True)


_LAYERS: tuple[Callable[[_Network, _Value], None], ...] = (
    _unary, _activation, _scalar, _binary, _convolution, _batch_norm, _pooling, _dense, _movement, _reduction, _convolution,
)


def graph(make: Maker, op: str) -> Case:
    """Draws a graph of up to eight layers, each of which reads any earlier value, and returns up to two of its values."""
    net = _Network(make)
    for _ in range(make.integer(1, 8)):
        make.pick(*_LAYERS)(net, make.pick(*reversed(net.values)))
    heads = dict.fromkeys([net.values[-1].name, make.pick(*net.values[1:]).name])
    depth = len(net.values)
    # A layer passes on the errors of its operand, at most as large as it makes the operand itself, and adds its own.
    return make.case(*heads, units=4.0 * depth, terms=float(net.terms * depth**2), magnitude=max(value.bound for value in net.values))
