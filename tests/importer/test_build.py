"""From symbol to graph: inputs and parameters told apart, errors that list everything, outputs by name. Needs no MXNet."""

import copy
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.digits_network import KEPT
from ngc.errors import ImportFailure, InputError, NgcError, UnsupportedOperator
from ngc.importer import import_model
from ngc.importer.attributes import ATTRIBUTE_REQUIRED
from ngc.importer.operators import OPERATORS
from ngc.ir import Graph, SymDim, evaluate

Json = dict[str, Any]


def variable(name: str, **attrs: str) -> Json:
    return {"op": "null", "name": name, "inputs": [], **({"attrs": attrs} if attrs else {})}


def node(op: str, name: str, *inputs: int, **attrs: str) -> Json:
    return {"op": op, "name": name, "attrs": attrs, "inputs": [[index, 0, 0] for index in inputs]}


def graph_json(*nodes: Json, heads: list[list[int]] | None = None) -> Json:
    return {
        "nodes": list(nodes),
        "arg_nodes": [index for index, entry in enumerate(nodes) if entry["op"] == "null"],
        "heads": heads or [[len(nodes) - 1, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }


def network() -> Json:
    """Returns conv, batch norm, relu, flatten, dense, softmax output, as a Module checkpoint states it."""
    return graph_json(
        variable("data"),
        variable("conv_weight"),
        variable("conv_bias"),
        node("Convolution", "conv", 0, 1, 2, kernel="(3, 3)", num_filter="4"),
        variable("bn_gamma"),
        variable("bn_beta"),
        variable("bn_moving_mean"),
        variable("bn_moving_var"),
        node("BatchNorm", "bn", 3, 4, 5, 6, 7, fix_gamma="False"),
        node("Activation", "relu0", 8, act_type="relu"),
        node("Flatten", "flatten0", 9),
        variable("fc_weight"),
        variable("fc_bias"),
        node("FullyConnected", "fc", 10, 11, 12, num_hidden="5"),
        variable("softmax_label"),
        node("SoftmaxOutput", "softmax", 13, 14),
    )


def parameters() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {
        "arg:conv_weight": (4, 3, 3, 3),
        "arg:conv_bias": (4,),
        "arg:bn_gamma": (4,),
        "arg:bn_beta": (4,),
        "aux:bn_moving_mean": (4,),
        "aux:bn_moving_var": (4,),
        "arg:fc_weight": (5, 144),
        "arg:fc_bias": (5,),
    }
    return {name: rng.uniform(0.5, 1, shape).astype(np.float32) for name, shape in shapes.items()}


SHAPES = {"data": ("N", 3, 8, 8)}


def test_module_checkpoint() -> None:
    graph = import_model(network(), parameters(), shapes=SHAPES)
    assert isinstance(graph, Graph)
    assert graph.stage == "imported"
    assert [value.name for value in graph.inputs] == ["data"]
    assert graph.inputs[0].type.shape == (SymDim(), 3, 8, 8)
    assert graph.output_names == ("softmax_output",)
    assert [str(value.type) for value in graph.outputs] == ["f32[N,5]"]
    assert graph.count() == {"conv2d": 1, "batch_norm": 1, "relu": 1, "reshape": 1, "dense": 1, "softmax": 1}
    (result,) = evaluate(graph, {"data": np.ones((2, 3, 8, 8), np.float32)})
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-6)  # five float32 terms


def test_every_node_knows_where_it_comes_from() -> None:
    graph = import_model(network(), parameters(), shapes=SHAPES)
    found = {value.locs[0].name: (value.locs[0].file, value.locs[0].index) for value in graph.nodes}
    assert found["conv"] == ("<symbol>", 3)
    assert found["conv_weight"] == ("<symbol>", 1)
    assert found["softmax"] == ("<symbol>", 15)
    assert all(len(value.locs) == 1 for value in graph.nodes)
    assert graph.find("relu0").producer is not None


def test_a_graph_passes_through() -> None:
    graph = import_model(network(), parameters(), shapes=SHAPES)
    assert import_model(graph) is graph
    with pytest.raises(InputError, match="a Graph is complete: params, shapes cannot be given with it"):
        import_model(graph, {}, shapes=SHAPES)


def test_shapes_for_labels_and_parameters_are_let_pass() -> None:
    shapes = {**SHAPES, "softmax_label": (1,), "conv_bias": (4,)}
    assert len(import_model(network(), parameters(), shapes=shapes).inputs) == 1
    with pytest.raises(InputError, match=r"'conv_bias' is a parameter of shape \(4,\), not \(5,\)"):
        import_model(network(), parameters(), shapes={**SHAPES, "conv_bias": (5,)})


def test_parameters_without_prefix() -> None:
    params = {name.partition(":")[2]: array for name, array in parameters().items()}
    assert len(import_model(network(), params, shapes=SHAPES).inputs) == 1


def test_missing_parameters_are_listed_all_at_once() -> None:
    params = parameters()
    for name in ("arg:conv_bias", "aux:bn_moving_var", "arg:fc_weight"):
        del params[name]
    message = (
        r"3 parameters are missing \(the given parameters\): 'conv_bias' \(node 2\), 'bn_moving_var' \(node 7\), "
        r"'fc_weight' \(node 11\); pass params= with them"
    )
    with pytest.raises(ImportFailure, match=message):
        import_model(network(), params, shapes=SHAPES)
    with pytest.raises(ImportFailure, match=r"8 parameters are missing \(no parameters were given\)"):
        import_model(network(), shapes=SHAPES)


def test_an_error_names_the_first_of_many_missing_parameters() -> None:
    symbol = Path(f"{KEPT}-symbol.json")
    message = r"43 parameters are missing \(no parameters were given\): 'digits_conv0_weight' \(node 1\), .* and 23 more; pass params= with them"
    with pytest.raises(ImportFailure, match=message) as error:
        import_model(json.loads(symbol.read_text()), shapes={"data": (1, 1, 8, 8)})
    assert str(error.value).count("(node ") == 20


def test_parameter_slot_with_a_shape_is_an_input() -> None:
    params = parameters()
    del params["arg:fc_bias"]
    graph = import_model(network(), params, shapes={**SHAPES, "fc_bias": (5,)})
    assert [value.name for value in graph.inputs] == ["data", "fc_bias"]


def test_unused_parameters_are_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    params = parameters() | {"arg:old": np.zeros(1, np.float32)}
    with caplog.at_level(logging.WARNING):
        import_model(network(), params, shapes=SHAPES)
    assert "1 parameters that the symbol does not have are ignored: old" in caplog.text


def test_wrong_parameter_shape_names_both() -> None:
    params = parameters() | {"arg:fc_weight": np.zeros((5, 100), np.float32)}
    message = r"node 13 'fc' \(FullyConnected\): weight parameter 'fc_weight' has shape \(5, 100\), expected \(5, 144\)"
    with pytest.raises(ImportFailure, match=message):
        import_model(network(), params, shapes=SHAPES)


def test_parameter_of_a_dtype_that_the_ir_does_not_have() -> None:
    params = parameters() | {"arg:fc_bias": np.zeros(5, np.uint16)}
    with pytest.raises(ImportFailure, match=r"parameter 'fc_bias': .*uint16; accepted: float32"):
        import_model(network(), params, shapes=SHAPES)
    with pytest.raises(ImportFailure, match="parameter 'arg:fc_bias' is no array of numbers but str"):
        import_model(network(), params | {"arg:fc_bias": "five"}, shapes=SHAPES)


BAD_SHAPES: list[tuple[Any, str]] = [
    ({}, r"no shape for the inputs 'data' \(node 0\); pass for instance shapes="),
    ({"dat": (1, 3, 8, 8)}, "the model has no input 'dat'; did you mean 'data'"),
    ({"image": (1, 3, 8, 8)}, "the model has no input 'image'; inputs: 'data'"),
    ({"data": ("N", 3, "N", 8)}, "expected sizes of at least 1"),
    ({"data": (0, 3, 8, 8)}, "expected sizes of at least 1"),
    ({"data": (1.5, 3, 8, 8)}, "expected sizes of at least 1"),
    ({"data": "1,3,8,8"}, "expected sizes of at least 1"),
    ({"data": 5}, "expected sizes of at least 1"),
]


@pytest.mark.parametrize(("shapes", "message"), BAD_SHAPES)
def test_bad_shapes(shapes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        import_model(network(), parameters(), shapes=shapes)


def test_shape_that_the_model_carries() -> None:
    def load(shape: str, **attrs: str) -> Graph:
        return import_model(graph_json(variable("data", __shape__=shape, **attrs), node("relu", "act", 0)))

    assert str(load("(2, 3)").inputs[0].type) == "f32[2,3]"
    assert str(load("(2, 3)", __dtype__="6").inputs[0].type) == "i64[2,3]"
    for unknown in ("(0, 3)", "(-1, 3)", "()"):
        with pytest.raises(InputError, match="no shape for the inputs 'data'"):
            load(unknown)
    with pytest.raises(ImportFailure, match="__shape__ = 'two': expected a tuple"):
        load("two")
    with pytest.raises(ImportFailure, match="__dtype__ = '99': expected one of 0"):
        load("(2, 3)", __dtype__="99")


@pytest.mark.parametrize("dtype", ["float64", "f64", np.float64, np.dtype("float64")])
def test_dtypes(dtype: Any) -> None:
    relu = graph_json(variable("data"), node("relu", "act", 0))
    assert import_model(relu, shapes={"data": (2,)}, dtypes={"data": dtype}).inputs[0].type.dtype == "f64"
    with pytest.raises(InputError, match=r"dtypes: 'data' has 'complex64'; expected one of float32"):
        import_model(relu, shapes={"data": (2,)}, dtypes={"data": "complex64"})
    with pytest.raises(InputError, match=r"dtypes: 'data' has 'real'"):
        import_model(relu, shapes={"data": (2,)}, dtypes={"data": "real"})
    with pytest.raises(InputError, match="dtypes: the model has no input 'image'"):
        import_model(relu, shapes={"data": (2,)}, dtypes={"image": "float32"})


def test_input_takes_the_dtype_of_the_weights_that_it_meets() -> None:
    nodes = [variable("data"), variable("w"), node("FullyConnected", "fc", 0, 1, num_hidden="2", no_bias="True")]
    graph = import_model(graph_json(*nodes), {"w": np.ones((2, 3), np.float16)}, shapes={"data": ("N", 3)})
    assert str(graph.outputs[0].type) == "f16[N,2]"


def test_all_unsupported_operators_in_one_error() -> None:
    nodes = [variable("data")]
    nodes += [node("Mystery", f"m{index}", index) for index in range(7)]
    nodes += [node("Dropout", "drop", 7, mode="always"), node("Custom", "mine", 8, op_type="x"), node("relu", "act", 9)]
    with pytest.raises(UnsupportedOperator) as caught:
        import_model(graph_json(*nodes), shapes={"data": (1, 2)})
    assert str(caught.value).splitlines() == [
        "<symbol>: 9 nodes of 3 unsupported operators:",
        "  Mystery x7: 'm0' (node 1), 'm1' (node 2), 'm2' (node 3), 'm3' (node 4), 'm4' (node 5) and 2 more",
        "  Custom x1: 'mine' (node 9)",
        "    is of MXNet's own machinery, or the user's code in another language",
        "  Dropout with mode=always, which drops at inference too x1: 'drop' (node 8)",
        "outputs=[…] can select inner values that do not need them",
    ]


@pytest.mark.parametrize(("op", "named", "reason"), [
    ("_sparse_retain", "_sparse_retain", "is of sparse storage"), ("ctc_loss", "ctc_loss", "trains: a loss"),
    ("_npi_boolean_mask", "_contrib_boolean_mask", "the result's shape depends on the data's values"),
])
def test_reasons_are_found_by_every_name(op: str, named: str, reason: str) -> None:
    with pytest.raises(UnsupportedOperator, match=f"  {named} x1: 'z' .node 1.\n    {reason}"):
        import_model(graph_json(variable("data"), node(op, "z", 0)), shapes={"data": (2,)})


def test_unsupported_operators_off_the_wanted_path_do_not_matter() -> None:
    nodes = [variable("data"), node("relu", "act", 0), node("Mystery", "m", 1)]
    graph = import_model(graph_json(*nodes), shapes={"data": (1, 2)}, outputs=["act_output"])
    assert graph.count() == {"relu": 1}


def test_inner_values_by_name() -> None:
    graph = import_model(network(), parameters(), shapes=SHAPES, outputs=["flatten0_output", "conv_output"])
    assert graph.output_names == ("flatten0_output", "conv_output")
    assert [str(value.type) for value in graph.outputs] == ["f32[N,144]", "f32[N,4,6,6]"]
    assert "dense" not in graph.count()


def test_inner_values_need_only_their_own_parameters() -> None:
    params = {name: array for name, array in parameters().items() if "conv" in name}
    assert len(import_model(network(), params, shapes=SHAPES, outputs=["conv_output"]).inputs) == 1


def test_unknown_output_names_near_matches() -> None:
    message = "outputs: the symbol has no value 'flatten_output'; did you mean 'flatten0_output'"
    with pytest.raises(InputError, match=message):
        import_model(network(), parameters(), shapes=SHAPES, outputs=["flatten_output"])
    with pytest.raises(InputError, match="outputs is empty"):
        import_model(network(), parameters(), shapes=SHAPES, outputs=[])


def test_outputs_of_a_split_and_variables() -> None:
    nodes = [variable("data"), node("SliceChannel", "cut", 0, num_outputs="2")]
    graph = import_model(graph_json(*nodes), shapes={"data": (1, 4)}, outputs=["cut_output1", "data"])
    first, second = evaluate(graph, {"data": np.arange(4, dtype=np.float32)[None]})
    np.testing.assert_array_equal(first, [[2, 3]])
    np.testing.assert_array_equal(second, [[0, 1, 2, 3]])


def test_variables_of_one_name_share_one_input() -> None:
    nodes = [variable("data"), variable("data"), node("elemwise_add", "sum", 0, 1)]
    graph = import_model(graph_json(*nodes), shapes={"data": (1, 2)})
    (result,) = evaluate(graph, {"data": np.ones((1, 2), np.float32)})
    np.testing.assert_array_equal(result, [[2, 2]])


def test_file_of_version_0_8() -> None:
    old = network()
    for entry in old["nodes"]:
        entry["inputs"] = [pair[:2] for pair in entry["inputs"]]
        entry["param"] = entry.pop("attrs", {})
    old["nodes"][8]["inputs"] = old["nodes"][8]["inputs"][:3]
    del old["attrs"]
    graph = import_model(old, parameters(), shapes=SHAPES)
    data = np.ones((1, 3, 8, 8), np.float32)
    expected = evaluate(import_model(network(), parameters(), shapes=SHAPES), {"data": data})
    np.testing.assert_array_equal(evaluate(graph, {"data": data})[0], expected[0])


def test_wrong_number_of_inputs() -> None:
    nodes = [variable("data"), node("elemwise_add", "sum", 0)]
    with pytest.raises(ImportFailure, match=r"node 1 'sum' \(elemwise_add\): 1 inputs, expected 2"):
        import_model(graph_json(*nodes), shapes={"data": (1, 2)})


def test_operands_without_dimensions() -> None:
    nodes = [variable("data"), variable("scale"), node("elemwise_mul", "out", 0, 1)]
    with pytest.raises(ImportFailure, match=r"node 2 'out' \(elemwise_mul\): operand 'scale' has no dimensions"):
        import_model(graph_json(*nodes), {"scale": np.array(2, np.float32)}, shapes={"data": (1, 2)})


def test_models_that_are_none() -> None:
    with pytest.raises(InputError, match="a model cannot be int; accepted: a checkpoint prefix"):
        import_model(5)
    with pytest.raises(InputError, match="a tuple must be"):
        import_model((network(), {}))
    with pytest.raises(InputError, match="brings its own parameters"):
        import_model((network(), {}, {}), {})
    with pytest.raises(InputError, match="params cannot be int"):
        import_model(network(), 5)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_operators_with_any_parameters_raise_nothing_but_ngc_errors(data: st.DataObject) -> None:
    op = data.draw(st.sampled_from(sorted(OPERATORS)))
    schema = OPERATORS[op].schema or {}
    attrs = {}
    for key, field in schema.items():
        if field.default is ATTRIBUTE_REQUIRED or data.draw(st.integers(0, 3)) == 0:
            attrs[key] = data.draw(st.sampled_from([*field.values] or TEXTS))
    count = data.draw(st.integers(1, 5))
    names = [f"x{index}" for index in range(count)]
    shapes = {name: data.draw(st.lists(st.sampled_from([1, 2, 3, 4, 12]), max_size=5)) for name in names}
    if data.draw(st.booleans()):
        shapes = {name: ["N", *shape[1:]] for name, shape in shapes.items()}
    dtypes = {name: data.draw(st.sampled_from(["float32", "float16", "int32"])) for name in names}
    nodes = [*map(variable, names), node(op, "out", *range(count), **attrs)]
    try:
        import_model(graph_json(*nodes), shapes=shapes, dtypes=dtypes)
    except NgcError:
        return


TEXTS = ["", "(1,)", "(3, 3)", "(-1, 0)", "(0, 0, 0)", "-1", "0", "1e9", "999999999", "True", "None", "relu", "max", "nan"]


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_mutated_networks_raise_nothing_but_ngc_errors(data: st.DataObject) -> None:
    graph = copy.deepcopy(network())
    params = parameters()
    operators = [entry for entry in graph["nodes"] if entry["op"] != "null"]
    for _ in range(data.draw(st.integers(1, 3))):
        entry = data.draw(st.sampled_from(operators))
        match data.draw(st.integers(0, 3)):
            case 0:
                entry["inputs"] = [[data.draw(st.integers(0, 15)), data.draw(st.integers(0, 2)), 0]]
            case 1:
                entry["attrs"][data.draw(st.sampled_from([*entry["attrs"], "axis", "stride", "pad"]))] = data.draw(
                    st.sampled_from(TEXTS)
                )
            case 2:
                other = data.draw(st.sampled_from(["Reshape", "Pooling", "slice", "Concat", "Deconvolution", "sum", "LRN"]))
                entry["op"] = other
                entry["attrs"] = {"shape": data.draw(st.sampled_from(TEXTS))} if other == "Reshape" else entry["attrs"]
            case _:
                name = data.draw(st.sampled_from(sorted(params)))
                params[name] = np.ones(data.draw(st.sampled_from([(), (0,), (4,), (4, 3), (5, 1, 1, 1)])), np.float32)
    try:
        import_model(json.dumps(graph), params, shapes=SHAPES)
    except NgcError:
        return
