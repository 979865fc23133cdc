"""Convolution, deconvolution, dense layers and upsampling against MXNet."""

from collections.abc import Callable
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]


def uniform(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-1, 1, shape).astype(np.float32)


CONVOLUTIONS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 6, 9, 8), {"kernel": (3, 3), "num_filter": 4}),
    ((2, 6, 9, 8), {"kernel": (3, 3), "num_filter": 4, "no_bias": True}),
    ((2, 6, 9, 8), {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 0), "num_filter": 4}),
    ((2, 6, 9, 8), {"kernel": (3, 3), "dilate": (2, 3), "pad": (2, 3), "num_filter": 4}),
    ((2, 6, 9, 8), {"kernel": (1, 7), "pad": (0, 3), "num_filter": 4}),
    ((2, 6, 9, 8), {"kernel": (3, 3), "num_group": 6, "num_filter": 12, "layout": "NCHW"}),
    ((2, 6, 9, 8), {"kernel": (3, 3), "num_group": 2, "num_filter": 4, "workspace": 256, "cudnn_off": True}),
    ((2, 6, 9), {"kernel": (3,), "stride": (2,), "pad": (1,), "num_filter": 4}),
    ((2, 4, 5, 6, 7), {"kernel": (3, 2, 1), "stride": (1, 2, 1), "pad": (1, 0, 0), "num_filter": 4}),
]


@pytest.mark.parametrize(("shape", "attrs"), CONVOLUTIONS)
def test_convolution(
    shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.Convolution(mx.sym.var("data"), name="conv", **attrs)
    taps = shape[1] // attrs.get("num_group", 1) * prod(attrs["kernel"])
    weight = (attrs["num_filter"], shape[1] // attrs.get("num_group", 1), *attrs["kernel"])
    feeds = {"data": uniform(rng, *shape), "conv_weight": uniform(rng, *weight)}
    if not attrs.get("no_bias"):
        feeds["conv_bias"] = uniform(rng, attrs["num_filter"])
    graph = check(symbol, feeds, tuple(feeds)[1:], reduction=taps)
    node = graph.nodes[-1]
    assert node.op == f"conv{len(attrs['kernel'])}d"
    assert [(loc.name, loc.index) for loc in node.locs] == [("conv", len(feeds))]


DECONVOLUTIONS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 5, 6), {"kernel": (3, 3), "num_filter": 6}),
    ((2, 4, 5, 6), {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "num_filter": 6, "no_bias": False}),
    ((2, 4, 5, 6), {"kernel": (3, 3), "stride": (2, 3), "adj": (1, 2), "num_filter": 6}),
    ((2, 4, 5, 6), {"kernel": (3, 2), "dilate": (2, 1), "pad": (1, 0), "num_filter": 6}),
    ((2, 4, 5, 6), {"kernel": (3, 3), "num_group": 2, "num_filter": 6}),
    ((2, 4, 5, 6), {"kernel": (3, 3), "stride": (2, 2), "num_group": 4, "num_filter": 4}),
    ((2, 4, 5), {"kernel": (4,), "stride": (2,), "pad": (1,), "num_filter": 3}),
    ((2, 4, 3, 4, 5), {"kernel": (2, 3, 2), "stride": (2, 1, 2), "num_filter": 3}),
    # The given pad and adj play no part: oneDNN wants the derived pad stated, so these repeat it.
    (
        (2, 4, 5, 6),
        {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "target_shape": (10, 12), "num_filter": 3},
    ),
    (
        (2, 4, 5, 6),
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "target_shape": (10, 12), "num_filter": 3},
    ),
]


