"""Models whose sizes are out of all proportion: refused with what is wrong, before memory or time of that size is spent."""

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import build, import_model, load_params, load_symbol, selection
from ngc.importer.operators import OPERATORS, Conversion
from ngc.importer.operators.conversion import Operator
from ngc.importer.sources import ModelSource
from ngc.importer.symbol import SymbolNode
from ngc.ir import Value

MIB = 1 << 20


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Holds the memory that Python and numpy allocate meanwhile below a limit."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


def symbol(*nodes: tuple[str, str, dict[str, str], list[int]], heads: list[list[int]] | None = None) -> str:
    """Returns a symbol of (operator, name, attributes, inputs) whose last node is the head unless given."""
    listed = [{"op": op, "name": name, "attrs": attrs, "inputs": [[index, 0, 0] for index in inputs]} for op, name, attrs, inputs in nodes]
    return json.dumps({"nodes": listed, "arg_nodes": [], "heads": heads or [[len(nodes) - 1, 0, 0]], "attrs": {"mxnet_version": ["int", 10901]}})


def data(shape: str) -> tuple[str, str, dict[str, str], list[int]]:
    return "null", "data", {"__shape__": shape}, []


def test_a_head_that_is_an_output_which_a_variable_does_not_have() -> None:
    with pytest.raises(ImportFailure, match=r"head 0 asks for output 6 of a variable, which has only 0"):
        import_model(symbol(data("(1, 2)"), heads=[[0, 6, 0]]))


@pytest.mark.parametrize(("shape", "message"), [
    ("(1000000000, 1000000000)", r"f32\[1000000000,1000000000\] takes 4000000000000000000 bytes; a tensor takes at most 549755813888"),
    ("(4611686018427387904, 3)", r"f32\[4611686018427387904,3\] has a dimension above 281474976710656"),
    (f"({', '.join(['1'] * 40)})", r"a tensor has at most 32 dimensions, not 40"),
])
def test_inputs_that_no_machine_holds(shape: str, message: str) -> None:
    with at_most(4 * MIB), pytest.raises(ImportFailure, match=rf"node 0 'data' \(null\): {message}"):
        import_model(symbol(data(shape), ("relu", "y", {}, [0])))


@pytest.mark.parametrize(("op", "attrs", "inputs"), [
    ("broadcast_axis", {"axis": "(0, 1)", "size": "(1000000, 1000000)"}, [0]),
    ("broadcast_to", {"shape": "(1000000, 1000000)"}, [0]),
    ("Pad", {"mode": "constant", "pad_width": "(0, 0, 0, 0, 1000000, 0, 1000000, 0)"}, [1]),
    ("UpSampling", {"scale": "1000000", "sample_type": "nearest"}, [1]),
    ("Reshape", {"shape": f"({', '.join(['1'] * 40)})"}, [0]),
])
def test_results_that_no_machine_holds(op: str, attrs: dict[str, str], inputs: list[int]) -> None:
    """The last one has few elements and more dimensions than anybody computes with."""
    image = ("reshape", "image", {"shape": "(1, 1, 1, 1)"}, [0])
    with at_most(4 * MIB), pytest.raises(ImportFailure, match=rf"node 2 'y' \({op}\): .*(takes [0-9]+ bytes; a tensor takes at most|at most 32 dimensions)"):
        import_model(symbol(data("(1, 1)"), image, (op, "y", attrs, inputs)))


def test_a_node_of_many_outputs_is_named_once_however_many_heads_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    names = selection.output_names

    def count(node: SymbolNode, source: str) -> tuple[str, ...]:
        asked.append(node.name)
        return names(node, source)

    monkeypatch.setattr(selection, "output_names", count)
    heads = [[1, index, 0] for index in range(500)]
    graph = import_model(symbol(data("(1, 65536)"), ("SliceChannel", "parts", {"num_outputs": "65536"}, [0]), heads=heads))
    assert graph.output_names[499] == "parts_output499"
    assert asked == ["parts"]


def test_inner_values_are_not_looked_for_among_more_names_than_any_model_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_MOST_VALUES", 1000)
    nodes = [("SliceChannel", f"part{index}", {"num_outputs": "512"}, [0]) for index in range(9)]
    with pytest.raises(ImportFailure, match=r"node 2 'part1' \(SliceChannel\): the nodes up to this one say that they have more than 1000 outputs"):
        import_model(symbol(data("(1, 512)"), *nodes), outputs=["part8_output1"])


