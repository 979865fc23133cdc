"""Symbols that MXNet quantized: what they mean as float models, the ranges that they carry, and damage."""

import copy
import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model
from ngc.ir import Graph, evaluate
from tests.quantized_nets import IMAGES, SHAPE, image_iterator, parameters, residual_symbol

# MXNet turns arrays of one element into numbers, which numpy warns of, and warns of types that it finds later.
pytestmark = [pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0:DeprecationWarning"),
              pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")]

LEVELS = 127
QUANTIZED_VALUES = 8  # on the longest path of the network, each rounded to steps of 1/127 of its largest magnitude
ROUNDING = 64 * np.finfo(np.float32).eps  # float32 through at most 288 products a layer

Quantized = tuple[Any, dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def model(mx: ModuleType) -> Quantized:
    symbol = residual_symbol(mx)
    return symbol, *parameters(mx, symbol)


@pytest.fixture
def quantize(mx: ModuleType, model: Quantized, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Quantized]:
    """Returns MXNet's quantizer, applied to the network; without its fusion no fusion at run time may hide what is to be calibrated either."""

    def run(function: str = "quantize_model_mkldnn", mode: str = "naive", dtype: str = "auto", **options: Any) -> Quantized:
        if function == "quantize_model":
            monkeypatch.setenv("MXNET_SUBGRAPH_BACKEND", "NONE")
        data = {} if mode == "none" else {"calib_data": image_iterator(mx)}
        quantizer = getattr(mx.contrib.quantization, function)
        result: Quantized = quantizer(*model, label_names=None, calib_mode=mode, quantized_dtype=dtype, quantize_mode="full", **data, **options)
        return result

    return run


def imported(model: Any) -> Graph:
    return import_model(model, shapes={"data": ("N", *SHAPE)})


def run_imported(model: Any) -> np.ndarray:
    return evaluate(imported(model), {"data": IMAGES})[0]


def rounded(array: np.ndarray) -> np.ndarray:
    """Returns a weight as MXNet's integers hold it."""
    peak = np.abs(array).max()
    return (np.round(array * (LEVELS / peak)) * (peak / LEVELS)).astype(np.float32)


def stated_ranges(symbol: Any) -> dict[str, tuple[float, float]]:
    """Returns the ranges in a symbol's JSON, by the name of the last operator of the node that has them."""
    found = {}
    for node in json.loads(symbol.tojson())["nodes"]:
        attrs = node.get("attrs", {})
        if "min_calib_range" in attrs:
            inner = node["subgraphs"][0]["nodes"][-1]["name"] if "subgraphs" in node else re.sub("^(quantized|requantize)_|_quantize$", "", node["name"])
            found[inner] = (float(attrs["min_calib_range"]), float(attrs["max_calib_range"]))
    return found


@pytest.mark.parametrize("function", ["quantize_model", "quantize_model_mkldnn"])
@pytest.mark.parametrize("mode", ["naive", "entropy", "none"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "auto"])
def test_every_way_to_quantize(function: str, mode: str, dtype: str, model: Quantized, quantize: Callable[..., Quantized]) -> None:
    result = quantize(function, mode, dtype)
    stored = {name.removesuffix("_quantize") for name in result[1] if name.endswith("_quantize")}
    assert stored >= {"fc_weight", "fc_bias"}
    symbol, args, states = model
    weights = {name: rounded(array.asnumpy()) if name in stored else array for name, array in args.items()}
    wanted, actual = run_imported((symbol, weights, states)), run_imported(result)
    np.testing.assert_allclose(actual, wanted, rtol=ROUNDING, atol=ROUNDING * np.abs(wanted).max())
    graph = imported(result)
    stated = stated_ranges(result[0])
    assert bool(stated) == (mode != "none")
    assert {name: graph.ranges[name] for name in stated} == stated
    assert {value.name for value in graph.values()} >= set(graph.ranges)


@pytest.mark.parametrize(("mode", "dtype"), [("naive", "int8"), ("naive", "uint8"), ("naive", "auto"), ("none", "int8"), ("none", "auto")])
def test_answers_are_those_of_mxnets_integers(mode: str, dtype: str, mx: ModuleType, quantize: Callable[..., Quantized]) -> None:
    symbol, args, states = quantize(mode=mode, dtype=dtype)
    executor = symbol.bind(mx.cpu(), {**args, "data": mx.nd.array(IMAGES)}, aux_states=states, grad_req="null")
    wanted = executor.forward(is_train=False)[0].asnumpy()
    np.testing.assert_allclose(run_imported((symbol, args, states)), wanted, rtol=0, atol=QUANTIZED_VALUES / LEVELS * np.abs(wanted).max())


def test_the_owners_names_come_back(model: Quantized, quantize: Callable[..., Quantized]) -> None:
    symbol, args, states = model
    wanted = [(node.op, node.name) for node in imported((symbol, args, states)).nodes if node.op != "const"]
    for function in ("quantize_model", "quantize_model_mkldnn"):
        graph = imported(quantize(function))
        names = [(node.op, node.name) for node in graph.nodes if node.op not in ("const", "identity")]
        assert names == wanted
    picked = import_model(quantize(), shapes={"data": (1, *SHAPE)}, outputs=["relu2_output"])
    assert picked.output_names == ("relu2_output",)


def test_heads_keep_the_public_names_of_the_quantized_symbol(quantize: Callable[..., Quantized]) -> None:
    for function in ("quantize_model", "quantize_model_mkldnn"):
        result = quantize(function)
        assert imported(result).output_names == tuple(result[0].list_outputs())


def test_operators_that_keep_their_operands_scale_hand_its_range_on(quantize: Callable[..., Quantized]) -> None:
    ranges = imported(quantize("quantize_model")).ranges
    low, high = ranges["bn1"]
    assert low < 0 < high
    assert ranges["relu1"] == ranges["pool1"] == (0.0, high)
    assert ranges["cat"] == ranges["pool2"] == (min(ranges["conv3"][0], 0.0), max(ranges["conv3"][1], ranges["relu2"][1]))


@pytest.mark.parametrize("options", [{"quantize_granularity": "channel-wise"}, {"excluded_sym_names": ["conv3"]}])
def test_float_layers_of_a_quantized_symbol_keep_their_weights(options: dict[str, Any], model: Quantized, quantize: Callable[..., Quantized]) -> None:
    weights = {node.name: node.output.array for node in imported(quantize(**options)).nodes if node.op == "const"}
    kept = [name for name in model[1] if name in weights and np.array_equal(weights[name], model[1][name].asnumpy())]
    assert {"conv3_weight", "conv3_bias"} <= set(kept)


def test_fused_symbols_that_are_not_quantized(mx: ModuleType, model: Quantized) -> None:
    symbol, args, states = model
    for backend in ("MKLDNN", "MKLDNN_QUANTIZE"):
        fused = (symbol.get_backend_symbol(backend), args, states)
        assert "_sg_mkldnn_conv" in fused[0].tojson()
        np.testing.assert_array_equal(run_imported(fused), run_imported(model))
        assert imported(fused).ranges == {}


def test_what_quantize_net_v2_exports(mx: ModuleType, tmp_path: Any) -> None:
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(8, 3, activation="relu"), mx.gluon.nn.MaxPool2D(), mx.gluon.nn.Dense(4))
    net.initialize(mx.init.Normal(0.3))
    images = mx.nd.array(IMAGES)
    wanted = net(images).asnumpy()
    loader = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(images, mx.nd.zeros(len(IMAGES))), batch_size=4)
    quantized = mx.contrib.quantization.quantize_net_v2(net, calib_data=loader, calib_mode="naive")
    quantized.hybridize()
    integers = quantized(images).asnumpy()
    quantized.export(str(tmp_path / "net"))
    graph = import_model(str(tmp_path / "net"), shapes={"data": ("N", *SHAPE)})
    assert graph.ranges
    actual = evaluate(graph, {"data": IMAGES})[0]
    for answer in (wanted, integers):
        np.testing.assert_allclose(actual, answer, rtol=0, atol=3 / LEVELS * np.abs(answer).max())


