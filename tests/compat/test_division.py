"""Dividing symbols: random ones in random places, and what a region needs that the whole does not."""

import json
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngc
from ngc.compat import neuron, tensorrt
from ngc.compat.division import Division, divide
from ngc.compat.symbol import Symbol
from ngc.engines import EngineOptions
from ngc.errors import InputError
from ngc.importer import import_model
from ngc.importer.sources import resolve_model
from ngc.importer.subgraphs import engine_nodes
from ngc.importer.symbol_writer import symbol_content
from ngc.ir import evaluate
from ngc.ir.verify import verify
from tests.checkpoints import SHAPE, make_params, symbol_json

WIDE = (2, 4)
ONE, TWO = ("Activation", "Dropout", "Reshape", "SliceChannel"), ("elemwise_add", "elemwise_mul", "Concat")
ATTRS = {"Activation": {"act_type": "tanh"}, "Reshape": {"shape": "(2, -1)"}, "SliceChannel": {"num_outputs": "2", "axis": "0"}, "Concat": {"dim": "0"}}


@st.composite
def symbols(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """Draws a symbol of operators with one or two operands and one or two results, in which no shape matters, and the names of its operators."""
    nodes: list[dict[str, Any]] = [{"op": "null", "name": "data", "inputs": []}, {"op": "null", "name": "w", "inputs": []}]
    entries: list[tuple[list[int], tuple[int, int]]] = [([0, 0, 0], WIDE), ([1, 0, 0], WIDE)]
    for number in range(draw(st.integers(1, 9))):
        first, shape = draw(st.sampled_from(entries))
        operator = draw(st.sampled_from((*ONE, *TWO) if shape[0] % 2 == 0 else (*ONE[:3], *TWO)))
        inputs = [first]
        if operator in TWO:
            inputs.append(draw(st.sampled_from([entry for entry, other in entries if other == shape])))
        if operator == "Reshape" and shape[0] != 2:
            operator = "Activation"
        nodes.append({"op": operator, "name": f"n{number}", "attrs": ATTRS.get(operator, {}), "inputs": inputs})
        rows = {"Concat": shape[0] * 2, "SliceChannel": shape[0] // 2}.get(operator, shape[0])
        for output in range(2 if operator == "SliceChannel" else 1):
            entries.append(([len(nodes) - 1, output, 0], (rows, shape[1])))
    made = [entry for entry, _ in entries[2:]]
    heads = draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique_by=tuple))
    content = {"nodes": nodes, "arg_nodes": [0, 1], "heads": heads, "attrs": {"mxnet_version": ["int", 10901]}}
    reachable = Symbol(content).graph
    return content, [reachable.nodes[position].name for position in reachable.reachable() if not reachable.nodes[position].is_variable]


def divided(content: Any, params: dict[str, np.ndarray], shapes: dict[str, Sequence[int]], form: Any = neuron.FORM, **options: Any) -> Division:
    return divide(resolve_model((content, params, {}), None, None), shapes, {}, "neuron", EngineOptions(**options), form)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_divided_symbol_computes_the_same(data: st.DataObject) -> None:
    content, names = data.draw(symbols())
    excluded = data.draw(st.lists(st.sampled_from(names), unique=True))
    least = data.draw(st.integers(1, 3))
    form = data.draw(st.sampled_from([neuron.FORM, tensorrt.FORM]))
    params = {"w": np.linspace(-1, 1, 8, dtype=np.float32).reshape(WIDE)}
    shapes: dict[str, Sequence[int]] = {"data": WIDE}
    division = divided(content, params, shapes, form, excl_node_names=excluded, min_subgraph_size=least)
    symbol = division.source.symbol
    inside = [node.name for region in engine_nodes(symbol) for node in region.subgraphs[0].nodes if not node.is_variable]
    outside = [symbol.nodes[position].name for position in symbol.reachable() if not symbol.nodes[position].is_variable]
    assert sorted([*inside, *(name for name in outside if name not in division.regions)]) == sorted(names)
    assert not set(inside) & set(excluded)
    assert set(excluded) >= {name for name, reason in division.staying.items() if reason == "excluded by name"}
    written = symbol_content(symbol)
    feeds = {"data": np.linspace(-2, 2, 8, dtype=np.float32).reshape(WIDE)}
    wanted = evaluate(import_model(content, params, shapes=shapes), feeds) if "data" in Symbol(content).list_arguments() else None
    for keep in (None, "neuron", "tensorrt"):
        graph = import_model(written, params, shapes=shapes if wanted is not None else None, keep=keep)
        verify(graph)
        results = evaluate(graph, feeds if wanted is not None else {})
        # The same operators on the same numbers: nothing is rounded differently.
        for result, other in zip(results, wanted if wanted is not None else evaluate(import_model(content, params), {}), strict=True):
            np.testing.assert_array_equal(result, other)


