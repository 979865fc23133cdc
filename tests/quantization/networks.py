"""Small networks of the kinds that int8 must serve, with weights that keep a signal alive, and images for them."""

from collections.abc import Callable
from math import prod

import numpy as np

from ngc.ir import Graph, Step, SymDim, Value
from tests.passes.nets import Net


class Network(Net):
    """A builder of layers whose weights grow no signal: uniform, of variance 2 / inputs, as rectifiers want them."""

    def layer(self, x: Value, outputs: int, kernel: int = 1, *, name: str, stride: int = 1, groups: int = 1, act: str | None = "relu") -> Value:
        """Appends a convolution that keeps the size of images, a batch_norm and an activation: relu, relu6 or none."""
        y = self.plain(x, outputs, kernel, name=name, stride=stride, groups=groups)
        return self.active(self.batch_norm(y, name=f"{name}_bn"), act)

    def plain(self, x: Value, outputs: int, kernel: int = 1, *, name: str, stride: int = 1, groups: int = 1) -> Value:
        """Appends a convolution with a bias."""
        shape = (outputs, int(x.type.shape[1]) // groups, *(kernel,) * (x.type.rank - 2))  # type: ignore[arg-type]
        return self.conv(x, outputs, kernel, name=name, weights=self.weights(f"{name}_weight", *shape), bias=True, groups=groups, stride=stride,
                         pad=kernel // 2)

    def active(self, x: Value, act: str | None) -> Value:
        """Appends an activation."""
        if act == "relu6":
            return self.op("clip", x, a_min=0.0, a_max=6.0)
        return self.op(act, x) if act else x

    def classes(self, x: Value, outputs: int = 10, *, name: str = "fc") -> Value:
        """Appends a dense layer with a bias; images are flattened."""
        if x.type.rank > 2:
            x = self.op("reshape", x, shape=(SymDim(), prod(int(dim) for dim in x.type.shape[1:])))  # type: ignore[arg-type]
        weights = self.weights(f"{name}_weight", outputs, int(x.type.shape[1]))  # type: ignore[arg-type]
        return self.op("dense", x, weights, self.const(f"{name}_bias", outputs), name=name, epilogue=(Step("bias"),))

    def pooled(self, x: Value, kind: str, kernel: int = 0, stride: int = 1, pad: int = 0) -> Value:
        """Appends a pool, of the whole image unless a kernel is given."""
        rank = x.type.rank - 2
        return self.op("pool", x, kind=kind, kernel=(kernel,) * rank if kernel else x.type.shape[2:], stride=(stride,) * rank, pad=(pad,) * rank)

    def weights(self, name: str, *shape: int) -> Value:
        """Adds weights of variance 2 / inputs."""
        bound = (6 / prod(shape[1:])) ** 0.5
        return self.const(name, *shape, low=-bound, high=bound)


def residual_v1(channels: int = 3) -> Graph:
    """Returns ResNet-v1's blocks: one that keeps the size, one that projects."""
    net = Network()
    x = net.pooled(net.layer(net.input(channels, 16, 16), 16, 3, name="stem"), "max", 3, 2, 1)
    x = net.op("relu", net.op("add", net.layer(net.layer(x, 16, 3, name="a1"), 16, 3, name="a2", act=None), x))
    shortcut = net.layer(x, 32, name="project", stride=2, act=None)
    x = net.op("relu", net.op("add", net.layer(net.layer(x, 32, 3, name="b1", stride=2), 32, 3, name="b2", act=None), shortcut))
    return net.finish(net.classes(net.pooled(x, "avg")))


def residual_v2() -> Graph:
    """Returns pre-activation blocks, whose sums are kept beside what is normalized of them."""
    net = Network()
    x = net.plain(net.input(3, 12, 12), 16, 3, name="stem")
    for name in "ab":
        active = net.op("relu", net.batch_norm(x, name=f"{name}_bn"))
        x = net.op("add", net.plain(net.layer(active, 16, 3, name=f"{name}1"), 16, 3, name=f"{name}2"), x)
    return net.finish(net.classes(net.pooled(net.op("relu", net.batch_norm(x, name="last_bn")), "avg")))


def mobilenet_v2() -> Graph:
    """Returns inverted residuals: depthwise convolutions between relu6, linear bottlenecks with zero points."""
    net = Network()
    x = net.layer(net.input(3, 16, 16), 8, 3, name="stem", stride=2, act="relu6")
    for name, outputs, stride in (("a", 8, 1), ("b", 12, 2), ("c", 12, 1)):
        y = net.layer(x, 24, name=f"{name}_expand", act="relu6")
        y = net.layer(y, 24, 3, name=f"{name}_depthwise", stride=stride, groups=24, act="relu6")
        y = net.layer(y, outputs, name=f"{name}_linear", act=None)
        x = net.op("add", y, x) if y.type == x.type else y
    return net.finish(net.classes(net.pooled(net.layer(x, 40, name="head", act="relu6"), "avg")))


def vgg() -> Graph:
    """Returns convolutions and pools whose images are flattened into dense layers."""
    net = Network()
    x = net.op("relu", net.plain(net.input(3, 12, 12), 16, 3, name="a"))
    x = net.pooled(net.op("relu", net.plain(x, 16, 3, name="b")), "max", 2, 2)
    x = net.pooled(net.op("relu", net.plain(x, 24, 3, name="c")), "max", 2, 2)
    return net.finish(net.classes(net.op("relu", net.classes(x, 32, name="hidden"))))


def inception() -> Graph:
    """Returns branches of convolutions and of an average, joined, then squeezed and expanded."""
    net = Network()
    x = net.layer(net.input(3, 12, 12), 16, 3, name="stem")
    branches = [net.layer(x, 8, name="one"), net.layer(net.layer(x, 8, name="three_reduce"), 16, 3, name="three"),
                net.layer(net.pooled(x, "avg", 3, 1, 1), 8, name="average"), net.pooled(x, "max", 3, 1, 1)]
    squeezed = net.op("relu", net.plain(net.op("concat", *branches, axis=1), 8, name="squeeze"))
    x = net.op("concat", *(net.op("relu", net.plain(squeezed, 16, kernel, name=f"expand{kernel}")) for kernel in (1, 3)), axis=1)
    return net.finish(net.classes(net.pooled(x, "avg")))


def squeeze_and_excitation() -> Graph:
    """Returns a block whose channels are multiplied by factors that it computes from their averages."""
    net = Network()
    x = net.layer(net.input(3, 12, 12), 16, 3, name="stem")
    y = net.layer(x, 16, 3, name="body")
    gate = net.op("sigmoid", net.plain(net.op("relu", net.plain(net.pooled(y, "avg"), 4, name="reduce")), 16, name="restore"))
    x = net.op("relu", net.op("add", net.op("mul", y, gate), x))
    return net.finish(net.classes(net.pooled(net.layer(x, 16, 3, name="last"), "avg")))


def densenet() -> Graph:
    """Returns layers that read all before them, each normalized anew."""
    net = Network()
    x = net.plain(net.input(3, 12, 12), 16, 3, name="stem")
    for name in "abc":
        y = net.plain(net.op("relu", net.batch_norm(x, name=f"{name}_bn")), 16, name=f"{name}1")
        x = net.op("concat", x, net.plain(net.op("relu", net.batch_norm(y, name=f"{name}_mid")), 8, 3, name=f"{name}2"), axis=1)
    x = net.pooled(net.plain(net.op("relu", net.batch_norm(x, name="transition_bn")), 20, name="transition"), "avg", 2, 2)
    return net.finish(net.classes(net.pooled(net.op("relu", net.batch_norm(x, name="last_bn")), "avg")))


def perceptron() -> Graph:
    """Returns dense layers alone."""
    net = Network()
    x = net.op("relu", net.classes(net.input(20), 36, name="first"))
    return net.finish(net.classes(net.op("relu", net.classes(x, 24, name="second"))))


def of_rank(rank: int, size: int) -> Graph:
    """Returns a residual block over another number of dimensions."""
    net = Network()
    x = net.layer(net.input(3, *(size,) * rank), 16, 3, name="stem", stride=2)
    x = net.op("relu", net.op("add", net.layer(x, 16, 3, name="body", act=None), x))
    return net.finish(net.classes(net.pooled(net.pooled(x, "max", 2, 2), "avg")))


def odd_channels() -> Graph:
    """Returns layers whose channels fill no vector."""
    net = Network()
    x = net.layer(net.input(5, 11, 9), 7, 3, name="a")
    x = net.layer(net.layer(x, 37, 3, name="b", stride=2), 37, 3, name="depthwise", groups=37)
    return net.finish(net.classes(net.pooled(net.layer(x, 28, name="c"), "avg"), 3))


def grouped() -> Graph:
    """Returns convolutions in groups, of as many channels as a vector has and of others."""
    net = Network()
    x = net.layer(net.input(4, 10, 10), 64, 3, name="a")
    x = net.layer(net.layer(x, 24, 3, name="b", groups=4), 48, 3, name="c", groups=8)
    return net.finish(net.classes(net.pooled(x, "avg")))


NETWORKS: dict[str, Callable[[], Graph]] = {
    "residual_v1": residual_v1, "residual_v2": residual_v2, "mobilenet_v2": mobilenet_v2, "vgg": vgg, "inception": inception,
    "squeeze_and_excitation": squeeze_and_excitation, "densenet": densenet, "one_channel": lambda: residual_v1(1), "perceptron": perceptron,
    "one_dimension": lambda: of_rank(1, 40), "three_dimensions": lambda: of_rank(3, 9), "odd_channels": odd_channels, "grouped": grouped,
}
"""Networks of one input "data" of batch N, by name."""


def images(graph: Graph, count: int, seed: int = 3) -> np.ndarray:
    """Returns normally distributed data for a network of one input."""
    return np.random.default_rng(seed).normal(0, 1, (count, *graph.inputs[0].type.shape[1:])).astype(np.float32)