# -- damage --------------------------------------------------------------------------------------------------------------


WEIGHT = np.array([[127, -64]], np.int8)


def limits(name: str) -> dict[str, np.ndarray]:
    return {f"{name}_min": np.array([-2.54], np.float32), f"{name}_max": np.array([2.54], np.float32)}


def dense_symbol() -> dict[str, Any]:
    """A calibrated dense layer without a bias, between a quantize and a requantize node."""
    nodes: list[dict[str, Any]] = []

    def add(op: str, name: str, *inputs: tuple[int, int], **attrs: str) -> int:
        nodes.append({"op": op, "name": name, "attrs": attrs, "inputs": [[node, output, 0] for node, output in inputs]})
        return len(nodes) - 1

    data = add("_contrib_quantize_v2", "data_quantize", (add("null", "data"), 0), out_type="int8", min_calib_range="-1.0", max_calib_range="1.0")
    weight = [(add("null", f"fc_weight_quantize{end}"), 0) for end in ("", "_min", "_max")]
    inputs = ((data, 0), weight[0], (data, 1), (data, 2), *weight[1:])
    dense = add("_contrib_quantized_fully_connected", "quantized_fc", *inputs, num_hidden="1", no_bias="True")
    again = add("_contrib_requantize", "requantize_fc", *((dense, output) for output in range(3)), min_calib_range="-4.0", max_calib_range="3.0")
    head = add("_contrib_dequantize", "fc_dequantize", *((again, output) for output in range(3)))
    return {"nodes": nodes, "arg_nodes": [index for index, node in enumerate(nodes) if node["op"] == "null"], "heads": [[head, 0, 0]],
            "attrs": {"mxnet_version": ["int", 10901]}}