def test_an_operator_that_folds_away_outside_may_stay_inside_a_region(mx: ModuleType) -> None:
    """Of two reshapes the first folds away; alone in a region it is computed, so it must be asked for there too."""
    x = mx.sym.Reshape(mx.sym.exp(mx.sym.var("data"), name="exp"), shape=(6,), name="first")
    sym = mx.sym.gamma(mx.sym.Reshape(x, shape=(3, 2), name="second"), name="gamma")
    division = divided(json.loads(sym.tojson()), {}, {"data": (2, 3)}, excl_node_names=["second"], min_subgraph_size=1)
    [region] = engine_nodes(division.source.symbol)
    assert [node.name for node in region.subgraphs[0].nodes if not node.is_variable] == ["exp", "first"]
    assert division.staying == {"second": "excluded by name", "gamma": "StableHLO has no gamma function, and the exponential of its logarithm loses digits"}


def test_what_stays_has_its_reason() -> None:
    params = {name[4:]: array for name, array in make_params().items()}
    division = divided(symbol_json(), params, {"data": SHAPE}, excl_node_names=["relu", "fc"], min_subgraph_size=3)
    assert division.staying == {
        "conv": "its region has 2 operators, fewer than min_subgraph_size=3", "bn": "its region has 2 operators, fewer than min_subgraph_size=3",
        "relu": "excluded by name", "pool": "its region has 2 operators, fewer than min_subgraph_size=3",
        "flat": "its region has 2 operators, fewer than min_subgraph_size=3", "fc": "excluded by name",
        "softmax": "its region has one operator, fewer than min_subgraph_size=3"}
    assert division.regions == ()


def test_what_mxnet_fused_is_divided_as_it_was_before(mx: ModuleType) -> None:
    fused = mx.sym.load_json(symbol_json()).get_backend_symbol("MKLDNN")
    assert "_sg_mkldnn_conv" in fused.tojson()
    params = {name[4:]: array for name, array in make_params().items()}
    division = divided(json.loads(fused.tojson()), params, {"data": SHAPE})
    [region] = engine_nodes(division.source.symbol)
    assert [node.op for node in region.subgraphs[0].nodes if not node.is_variable][:3] == ["Convolution", "BatchNorm", "Activation"]


def test_a_name_that_nothing_has_is_refused() -> None:
    params = {name[4:]: array for name, array in make_params().items()}
    with pytest.raises(InputError, match=r"^force_incl_node_names: the model has no node 'pol'; did you mean 'pool'\?$"):
        divided(symbol_json(), params, {"data": SHAPE}, force_incl_node_names=["pol"])


@pytest.mark.full
def test_every_operator_of_the_zoo_is_in_one_region(mx: ModuleType) -> None:
    for name in ("resnet50_v1", "densenet121", "inceptionv3", "squeezenet1.1", "mobilenetv2_1.0", "vgg11_bn"):
        net = mx.gluon.model_zoo.vision.get_model(name)
        net.initialize()
        side = 299 if name == "inceptionv3" else 224
        x = mx.nd.zeros((1, 3, side, side))
        net(x)
        division = divide(resolve_model(net, None, {"data": x.shape}), {"data": x.shape}, {}, "neuron", EngineOptions(), neuron.FORM)
        assert (division.regions, division.staying) == (("_neuron_subgraph_op0",), {}), name
        assert ngc.coverage(net, "neuron", shapes={"data": x.shape}).subgraphs == 1
