"""Images of bytes as inputs: what normalizes them becomes weights, or part of the loop that reads the bytes."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.passes import PassContext, PassManager
from ngc.target import parse_target
from tests.importer.conftest import run_mxnet
from tests.passes.nets import Net, ops, refusals, run, steps

MEAN, STD = np.float32([123, 116, 103]), np.float32([58, 57, 56])


def network(mx: ModuleType, form: str, pad: int) -> tuple[Any, dict[str, np.ndarray]]:
    """Returns a network of two convolutions behind one of the ways in which symbols normalize images, with its parameters."""
    rng = np.random.default_rng(3)
    x = mx.sym.cast(mx.sym.var("data"), dtype="float32")
    params: dict[str, np.ndarray] = {}
    if form == "channels":
        params |= {"mean": MEAN.reshape(1, 3, 1, 1), "std": STD.reshape(1, 3, 1, 1)}
        x = mx.sym.broadcast_div(mx.sym.broadcast_sub(x, mx.sym.var("mean")), mx.sym.var("std"))
    elif form == "scalars":
        x = (x - 127.5) / 127.5
    elif form == "image":
        x = mx.sym.image.normalize(x / 255, mean=tuple(MEAN / 255), std=tuple(STD / 255))
    else:
        x = x * (1 / 255)
    x = mx.sym.Convolution(x, num_filter=16, kernel=(3, 3), pad=(pad, pad), stride=(2, 2), name="first")
    x = mx.sym.Convolution(mx.sym.relu(x), num_filter=8, kernel=(3, 3), pad=(1, 1), name="second")
    for name, shape in (("first", (16, 3, 3, 3)), ("second", (8, 16, 3, 3))):
        params |= {f"{name}_weight": rng.normal(size=shape).astype(np.float32) / 4, f"{name}_bias": rng.normal(size=shape[0]).astype(np.float32)}
    return x, params


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("form", ["channels", "scalars", "image", "scale"])
def test_normalization_costs_no_pass_over_the_image(form: str, pad: int, mx: ModuleType) -> None:
    symbol, params = network(mx, form, pad)
    image = np.random.default_rng(4).integers(0, 256, (2, 3, 21, 30)).astype(np.uint8)
    exe = ngc.compile((symbol, params, {}), shapes={"data": ("N", 3, 21, 30)}, dtypes={"data": "uint8"}, threads=2)
    [found], [expected] = exe.run({"data": image}), run_mxnet(mx, symbol, {**params, "data": image})
    # Weights of the sums of 27 bytes are scaled: a few roundings of the largest sum.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    reads = "eltwise" if pad and form != "scale" else "cast"
    assert ops(exe.graph) == [reads, "conv2d", "conv2d", "reorder"]


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_bytes_into_narrow_layers(precision: str, mx: ModuleType) -> None:
    if precision == "bf16" and not parse_target("cpu").has_bf16:
        pytest.skip("this processor has no bf16")
    symbol, params = network(mx, "channels", 1)
    image = np.random.default_rng(4).integers(0, 256, (2, 3, 21, 30)).astype(np.uint8)
    more = {"calibration": [{"data": image}]} if precision == "int8" else {}
    exe = ngc.compile((symbol, params, {}), shapes={"data": ("N", 3, 21, 30)}, dtypes={"data": "uint8"}, precision=precision, **more)
    [found], [expected] = exe.run({"data": image}), run_mxnet(mx, symbol, {**params, "data": image})
    assert np.abs(found - expected).max() <= 0.03 * np.abs(expected).max()  # two layers of eight bits


def test_channels_last(mx: ModuleType) -> None:
    """What Gluon's transforms do with a photograph, inside of the symbol."""
    rng, image = np.random.default_rng(3), mx.sym.image
    x = image.normalize(image.to_tensor(mx.sym.var("data")), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    symbol = mx.sym.Convolution(x, num_filter=16, kernel=(3, 3), pad=(1, 1), no_bias=True, name="conv")
    params = {"conv_weight": rng.normal(size=(16, 3, 3, 3)).astype(np.float32)}
    feeds = {"data": rng.integers(0, 256, (2, 11, 14, 3)).astype(np.uint8)}
    exe = ngc.compile((symbol, params, {}), shapes={"data": ("N", 11, 14, 3)}, dtypes={"data": "uint8"})
    [found], [expected] = exe.run(feeds), run_mxnet(mx, symbol, {**params, **feeds})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert ops(exe.graph) == ["transpose", "eltwise", "conv2d", "reorder"]


def test_a_cast_of_bytes_joins_the_steps_behind_it() -> None:
    net = Net()
    x = net.op("cast", net.b.input("image", (1, 3, 5, 5), "u8"), dtype="f32")
    graph = run(net.finish(net.op("tanh", net.op("mul", x, scalar=0.01), name="last")), "fuse-elementwise", 1e-6)
    assert ops(graph) == ["eltwise"]
    assert steps(graph, "last") == ["scale", "tanh"]
    assert graph.inputs[0].type.dtype == "u8"


def test_a_cast_of_bytes_that_is_read_twice_stays() -> None:
    net = Net()
    x = net.op("cast", net.b.input("image", (1, 3, 5, 5), "u8"), dtype="f32", name="wide")
    graph = run(net.finish(net.op("tanh", x), net.op("exp", x)), "fuse-elementwise", 1e-6)
    assert refusals(graph, "CastThenEltwise") == ["%wide has another user"] * 2


def test_bytes_are_brought_into_planes_with_their_steps() -> None:
    """A prologue would put three channels into blocks of eight."""
    net = Net()
    x = net.op("add", net.op("cast", net.b.input("image", (1, 3, 8, 8), "u8"), dtype="f32"), scalar=-127.5, name="centred")
    graph = net.finish(net.conv(x, 16, kernel=3, pad=1))
    PassManager("@cpu-fp32").run(graph, PassContext(target=parse_target("cpu:x86-64-v3")))
    assert refusals(graph, "ChainThenConv") == ["%cast is a graph input, brought into layout with these steps"]
    assert graph.find("centred").type.layout.block == 1
    assert ops(graph) == ["eltwise", "conv2d", "reorder"]