def dense_params() -> dict[str, np.ndarray]:
    return {"fc_weight_quantize": WEIGHT, **limits("fc_weight_quantize")}


def build(symbol: dict[str, Any], params: dict[str, np.ndarray]) -> Graph:
    return import_model(symbol, params, shapes={"data": ("N", 2)})


def test_integers_become_real_numbers() -> None:
    graph = build(dense_symbol(), dense_params())
    np.testing.assert_allclose(graph.find("fc_weight").array, [[2.54, -1.28]], rtol=1e-6)
    assert graph.ranges == {"data": (-1.0, 1.0), "fc": (-4.0, 3.0)}
    assert graph.output_names == ("fc_dequantize_output",)
    bytes_ = {**dense_params(), "fc_weight_quantize": np.array([[255, 0]], np.uint8)}
    np.testing.assert_allclose(build(dense_symbol(), bytes_).find("fc_weight").array, [[2.54, 0]], rtol=1e-6)


def test_a_weight_that_floats_share_keeps_both_names() -> None:
    symbol = dense_symbol()
    nodes = symbol["nodes"]
    nodes.append({"op": "null", "name": "fc_weight", "attrs": {}, "inputs": []})
    nodes.append({"op": "FullyConnected", "name": "other", "attrs": {"num_hidden": "1", "no_bias": "True"}, "inputs": [[0, 0, 0], [len(nodes) - 1, 0, 0]]})
    symbol["heads"].append([len(nodes) - 1, 0, 0])
    graph = build(symbol, {**dense_params(), "fc_weight": np.array([[1.0, 2.0]], np.float32)})
    np.testing.assert_array_equal(graph.find("fc_weight").array, [[1.0, 2.0]])
    assert graph.find("fc_weight_quantize").type.dtype == "f32"


def node_of(symbol: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(node for node in symbol["nodes"] if node["name"] == name)
    return found


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ("1.0", "-1.0", "calibrated range from 1.0 to -1.0; expected two finite numbers, the smallest first"),
        ("nan", "1.0", "calibrated range from nan to 1.0"),
        ("-inf", "1.0", "calibrated range from -inf to 1.0"),
        ("None", "1.0", "calibrated range from None to 1.0"),
        ("wide", "1.0", "min_calib_range = 'wide': expected a number"),
    ],
)
def test_damaged_ranges(low: str, high: str, message: str) -> None:
    symbol = dense_symbol()
    node_of(symbol, "requantize_fc")["attrs"].update(min_calib_range=low, max_calib_range=high)
    with pytest.raises(ImportFailure, match=rf"node 6 'requantize_fc' .*{re.escape(message)}"):
        build(symbol, dense_params())


def test_a_range_that_six_decimals_lost(caplog: pytest.LogCaptureFixture) -> None:
    symbol = dense_symbol()
    node_of(symbol, "requantize_fc")["attrs"].update(min_calib_range="-0.000000", max_calib_range="0.000000")
    assert build(symbol, dense_params()).ranges == {"data": (-1.0, 1.0)}
    assert "1 calibrated ranges reach from 0 to 0 and are left out" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc_weight_quantize_max": None}, "node 2 'fc_weight_quantize' (null): parameter 'fc_weight_quantize_max' is missing (the given parameters)"),
        ({"fc_weight_quantize_min": np.zeros(2, np.float32)}, "parameter 'fc_weight_quantize_min' has shape (2,), expected one number"),
        ({"fc_weight_quantize_min": np.array([np.nan], np.float32)}, "range of 'fc_weight_quantize' from nan to"),
        ({"fc_weight_quantize": WEIGHT.astype(np.float32)}, "parameter 'fc_weight_quantize' has dtype float32, expected int8 or uint8"),
        ({"fc_weight_quantize": None}, "1 parameters are missing (the given parameters): 'fc_weight_quantize' (node 2)"),
    ],
)
def test_damaged_weights(change: dict[str, Any], message: str) -> None:
    params = {name: array for name, array in {**dense_params(), **change}.items() if array is not None}
    with pytest.raises(ImportFailure, match=re.escape(message)):
        build(dense_symbol(), params)


