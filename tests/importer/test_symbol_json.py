"""The symbol reader: every JSON generation, upgrades of old files, files that are no symbols, MXNet."""

import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.errors import ImportFailure, NgcError
from ngc.importer.symbol import Entry, SymbolGraph
from ngc.importer.symbol_json import load_symbol

Json = dict[str, Any]


def variable(name: str, **extra: Any) -> Json:
    return {"op": "null", "name": name, "inputs": [], **extra}


def modern() -> Json:
    """Returns a symbol as MXNet 1.9.1 writes it: conv, batch norm, softmax output."""
    names = ["data", "conv_weight", "conv_bias"]
    conv = {"kernel": "(3, 3)", "num_filter": "8"}
    return {
        "nodes": [
            *(variable(name) for name in names),
            {"op": "Convolution", "name": "conv", "attrs": conv, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]},
            variable("bn_gamma", attrs={"__init__": '["ones", {}]'}),
            variable("bn_beta"),
            variable("bn_moving_mean", attrs={"__shape__": "(8,)"}),
            variable("bn_moving_var"),
            {
                "op": "BatchNorm",
                "name": "bn",
                "inputs": [[3, 0, 0], [4, 0, 0], [5, 0, 0], [6, 0, 1], [7, 0, 1]],
            },
            variable("softmax_label"),
            {"op": "SoftmaxOutput", "name": "softmax", "inputs": [[8, 0, 0], [9, 0, 0]]},
        ],
        "arg_nodes": [0, 1, 2, 4, 5, 6, 7, 9],
        "node_row_ptr": [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13],
        "heads": [[10, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }


def pre_nnvm() -> Json:
    """Returns the same symbol as MXNet 0.8 wrote it: `param`, two-element entries, no auxiliary states."""
    back = {"backward_source_id": -1, "param": {}}
    conv = {"kernel": "(3L,3L)", "num_filter": "8", "no_bias": "False"}
    hidden = {"ctx_group": "stage1", "weight_lr_mult": "1.2", "wd_mult": "0.3"}
    return {
        "nodes": [
            *(variable(name, **back) for name in ["data", "conv_weight", "conv_bias"]),
            {
                "op": "Convolution",
                "name": "conv",
                "inputs": [[0, 0], [1, 0], [2, 0]],
                "backward_source_id": -1,
                "param": conv,
                "attr": hidden,
            },
            *(variable(name, **back) for name in ["bn_gamma", "bn_beta"]),
            {
                "op": "BatchNorm",
                "name": "bn",
                "inputs": [[3, 0], [4, 0], [5, 0]],
                "backward_source_id": -1,
                "param": {"fix_gamma": "True"},
                "attr": {"ctx_group": "stage1"},
            },
            {"op": "Softmax", "name": "softmax", "inputs": [[6, 0]], "backward_source_id": -1, "param": {}},
        ],
        "arg_nodes": [0, 1, 2, 4, 5],
        "heads": [[7, 0]],
    }


def test_modern_file() -> None:
    symbol = load_symbol(modern())
    assert symbol.version == 10901
    assert symbol.arguments == ("data", "conv_weight", "conv_bias", "bn_gamma", "bn_beta", "softmax_label")
    assert symbol.auxiliary_states == ("bn_moving_mean", "bn_moving_var")
    assert symbol.heads == (Entry(10, 0),)
    conv = symbol.nodes[3]
    assert (conv.index, conv.op, conv.name) == (3, "Convolution", "conv")
    assert conv.attrs == {"kernel": "(3, 3)", "num_filter": "8"}
    assert conv.inputs == (Entry(0, 0), Entry(1, 0), Entry(2, 0))
    assert symbol.nodes[6].hidden == {"__shape__": "(8,)"}
    assert str(conv) == "node 3 'conv' (Convolution)"


def test_file_of_version_0_8_is_upgraded() -> None:
    symbol = load_symbol(pre_nnvm())
    assert symbol.version == 800
    assert symbol.arguments == ("data", "conv_weight", "conv_bias", "bn_gamma", "bn_beta", "softmax_label")
    assert symbol.auxiliary_states == ("bn_moving_mean", "bn_moving_var")
    by_name = {node.name: node for node in symbol.nodes}
    assert by_name["conv"].attrs == {"kernel": "(3L,3L)", "num_filter": "8", "no_bias": "False"}
    assert by_name["conv"].hidden == {"__ctx_group__": "stage1", "__wd_mult__": "0.3"}
    assert by_name["conv_weight"].hidden == {"__lr_mult__": "1.2"}
    assert by_name["softmax"].op == "SoftmaxOutput"
    assert by_name["softmax"].index == 7
    assert by_name["bn_moving_mean"].index == by_name["bn"].index == 6


def test_attr_of_version_0_9_to_0_11() -> None:
    graph = modern()
    graph["nodes"][3]["attr"] = graph["nodes"][3].pop("attrs") | {"lr_mult": "2"}
    graph["attrs"] = {"mxnet_version": ["int", 904]}
    conv = load_symbol(graph).nodes[3]
    assert conv.attrs == {"kernel": "(3, 3)", "num_filter": "8"}
    assert conv.hidden == {"__lr_mult__": "2"}


def test_batch_norm_with_three_inputs_is_completed_only_before_0_9() -> None:
    graph = pre_nnvm()
    graph["attrs"] = {"mxnet_version": ["int", 900]}
    assert load_symbol(graph).auxiliary_states == ()


def test_attrs_win_over_param() -> None:
    graph = modern()
    graph["nodes"][3]["param"] = {"num_filter": "9", "stride": "(2, 2)"}
    assert load_symbol(graph).nodes[3].attrs == {"kernel": "(3, 3)", "num_filter": "8", "stride": "(2, 2)"}


@pytest.mark.parametrize(("version", "attrs"), [(904, {}), (905, {"axis": "-1"})])
def test_argmax_over_axis_minus_one_was_flat_before_0_9_5(version: int, attrs: dict[str, str]) -> None:
    node = {"op": "argmax", "name": "top", "inputs": [[0, 0, 0]], "attrs": {"axis": "-1"}}
    graph = {
        "nodes": [variable("data"), node],
        "heads": [[1, 0, 0]],
        "attrs": {"mxnet_version": ["int", version]},
    }
    assert load_symbol(graph).nodes[1].attrs == attrs


@pytest.mark.parametrize(
    ("alias", "canonical"),
    [
        ("flatten", "Flatten"),
        ("reshape", "Reshape"),
        ("concat", "Concat"),
        ("split", "SliceChannel"),
        ("identity", "_copy"),
        ("ElementWiseSum", "add_n"),
        ("_Plus", "elemwise_add"),
        ("_minus", "elemwise_sub"),
        ("broadcast_plus", "broadcast_add"),
        ("crop", "slice"),
        ("_PlusScalar", "_plus_scalar"),
        ("_RMinusScalar", "_rminus_scalar"),
        ("_GreaterEqualScalar", "_greater_equal_scalar"),
        ("_Not_Equal", "_not_equal"),
        ("max_axis", "max"),
        ("Softmax", "SoftmaxOutput"),
        ("softmax", "softmax"),
        ("_sparse_ElementWiseSum", "add_n"),
        ("_npx_convolution", "Convolution"),
        ("MakeLoss", "MakeLoss"),
        ("Pooling_v1", "Pooling_v1"),
    ],
)
def test_aliases(alias: str, canonical: str) -> None:
    graph = {
        "nodes": [variable("x"), {"op": alias, "name": "y", "inputs": [[0, 0, 0]]}],
        "heads": [[1, 0, 0]],
    }
    graph["attrs"] = {"mxnet_version": ["int", 10901]}
    assert load_symbol(graph).nodes[1].op == canonical


def test_unknown_keys_are_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    graph = modern()
    graph["future"] = 1
    graph["nodes"][3]["color"] = "red"
    with caplog.at_level(logging.WARNING):
        load_symbol(graph)
    assert "unknown key 'future' is ignored" in caplog.text
    assert "node 3 'conv': unknown key 'color' is ignored" in caplog.text


def test_subgraphs_and_control_deps() -> None:
    graph = modern()
    graph["nodes"][3]["subgraphs"] = [modern()]
    graph["nodes"][8]["control_deps"] = [3]
    symbol = load_symbol(graph)
    assert symbol.nodes[3].subgraphs[0].arguments[0] == "data"
    assert symbol.nodes[8].control_deps == (3,)


def test_np_shape_flag() -> None:
    graph = modern()
    graph["attrs"]["is_np_shape"] = ["int", 1]
    assert load_symbol(graph).np_shape


def test_text_bytes_and_path(tmp_path: Path) -> None:
    text = json.dumps(modern())
    path = tmp_path / "net-symbol.json"
    path.write_text(text)
    for source in (text, text.encode(), b"\xef\xbb\xbf" + text.encode(), path, str(path)):
        assert len(load_symbol(source).nodes) == 11


TEXT_FAILURES = [
    ("<html></html>", "HTML or XML page"),
    (b"", "the file is empty"),
    (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    (b"\x12\x01\0\0\0\0\0\0", r"\.params file; pass it as the parameters"),
    (b"\xff\xfe{", "not UTF-8 text at byte 0"),
    ('{"nodes": [', "the text ends after 11 bytes: truncated"),
    ('{"nodes": oops}', "line 1, column 11 .* damaged"),
    ("[" * 100_000, "JSON that cannot be read"),
    ("[]", "expected an object with 'nodes' and 'heads', found a list"),
    ("{}", "found an object with no keys"),
    ('{"layers": [], "model": 1}', "found an object with 'layers', 'model'"),
]


@pytest.mark.parametrize(
    ("text", "message"), TEXT_FAILURES, ids=[message[:24] for _, message in TEXT_FAILURES]
)
def test_text_that_is_no_symbol(text: str | bytes, message: str) -> None:
    with pytest.raises(ImportFailure, match=message):
        load_symbol(text)


def set_conv_inputs(value: Any) -> Callable[[Json], None]:
    return lambda graph: graph["nodes"][3].update(inputs=value)


GRAPH_FAILURES: list[tuple[Callable[[Json], Any], str]] = [
    (lambda g: g.update(nodes={}), "'nodes' must be a list, found an object"),
    (lambda g: g.update(heads=3), "'heads' must be a list, found a number"),
    (lambda g: g.update(heads=[]), "no heads"),
    (
        lambda g: g.update(heads=[[11, 0, 0]]),
        r"head 0 refers to node 11, but there are only 11 nodes \(0 to 10\)",
    ),
    (
        lambda g: g.update(arg_nodes=[3]),
        r"'arg_nodes' lists node 3 'conv' \(Convolution\), which is no variable",
    ),
    (lambda g: g.update(arg_nodes=[-1]), "'arg_nodes' holds -1"),
    (lambda g: g.update(attrs=[]), "'attrs' of the symbol must be an object"),
    (lambda g: g.update(attrs={"mxnet_version": 3}), "'mxnet_version' must be"),
    (lambda g: g["nodes"].insert(3, "conv"), "node 3 must be an object, found a text"),
    (lambda g: g["nodes"][3].pop("name"), "node 3: 'name' must be a text, found nothing"),
    (lambda g: g["nodes"][3].update(op=5), "node 3 'conv': 'op' must be a text, found a number"),
    (lambda g: g["nodes"][3].update(name="a\ud800"), "characters that cannot be printed"),
    (lambda g: g["nodes"][3].pop("inputs"), "node 3 'conv': 'inputs' is missing"),
    (lambda g: g["nodes"][3].update(attrs=[]), "node 3 'conv': 'attrs' must be an object"),
    (lambda g: g["nodes"][3].update(attrs={"kernel": 3}), "attrs 'kernel' must be a text, found a number"),
    (lambda g: g["nodes"][3].update(control_deps=[7]), "'control_deps' holds 7"),
    (lambda g: g["nodes"][3].update(subgraphs=[{}]), "node 3 'conv', subgraph: not an MXNet symbol"),
    (
        lambda g: g["nodes"][0].update(inputs=[[0, 0, 0]]),
        "node 0 'data': input 0 refers to node 0, which is not before",
    ),
    (lambda g: g["nodes"][4].update(inputs=[[0, 0, 0]]), "a variable cannot have inputs, found 1"),
    (
        set_conv_inputs([[3, 0, 0]]),
        "node 3 'conv': input 0 refers to node 3, which is not before it: a cycle",
    ),
    (set_conv_inputs([[8, 0, 0]]), "node 3 'conv': input 0 refers to node 8, which is not before it"),
    (set_conv_inputs([[99, 0, 0]]), "node 3 'conv': input 0 refers to node 99, but there are only 11 nodes"),
    (set_conv_inputs([[0, 1, 0]]), "input 0 asks for output 1 of a variable"),
    (set_conv_inputs([[0]]), r"input 0 must be \[node, output\] or \[node, output, version\], found \[0\]"),
    (set_conv_inputs([[0, -1]]), "input 0 must be"),
    (set_conv_inputs(["data"]), "input 0 must be .* found data"),
    (set_conv_inputs(0), "node 3 'conv': 'inputs' must be a list, found a number"),
]


@pytest.mark.parametrize(
    ("damage", "message"), GRAPH_FAILURES, ids=[message[:40] for _, message in GRAPH_FAILURES]
)
def test_graph_that_contradicts_itself(damage: Callable[[Json], Any], message: str) -> None:
    graph = modern()
    damage(graph)
    with pytest.raises(ImportFailure, match=message):
        load_symbol(graph)


def test_subgraphs_nested_without_end() -> None:
    graph = modern()
    for _ in range(20):
        outer = modern()
        outer["nodes"][3]["subgraphs"] = [graph]
        graph = outer
    with pytest.raises(ImportFailure, match="nested more than 8 deep"):
        load_symbol(graph)


def test_deep_symbols_need_no_recursion() -> None:
    nodes = [variable("x")]
    nodes += [{"op": "relu", "name": f"r{i}", "inputs": [[i, 0, 0]]} for i in range(5000)]
    symbol = load_symbol({"nodes": nodes, "heads": [[5000, 0, 0]]})
    assert list(symbol.reachable()) == list(range(5001))


JUNK = st.sampled_from(
    [None, True, -1, 0, 3, 10**30, 1.5, "", "null", "x", [], [[0, 0]], {}, [None], {"a": 1}]
)


def mutate(data: st.DataObject, value: Any) -> Any:
    """Returns the JSON value with one random place replaced by junk, or removed."""
    if isinstance(value, dict | list) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if data.draw(st.integers(0, 3)) == 0:
            del value[key]
        else:
            value[key] = mutate(data, value[key])
        return value
    return copy.deepcopy(data.draw(JUNK)) if data.draw(st.integers(0, 3)) else value


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_mutated_structure_raises_nothing_but_ngc_errors(data: st.DataObject) -> None:
    graph: Any = copy.deepcopy(data.draw(st.sampled_from([modern(), pre_nnvm()])))
    for _ in range(data.draw(st.integers(1, 4))):
        graph = mutate(data, graph)
    try:
        symbol = load_symbol(json.dumps(graph))
    except NgcError:
        return
    assert isinstance(symbol, SymbolGraph)
    assert len(list(symbol.reachable())) <= len(symbol.nodes)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_mutated_text_raises_nothing_but_ngc_errors(data: st.DataObject) -> None:
    text = bytearray(json.dumps(data.draw(st.sampled_from([modern(), pre_nnvm()]))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    text = text[: data.draw(st.integers(0, len(text)) | st.just(len(text)))]
    try:
        load_symbol(bytes(text))
    except NgcError:
        return


@pytest.mark.parametrize("make", [modern, pre_nnvm])
def test_arguments_and_states_are_those_of_mxnet(make: Callable[[], Json], mx: ModuleType) -> None:
    text = json.dumps(make())
    theirs = mx.sym.load_json(text)
    ours = load_symbol(text)
    assert list(ours.arguments) == theirs.list_arguments()
    assert list(ours.auxiliary_states) == theirs.list_auxiliary_states()
    again = load_symbol(theirs.tojson())
    assert again.arguments == ours.arguments
    assert again.auxiliary_states == ours.auxiliary_states
    assert {node.name: node.attrs for node in again.nodes} == {node.name: node.attrs for node in ours.nodes}