def test_messages_are_short_where_attributes_are_long() -> None:
    axes = f"({', '.join(['1'] * 20_000)})"
    for op, attrs in (("transpose", {"axes": axes}), ("Reshape", {"shape": axes}), ("slice", {"begin": axes, "end": "(1,)"}), ("reverse", {"axis": axes})):
        with pytest.raises(ImportFailure, match=r"node 1 'y'") as caught:
            import_model(symbol(data("(1, 2)"), (op, "y", attrs, [0])))
        assert len(str(caught.value)) < 3000


def row_sparse(rows: int, width: int) -> bytes:
    """Returns an array of version 2 that stores one row."""
    head = struct.pack("<Iiiqq", 0xF993FAC9, 1, 2, 1, width) + struct.pack("<iqq", 2, rows, width) + struct.pack("<iii", 1, 0, 0) + struct.pack("<iiq", 6, 1, 1)
    return head + bytes(4 * width) + struct.pack("<q", 0)


def test_sparse_arrays_are_bounded_together() -> None:
    """Each of them may take 40 MB, ten of them not 400."""
    arrays = [row_sparse(10_000_000, 1)] * 10
    names = b"".join(struct.pack("<Q", 2) + f"w{index}".encode() for index in range(10))
    file = struct.pack("<QQQ", 0x112, 0, 10) + b"".join(arrays) + struct.pack("<Q", 10) + names
    message = r"array 1 of 10 \(byte 200\) would take 40000000 bytes, but the file has only 1012; at most 67108864 are accepted for all of it"
    with at_most(80 * MIB), pytest.raises(ImportFailure, match=message):
        load_params(file)