@pytest.mark.parametrize(("shape", "attrs"), DECONVOLUTIONS)
def test_deconvolution(
    shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.Deconvolution(mx.sym.var("data"), name="up", **attrs)
    groups = attrs.get("num_group", 1)
    weight = (shape[1], attrs["num_filter"] // groups, *attrs["kernel"])
    feeds = {"data": uniform(rng, *shape), "up_weight": uniform(rng, *weight)}
    if attrs.get("no_bias") is False:
        feeds["up_bias"] = uniform(rng, attrs["num_filter"])
    check(symbol, feeds, tuple(feeds)[1:], reduction=shape[1] * prod(attrs["kernel"]))


@pytest.mark.parametrize(
    ("shape", "attrs"),
    [
        ((3, 2, 4, 5), {"num_hidden": 7}),
        ((3, 40), {"num_hidden": 7, "no_bias": True}),
        ((3, 4, 10), {"num_hidden": 7, "flatten": False}),
        ((3, 4, 10), {"num_hidden": 7}),
    ],
)
def test_fully_connected(
    shape: tuple[int, ...], attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.FullyConnected(mx.sym.var("data"), name="fc", **attrs)
    inner = prod(shape[1:]) if attrs.get("flatten", True) else shape[-1]
    feeds = {"data": uniform(rng, *shape), "fc_weight": uniform(rng, attrs["num_hidden"], inner)}
    if not attrs.get("no_bias"):
        feeds["fc_bias"] = uniform(rng, attrs["num_hidden"])
    check(symbol, feeds, tuple(feeds)[1:], reduction=inner)


def test_fully_connected_on_a_vector(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.FullyConnected(mx.sym.var("data"), name="fc", num_hidden=3, flatten=False, no_bias=True)
    feeds = {"data": uniform(rng, 5), "fc_weight": uniform(rng, 3, 5)}
    check(symbol, feeds, ("fc_weight",), batch=False, reduction=5)


@pytest.mark.parametrize("mode", ["concat", "sum"])
def test_upsampling_of_several_inputs(
    mode: str, mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    names = ["a", "b", "c"]
    symbol = mx.sym.UpSampling(
        *map(mx.sym.var, names), scale=2, sample_type="nearest", num_args=3, multi_input_mode=mode, name="up"
    )
    sizes = [(4, 6), (2, 3), (8, 12)]
    check(symbol, {name: uniform(rng, 2, 3, *size) for name, size in zip(names, sizes, strict=True)})


def test_upsampling_nearest(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.UpSampling(mx.sym.var("data"), scale=3, sample_type="nearest", num_args=1, name="up")
    check(symbol, {"data": uniform(rng, 2, 3, 4, 5)})


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_upsampling_bilinear(scale: int, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    size = 2 * scale - scale % 2
    symbol = mx.sym.UpSampling(
        mx.sym.var("data"),
        mx.sym.var("weight"),
        scale=scale,
        sample_type="bilinear",
        num_filter=3,
        num_args=2,
        name="up",
    )
    feeds = {"data": uniform(rng, 2, 3, 4, 5), "weight": uniform(rng, 3, 1, size, size)}
    check(symbol, feeds, ("weight",), reduction=size * size)


def load(mx: ModuleType, symbol: Any, shape: tuple[int, ...], **params: tuple[int, ...]) -> None:
    arrays = {name: np.zeros(dims, np.float32) for name, dims in params.items()}
    import_model((symbol, arrays, {}), shapes={"data": shape})


def test_wrong_parameter_shape_names_both_shapes(mx: ModuleType) -> None:
    symbol = mx.sym.Convolution(mx.sym.var("data"), name="conv", kernel=(3, 3), num_filter=4)
    message = (
        r"node 3 'conv' \(Convolution\): weight parameter 'conv_weight' has shape \(4, 6, 3, 3\), "
        r"expected \(4, 3, 3, 3\)"
    )
    with pytest.raises(ImportFailure, match=message):
        load(mx, symbol, (1, 3, 8, 8), conv_weight=(4, 6, 3, 3), conv_bias=(4,))
    with pytest.raises(ImportFailure, match=r"bias parameter 'conv_bias' has shape \(5,\), expected \(4,\)"):
        load(mx, symbol, (1, 3, 8, 8), conv_weight=(4, 3, 3, 3), conv_bias=(5,))


def test_data_that_does_not_fit(mx: ModuleType) -> None:
    symbol = mx.sym.Convolution(mx.sym.var("data"), name="conv", kernel=(3, 3), num_filter=4, no_bias=True)
    with pytest.raises(ImportFailure, match=r"data of shape \(1, 3, 8\) does not fit kernel \(3, 3\)"):
        load(mx, symbol, (1, 3, 8), conv_weight=(4, 3, 3, 3))
    with pytest.raises(ImportFailure, match=r"node 2 'conv'.*the kernel \(3, 3\) does not fit into data"):
        load(mx, symbol, (1, 3, 2, 2), conv_weight=(4, 3, 3, 3))


def test_channels_last_is_refused(mx: ModuleType) -> None:
    symbol = mx.sym.Convolution(mx.sym.var("data"), name="conv", kernel=(3, 3), num_filter=4, layout="NHWC")
    with pytest.raises(UnsupportedOperator, match=r"Convolution with layout=NHWC x1: 'conv' \(node 3\)"):
        load(mx, symbol, (1, 8, 8, 3))


def test_adj_must_be_less_than_the_stride(mx: ModuleType) -> None:
    symbol = mx.sym.Deconvolution(mx.sym.var("data"), name="up", kernel=(3, 3), num_filter=4, adj=(1, 1))
    with pytest.raises(ImportFailure, match=r"adj = \(1, 1\): expected less than the stride \(1, 1\)"):
        load(mx, symbol, (1, 3, 4, 4), up_weight=(3, 4, 3, 3))