def test_a_head_that_is_a_limit_of_a_range() -> None:
    symbol = dense_symbol()
    symbol["heads"] = [[7, 0, 0], [6, 2, 0]]
    message = "head 1 is the largest value (output 2) of node 6 'requantize_fc' (_contrib_requantize), which the float model does not have"
    with pytest.raises(ImportFailure, match=re.escape(message)):
        build(symbol, dense_params())


def test_an_operator_that_computes_with_a_limit() -> None:
    symbol = dense_symbol()
    symbol["nodes"].append({"op": "elemwise_add", "name": "odd", "inputs": [[7, 0, 0], [6, 1, 0]]})
    symbol["heads"] = [[8, 0, 0]]
    with pytest.raises(ImportFailure, match=re.escape("node 8 'odd' (elemwise_add): reads the smallest value (output 1) of node 6 'requantize_fc'")):
        build(symbol, dense_params())


def test_too_few_inputs() -> None:
    for name, count in (("quantized_fc", 4), ("requantize_fc", 2)):
        symbol = dense_symbol()
        del node_of(symbol, name)["inputs"][count:]
        with pytest.raises(ImportFailure, match=rf"'{name}' .*: {count} inputs, expected 3: data, and two limits for every range"):
            build(symbol, dense_params())


def fused_symbol() -> dict[str, Any]:
    inner = {
        "nodes": [
            {"op": "null", "name": "x0", "inputs": []},
            {"op": "null", "name": "w0", "inputs": []},
            {"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": "1", "no_bias": "True"}, "inputs": [[0, 0, 0], [1, 0, 0]]},
            {"op": "Activation", "name": "relu", "attrs": {"act_type": "relu"}, "inputs": [[2, 0, 0]]},
        ],
        "arg_nodes": [0, 1],
        "heads": [[3, 0, 0]],
    }
    fused = {"op": "_sg_mkldnn_fully_connected", "name": "sg", "attrs": {"with_eltwise": "true"}, "inputs": [[0, 0, 0], [1, 0, 0]], "subgraphs": [inner]}
    nodes = [{"op": "null", "name": "data", "inputs": []}, {"op": "null", "name": "w", "inputs": []}, fused]
    return {"nodes": nodes, "arg_nodes": [0, 1], "heads": [[2, 0, 0]], "attrs": {"mxnet_version": ["int", 10901]}}


FUSED_WEIGHT = {"w": np.array([[1.0, -1.0]], np.float32)}


def test_a_fused_operator_is_its_subgraph() -> None:
    graph = build(fused_symbol(), FUSED_WEIGHT)
    assert [(node.op, node.name) for node in graph.nodes] == [("const", "w"), ("dense", "fc"), ("relu", "relu"), ("identity", "sg")]
    assert graph.output_names == ("sg_output",)
    assert graph.find("relu").producer.locs[0].index == 2  # type: ignore[union-attr]


def test_unknown_contents_of_a_fused_operator_are_listed_with_all_others() -> None:
    symbol = fused_symbol()
    symbol["nodes"][2]["subgraphs"][0]["nodes"][3].update(op="_sg_secret")
    symbol["nodes"].append({"op": "_contrib_quantized_rnn", "name": "rnn", "inputs": [[2, 0, 0]]})
    symbol["heads"] = [[3, 0, 0]]
    with pytest.raises(UnsupportedOperator) as raised:
        build(symbol, FUSED_WEIGHT)
    assert "2 nodes of 2 unsupported operators" in str(raised.value)
    assert "_sg_secret x1: 'relu' (node 2)" in str(raised.value)
    assert "_contrib_quantized_rnn x1: 'rnn' (node 3)" in str(raised.value)


def test_fused_operators_that_contradict_their_subgraph() -> None:
    message = "node 2 'sg' (_sg_mkldnn_fully_connected): "
    symbol = fused_symbol()
    symbol["nodes"][2]["subgraphs"] = []
    with pytest.raises(ImportFailure, match=re.escape(message + "0 subgraphs, expected one with one head")):
        build(symbol, FUSED_WEIGHT)
    for inputs in ([[0, 0, 0]], [[0, 0, 0], [1, 0, 0], [1, 0, 0]]):
        symbol = copy.deepcopy(fused_symbol())
        symbol["nodes"][2]["inputs"] = inputs
        with pytest.raises(ImportFailure, match=re.escape(message + f"{len(inputs)} inputs for a subgraph of 2 variables")):
            build(symbol, FUSED_WEIGHT)
