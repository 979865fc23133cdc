"""`optimize_for` with backends that need no TensorRT."""

import json
from types import ModuleType

import numpy as np
import pytest

import ngc.compat
from ngc.errors import EngineError, InputError
from tests.checkpoints import SHAPE, make_input, make_params, reference, symbol_json

PARAMS = make_params()
ARG = {name[4:]: array for name, array in PARAMS.items() if name.startswith("arg:")}
AUX = {name[4:]: array for name, array in PARAMS.items() if name.startswith("aux:")}
# float32 through 27 products, 99 pixels and a softmax.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def operators(sym: ngc.compat.Symbol) -> list[str]:
    return [node["op"] for node in json.loads(sym.tojson())["nodes"] if node["op"] != "null"]


@pytest.mark.parametrize("backend", ["neuron", "Neuron"])
def test_neuron_adds_what_it_compiled_to_the_parameters(backend: str) -> None:
    args, x = dict(ARG), make_input()
    sym = ngc.compat.optimize_for(symbol_json(), backend, args=args, aux=AUX, shape_dict={"data": SHAPE}, target="neuron:cpu", excl_node_names=["fc"])
    assert operators(sym) == ["_neuron_subgraph_op", "FullyConnected", "SoftmaxOutput"]
    assert args.keys() - ARG.keys() == {"_neuron_subgraph_op0_neuronbin"}
    executor = sym.bind(ctx="neuron:cpu", args={**args, "data": x}, aux_states=AUX)
    np.testing.assert_allclose(executor.forward(data=x)[0].asnumpy(), reference(x), **CLOSE)


def test_shapes_may_come_with_the_arguments() -> None:
    args = {**ARG, "data": make_input()}
    assert operators(ngc.compat.Symbol.of(symbol_json()).optimize_for("neuron", args, AUX, target="neuron:cpu")) == ["_neuron_subgraph_op"]


@pytest.mark.parametrize("backend", ["MKLDNN", "ONEDNN"])
def test_backends_of_the_cpu_leave_a_symbol_as_it_is(backend: str) -> None:
    sym = ngc.compat.optimize_for(symbol_json(), backend=backend, args=ARG, aux=AUX)
    assert json.loads(sym.tojson()) == json.loads(symbol_json())


def test_a_block_is_compiled(mx: ModuleType) -> None:
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(4, 3, in_channels=3), mx.gluon.nn.Activation("relu"), mx.gluon.nn.Dense(5))
    net.initialize()
    x = mx.nd.array(make_input())
    wanted = net(x).asnumpy()
    for options in ({"backend": "MKLDNN"}, {"backend": "neuron", "backend_opts": {"target": "neuron:cpu"}}):
        compiled = ngc.compat.optimize_for(net, x, **options)
        np.testing.assert_allclose(compiled(x).asnumpy(), wanted, rtol=1e-4, atol=1e-5)  # float32 through 27 and 252 products
        compiled.hybridize()
    with pytest.raises(InputError, match=r"^a block needs examples of its inputs: optimize_for\(net, x, backend=\.\.\.\)$"):
        ngc.compat.optimize_for(net, backend="neuron")


def test_options_that_divided_a_block_are_not_asked_of_its_parts(mx: ModuleType) -> None:
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Dense(4, in_units=297), mx.gluon.nn.Activation("relu"), mx.gluon.nn.Dense(5, in_units=4), mx.gluon.nn.Activation("tanh"))
    net.initialize()
    x = mx.nd.array(make_input())
    names = [f"{layer.name}_fwd" for layer in net]
    for excluded, left in ((names[2:3], ["_neuron_subgraph_op", "FullyConnected", "Activation"]), (names, ["FullyConnected", "Activation"] * 2)):
        compiled = ngc.compat.optimize_for(net, x, backend="neuron", backend_opts={"target": "neuron:cpu", "excl_node_names": excluded})
        assert operators(compiled.symbol) == left
        assert len(compiled.executable(x.shape).engines) == left.count("_neuron_subgraph_op")
        np.testing.assert_allclose(compiled(x).asnumpy(), net(x).asnumpy(), rtol=1e-4, atol=1e-5)  # float32 through 297 products


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"^unknown backend 'TVM'; accepted is TensorRT, neuron, or one of MXNet's for the CPU: MKLDNN, "):
        ngc.compat.optimize_for(symbol_json(), "TVM")
    with pytest.raises(InputError, match=r"^Neuron compiles with the parameters: pass args="):
        ngc.compat.optimize_for(symbol_json(), "neuron", shape_dict={"data": SHAPE})
    with pytest.raises(EngineError, match=r"^ctx=cpu: ngc.compat.optimize_for is for GPUs; pass ctx=mx.gpu\(0\) or \"gpu\"$"):
        ngc.compat.optimize_for(symbol_json(), "TensorRT", args=ARG, aux=AUX, ctx="cpu")