def zipped(member: bytes, method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("w.npy", member)
    return stream.getvalue()


@pytest.mark.parametrize(("method", "number"), [(zipfile.ZIP_BZIP2, 12), (zipfile.ZIP_LZMA, 14)])
def test_archives_are_stored_or_deflated(method: int, number: int) -> None:
    """What LZMA sets aside for its window is the file's choice."""
    with pytest.raises(ImportFailure, match=rf"'w.npy' has the compression method {number}; expected 0 \(stored\) or 8 \(deflated\)"):
        load_params(zipped(b"\x93NUMPY", method))


@pytest.mark.parametrize("header", ["{'descr': '<f4', 'fortran_order':\xcbFalse, 'shape': 0, 40), }", "(" * 300, "{'descr': '<f4', 'shape': (3,), ", ""])
def test_headers_that_are_no_python(header: str) -> None:
    text = header.encode("latin-1")
    with pytest.raises(ImportFailure, match=r"'w' is not a .npy array"):
        load_params(zipped(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text, zipfile.ZIP_STORED))


@pytest.mark.parametrize("limit", [10**400, -(10**400)])
def test_recorded_ranges_beyond_floating_point(limit: int) -> None:
    document: dict[str, Any] = json.loads(symbol(data("(1, 2)"), ("relu", "y", {}, [0])))
    document["attrs"]["ngc_quantization"] = ["str", json.dumps({"version": 1, "ranges": {"y": sorted([0, limit])}, "excluded": []})]
    with pytest.raises(ImportFailure, match=r"the ranges of the symbol's ngc_quantization are damaged"):
        import_model(json.dumps(document))


def test_large_parameters_are_no_hostile_ones() -> None:
    """A deflated archive of zeros stands for far more bytes than it has; up to a bound that is right."""
    stream = io.BytesIO()
    np.savez_compressed(stream, w=np.zeros(5_000_000, np.float32))
    assert load_params(stream.getvalue())["w"].nbytes == 20_000_000


def test_anchors_of_a_map_that_is_too_large() -> None:
    attrs = {"sizes": "(0.1, 0.2)", "ratios": "(1, 2)"}
    message = r"node 1 'y' .*: a constant of shape \(100000, 100000, 3, 4\) would have 120000000000 elements; at most 16777216 are generated"
    with at_most(4 * MIB), pytest.raises(ImportFailure, match=message):
        import_model(symbol(data("(1, 1, 100000, 100000)"), ("_contrib_MultiBoxPrior", "y", attrs, [0])))


def test_operands_of_different_ranks_with_rows_along_an_axis() -> None:
    nodes = [data("(2, 3, 4)"), ("Flatten", "flat", {}, [0]), ("_linalg_gemm2", "y", {"axis": "0"}, [0, 1])]
    with pytest.raises(ImportFailure, match=r"node 2 'y' \(_linalg_gemm2\): operands of 3, 2 dimensions, expected as many of each"):
        import_model(symbol(*nodes))


def test_many_unknown_parameters_are_shortened_in_messages() -> None:
    with pytest.raises(ImportFailure, match=r"unknown parameters 'a0', 'a1', .* \.\.\. ") as caught:
        import_model(symbol(data("(1, 2)"), ("Activation", "y", {f"a{index}": "1" for index in range(5000)}, [0])))
    assert len(str(caught.value)) < 1000


def test_weights_are_looked_for_once_however_many_inputs_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The element type of each input is that of the weights that it meets."""
    asked = []
    parameter = ModelSource.parameter

    def count(source: ModelSource, name: str, *, aux: bool) -> Any:
        asked.append(name)
        return parameter(source, name, aux=aux)

    monkeypatch.setattr(ModelSource, "parameter", count)
    inputs = [("null", f"x{index}", {"__shape__": "(1, 2)"}, []) for index in range(50)]
    weights = [("null", "w", {}, [])]
    layers = [("FullyConnected", f"y{index}", {"num_hidden": "3", "no_bias": "True"}, [index, 50]) for index in range(50)]
    graph = import_model(load_symbol(symbol(*inputs, *weights, *layers, ("add_n", "sum", {"num_args": "50"}, list(range(51, 101))))),
                         {"w": np.ones((3, 2), np.float16)})
    assert {value.type.dtype for value in graph.inputs} == {"f16"}
    assert len(asked) < 10 * 50


@pytest.mark.parametrize(("op", "attrs"), [
    ("_eye", {"N": "1000000"}), ("_npi_eye", {"N": "1000000"}), ("_npi_zeros", {"shape": "(1000000, 1000000)"}), ("_npi_hanning", {"M": "2000000000"}),
    ("_npi_identity", {"shape": "(1000000, 1000000)"}), ("_npi_arange", {"start": "0", "stop": "1e15"}), ("_full", {"shape": "(99999, 99999)", "value": "3"}),
    ("_linspace", {"start": "0", "stop": "1", "num": "2000000000"}), ("_npi_indices", {"dimensions": "(100000, 100000)"}),
    ("_npi_identity", {"shape": "(65535,)"}),
    ("_npi_indices", {"dimensions": "(256, 0, 7, 999999999999)"}),
])
def test_constants_that_no_model_needs(op: str, attrs: dict[str, str]) -> None:
    with at_most(4 * MIB), pytest.raises(ImportFailure, match=rf"node 0 'y' \({op}\): .*16777216"):
        import_model(symbol((op, "y", attrs, [])))


def test_constants_are_bounded_together() -> None:
    nodes = [("_eye", f"y{index}", {"N": "4096"}, []) for index in range(5)]
    with pytest.raises(ImportFailure, match=r"node 4 'y4' \(_eye\): constants of more than 67108864 elements are generated for all of the model"):
        import_model(symbol(*nodes, heads=[[index, 0, 0] for index in range(5)]))


def test_a_combination_that_no_check_foresaw(monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that trips over it is a fault of ngc; the user learns which node of the model it was all the same."""
    def convert(conversion: Conversion) -> list[Value]:
        return [conversion.inputs[1]]

    monkeypatch.setattr(build, "OPERATORS", {**OPERATORS, "relu": Operator(convert)})
    message = r"node 1 'y' \(relu\): the operator does not take operands of types \(f32\[1,2\]\) with these parameters: IndexError: tuple index out of range"
    with pytest.raises(ImportFailure, match=message):
        import_model(symbol(data("(1, 2)"), ("relu", "y", {}, [0])))


@pytest.mark.parametrize(("op", "attrs", "inputs", "message"), [
    ("_npi_average", {"returned": "False"}, [0], "weighted = True without weights"),
    ("_linspace", {"start": "1", "stop": "None", "num": "3"}, [], "stop is missing"),
    ("_contrib_index_array", {"axes": "()"}, [0], r"axes = \(\): expected at least one"),
    ("_np_atleast_1d", {"num_args": "7211067"}, [0], r"num_args = '7211067': expected at most 65536"),
])
def test_parameters_that_make_no_sense(op: str, attrs: dict[str, str], inputs: list[int], message: str) -> None:
    with at_most(4 * MIB), pytest.raises(ImportFailure, match=rf"node 1 'y' \({op}\): {message}"):
        import_model(symbol(data("(1, 2)"), (op, "y", attrs, inputs)))


def test_parameters_that_cannot_be_joined() -> None:
    nodes = [("_npi_zeros", "a", {"shape": "(2, 2)"}, []), ("_npi_zeros", "b", {"shape": "(3,)"}, [])]
    with pytest.raises(ImportFailure, match=r"node 2 'y' \(_rnn_param_concat\): parameters that cannot be joined along axis 0: all the input arrays"):
        import_model(symbol(*nodes, ("_rnn_param_concat", "y", {"dim": "0", "num_args": "2"}, [0, 1])))
