"""Nodes that hold a part of a symbol: written, read back, inlined, and kept as engine calls."""

import json
import logging
from typing import Any

import numpy as np
import pytest

from ngc.compat.subgraph_nodes import RegionForm, with_inputs, with_regions
from ngc.errors import ImportFailure
from ngc.importer import SymbolGraph, import_model, load_symbol
from ngc.importer.subgraphs import engine_nodes, input_variables, labels
from ngc.importer.symbol_writer import symbol_content
from ngc.ir import evaluate
from ngc.ir.verify import verify
from tests.checkpoints import SHAPE, make_input, make_params, reference, symbol_json

NEURON = RegionForm("_neuron_subgraph_op", "_neuron_subgraph_op", extra=("_neuronbin",))
SHAPES = {"data": SHAPE}
PARAMS = make_params()


def positions(symbol: SymbolGraph, *names: str) -> list[int]:
    return [position for position, node in enumerate(symbol.nodes) if node.name in names]


def divided(*regions: tuple[str, ...], form: RegionForm = NEURON) -> SymbolGraph:
    symbol = load_symbol(symbol_json())
    return with_regions(symbol, [positions(symbol, *region) for region in regions], form)


def test_a_region_becomes_a_node_whose_variables_its_inputs_feed() -> None:
    symbol = divided(("conv", "bn", "relu"), ("flat", "fc"))
    first, second = engine_nodes(symbol)
    assert [symbol.nodes[entry.node].name for entry in first.inputs] == [
        "data", "conv_weight", "bn_gamma", "bn_beta", "bn_moving_mean", "bn_moving_var", "_neuron_subgraph_op0_neuronbin"]
    assert [first.subgraphs[0].nodes[position].name for position in first.fed_variables] == [
        "data", "conv_weight", "bn_gamma", "bn_beta", "bn_moving_mean", "bn_moving_var"]
    assert [node.name for node in second.subgraphs[0].nodes] == ["pool_output", "flat", "fc_weight", "fc_bias", "fc"]
    assert [node.op for node in symbol.nodes if not node.is_variable] == ["_neuron_subgraph_op", "Pooling", "_neuron_subgraph_op", "SoftmaxOutput"]
    assert symbol.auxiliary_states == ("bn_moving_mean", "bn_moving_var")


def test_what_is_written_is_read_back_the_same() -> None:
    symbol = divided(("conv", "bn"), ("pool", "flat", "fc", "softmax"))
    text = json.dumps(symbol_content(symbol))
    assert symbol_content(load_symbol(text)) == json.loads(text)
    assert load_symbol(text).arguments == symbol.arguments


@pytest.mark.parametrize("keep", [None, "neuron", "tensorrt"])
@pytest.mark.parametrize("regions", [(("conv", "bn", "relu", "pool", "flat", "fc", "softmax"),), (("conv", "bn"), ("pool", "flat", "fc", "softmax"))])
def test_a_divided_model_computes_the_same_inlined_and_kept(regions: tuple[tuple[str, ...], ...], keep: str | None) -> None:
    graph = import_model(symbol_content(divided(*regions)), PARAMS, shapes=SHAPES, keep=keep)
    verify(graph)
    calls = [node for node in graph.nodes if node.op == "engine.call"]
    assert [call.regions[0].name for call in calls] == ([f"_neuron_subgraph_op{number}" for number in range(len(regions))] if keep == "neuron" else [])
    assert graph.input_names == ("data",)  # neither labels nor what was compiled
    x = make_input()
    # The same operators in the same order: nothing is rounded differently.
    np.testing.assert_array_equal(evaluate(graph, {"data": x})[0], reference(x))
    assert graph.output_names == ("softmax_output",)


def test_a_node_of_tensorrt_holds_parameters_that_nothing_else_reads() -> None:
    form = RegionForm("_TensorRT", "TensorRT", embed=frozenset({"conv_weight", "bn_gamma", "bn_beta", "bn_moving_mean", "bn_moving_var", "fc_weight"}))
    symbol = divided(("conv", "bn", "relu"), form=form)
    [node] = engine_nodes(symbol)
    assert node.attrs["subgraph_params_names"] == "conv_weight;bn_gamma;bn_beta;bn_moving_mean;bn_moving_var"
    assert [symbol.nodes[entry.node].name for entry in node.inputs] == ["data"]
    assert symbol.arguments == ("data", "fc_weight", "fc_bias", "softmax_label")
    assert symbol.auxiliary_states == ()
    x = make_input()
    for keep in (None, "tensorrt"):
        graph = import_model(symbol_content(symbol), PARAMS, shapes=SHAPES, keep=keep)
        np.testing.assert_array_equal(evaluate(graph, {"data": x})[0], reference(x))


def test_inputs_are_what_the_symbol_says_or_what_stands_where_data_stands() -> None:
    symbol = load_symbol(symbol_json())
    assert input_variables(symbol) == ["data", "softmax_label"]
    assert labels(symbol) == {"softmax_label"}
    assert input_variables(divided(("conv", "bn"))) == ["data", "softmax_label"]
    marked = load_symbol(symbol_content(with_inputs(divided(("conv", "bn")), ["data"])))
    assert input_variables(marked) == ["data"]


def test_outputs_inside_can_be_asked_for_and_unused_parameters_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    content = symbol_content(divided(("conv", "bn", "relu")))
    params = {**PARAMS, "arg:_neuron_subgraph_op0_neuronbin": np.zeros(3, np.uint8)}
    with caplog.at_level(logging.WARNING):
        graph = import_model(content, params, shapes=SHAPES, outputs=["relu_output", "fc_output"])
    assert not caplog.records
    assert graph.output_names == ("relu_output", "fc_output")


def without(content: dict[str, Any], key: str) -> dict[str, Any]:
    node = next(node for node in content["nodes"] if "subgraphs" in node)
    if key == "inputs":
        node["inputs"] = node["inputs"][:1]
    else:
        node["subgraphs"] = node["subgraphs"] * 2
    return content


@pytest.mark.parametrize("keep", [None, "neuron"])
@pytest.mark.parametrize(("key", "message"), [("inputs", "1 inputs for a subgraph that needs 6"), ("subgraphs", "2 subgraphs, expected one")])
def test_a_node_that_does_not_fit_its_subgraph_is_refused(key: str, message: str, keep: str | None) -> None:
    content = without(symbol_content(divided(("conv", "bn", "relu"))), key)
    with pytest.raises(ImportFailure, match=f"node 7 '_neuron_subgraph_op0' .*: {message}$"):
        import_model(content, PARAMS, shapes=SHAPES, keep=keep)


@pytest.mark.parametrize("keep", [None, "neuron"])
def test_an_output_that_the_subgraph_does_not_return_is_refused(keep: str | None) -> None:
    content = symbol_content(divided(("conv", "bn", "relu")))
    pool = next(node for node in content["nodes"] if node["name"] == "pool")
    pool["inputs"][0][1] = 3
    with pytest.raises(ImportFailure, match=r"output 3 is used, its subgraph returns 1$"):
        import_model(content, PARAMS, shapes=SHAPES, keep=keep)
