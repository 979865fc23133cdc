"""Live Symbols and Gluon blocks."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, InputError
from ngc.importer import import_model
from ngc.importer.mxnet_live import is_block, is_symbol
from ngc.ir import Graph, evaluate


def small_net(mx: ModuleType) -> Any:
    net = mx.gluon.nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(mx.gluon.nn.Conv2D(4, 3, activation="relu"), mx.gluon.nn.BatchNorm(), mx.gluon.nn.Dense(5))
    net.initialize(mx.init.Xavier())
    return net


DATA = np.linspace(-1, 1, 2 * 3 * 8 * 8, dtype=np.float32).reshape(2, 3, 8, 8)


def assert_same(graph: Graph, net: Any, mx: ModuleType) -> None:
    (actual,) = evaluate(graph, {graph.inputs[0].name: DATA})
    expected = net(mx.nd.array(DATA)).asnumpy()
    # Two layers in float32, 27 and 144 terms: 8 units in the last place times the root of 144.
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_block_learns_its_shapes_from_the_call(mx: ModuleType) -> None:
    net = small_net(mx)
    graph = import_model(net, shapes={"data": ("N", 3, 8, 8)})
    assert graph.name == "net"
    assert_same(graph, net, mx)


def test_hybridized_block_that_has_run(mx: ModuleType) -> None:
    net = small_net(mx)
    net.hybridize()
    net(mx.nd.array(DATA))
    assert_same(import_model(net, shapes={"image": DATA.shape}), net, mx)


@pytest.mark.filterwarnings("ignore:Cannot decide type")
def test_exported_block(mx: ModuleType, tmp_path: Path) -> None:
    net = small_net(mx)
    net.hybridize()
    net(mx.nd.array(DATA))
    net.export(str(tmp_path / "net"), epoch=3)
    graph = import_model(tmp_path / "net", shapes={"data": ("N", 3, 8, 8)})
    assert_same(graph, net, mx)
    block = mx.gluon.SymbolBlock.imports(
        str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0003.params")
    )
    assert_same(import_model(block, shapes={"data": DATA.shape}), net, mx)


def test_checkpoint_and_tuple(mx: ModuleType, tmp_path: Path) -> None:
    net = small_net(mx)
    net(mx.nd.array(DATA))
    symbol = net(mx.sym.var("data"))
    params = {name: value.data() for name, value in net.collect_params().items()}
    aux = {name: params.pop(name) for name in symbol.list_auxiliary_states()}
    assert is_symbol(symbol)
    assert_same(import_model((symbol, params, aux), shapes={"data": DATA.shape}), net, mx)
    assert_same(import_model(symbol, {**params, **aux}, shapes={"data": DATA.shape}), net, mx)
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, params, aux)
    assert_same(import_model(tmp_path / "net", shapes={"data": DATA.shape}), net, mx)


def test_block_of_several_inputs_and_outputs(mx: ModuleType) -> None:
    class Both(mx.gluon.HybridBlock):
        def hybrid_forward(self, F: Any, x: Any, y: Any) -> Any:
            return x + y, [x * y]

    graph = import_model(Both(), shapes={"x": (2, 3), "y": (2, 3)})
    ones = np.ones((2, 3), np.float32)
    total, product = evaluate(graph, {"x": ones, "y": ones * 3})
    np.testing.assert_array_equal(total, ones * 4)
    np.testing.assert_array_equal(product, ones * 3)
    with pytest.raises(ImportFailure, match="cannot be traced with the inputs data"):
        import_model(Both())


def test_refusals(mx: ModuleType) -> None:
    assert is_block(mx.gluon.nn.Sequential())
    with pytest.raises(ImportFailure, match="Sequential is no HybridBlock"):
        import_model(mx.gluon.nn.Sequential())
    with pytest.raises(InputError, match="a Gluon block brings its own parameters"):
        import_model(small_net(mx), {}, shapes={"data": DATA.shape})
    with pytest.raises(ImportFailure, match="has no values yet; call initialize"):
        import_model(small_net(mx))
    fresh = mx.gluon.nn.Dense(3, in_units=4, prefix="fresh_")
    with pytest.raises(ImportFailure, match="parameter 'fresh_weight' has no values yet"):
        import_model(fresh, shapes={"data": (1, 4)})
    with pytest.raises(ImportFailure, match="cannot run on inputs of shape"):
        import_model(small_net(mx), shapes={"data": (1, 3)})
