"""All networks of the Gluon zoo import; small ones give MXNet's answers."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.importer import import_model
from ngc.ir import Graph, evaluate

NAMES = [
    *(f"resnet{depth}_v{version}" for version in (1, 2) for depth in (18, 34, 50, 101, 152)),
    *(f"vgg{depth}{suffix}" for depth in (11, 13, 16, 19) for suffix in ("", "_bn")),
    "alexnet",
    *(f"densenet{depth}" for depth in (121, 161, 169, 201)),
    "squeezenet1.0",
    "squeezenet1.1",
    "inceptionv3",
    *(f"mobilenet{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
    *(f"mobilenetv2_{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
]


def load(mx: ModuleType, name: str, values: Callable[[str, tuple[int, ...]], np.ndarray], size: int) -> tuple[Any, Graph]:
    """Returns the symbol and the imported graph of a network with the parameters that `values` makes."""
    net = mx.gluon.model_zoo.vision.get_model(name)
    symbol = net(mx.sym.var("data"))
    arg_shapes, _, aux_shapes = symbol.infer_shape(data=(1, 3, size, size))
    shapes = dict(zip(symbol.list_arguments(), arg_shapes, strict=True))
    aux = dict(zip(symbol.list_auxiliary_states(), aux_shapes, strict=True))
    args = {key: values(key, shape) for key, shape in shapes.items() if key != "data"}
    states = {key: values(key, shape) for key, shape in aux.items()}
    graph = import_model((symbol, args, states), shapes={"data": ("N", 3, size, size)})
    return symbol, graph


def test_there_are_34() -> None:
    assert len(set(NAMES)) == 34


@pytest.mark.parametrize("name", NAMES)
def test_network_imports(name: str, mx: ModuleType) -> None:
    size = 299 if name == "inceptionv3" else 224
    symbol, graph = load(mx, name, lambda key, shape: np.zeros(shape, np.float32), size)
    assert [value.name for value in graph.inputs] == ["data"]
    assert [str(value.type) for value in graph.outputs] == ["f32[N,1000]"]
    assert graph.output_names == tuple(symbol.list_outputs())
    constants = sum(node.op == "const" for node in graph.nodes)
    assert constants == len(symbol.list_arguments()) + len(symbol.list_auxiliary_states()) - 1


@pytest.mark.parametrize(("name", "size"), [("resnet18_v2", 64), ("squeezenet1.1", 224), ("mobilenetv2_0.25", 64)])
def test_network_gives_the_answers_of_mxnet(name: str, size: int, mx: ModuleType) -> None:
    rng = np.random.default_rng(11)

    def values(key: str, shape: tuple[int, ...]) -> np.ndarray:
        if key.endswith(("gamma", "running_var")):
            return rng.uniform(0.5, 1.5, shape).astype(np.float32)
        if key.endswith("weight"):
            return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        return rng.normal(0, 0.1, shape).astype(np.float32)

    rng_data = np.random.default_rng(12)
    data = rng_data.uniform(-1, 1, (2, 3, size, size)).astype(np.float32)
    made: dict[str, np.ndarray] = {}
    symbol, graph = load(mx, name, lambda key, shape: made.setdefault(key, values(key, shape)), size)
    feeds = {"data": data, **made}
    arrays = {key: mx.nd.array(array) for key, array in feeds.items()}
    args = {key: arrays[key] for key in symbol.list_arguments()}
    states = {key: arrays[key] for key in symbol.list_auxiliary_states()}
    expected = symbol.bind(mx.cpu(), args, aux_states=states, grad_req="null").forward(is_train=False)[0].asnumpy()
    (actual,) = evaluate(graph, {"data": data})
    # Float32 over some 50 layers; the project's own bound for a whole network.
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()
