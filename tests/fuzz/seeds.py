"""Writes the kept inputs that are no former findings: small files of every form. Run `python -m tests.fuzz.seeds` where a format has changed."""

import io
import json
import struct
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import ngc
from ngc.calibration.table import CalibrationTable
from ngc.codegen.llvm import object_cache
from ngc.evaluate.inputs.recordio import MAGIC
from ngc.importer import load_symbol
from ngc.importer.build import build_graph
from ngc.importer.operators import OPERATORS
from ngc.importer.sources import ModelSource
from ngc.ir import Graph, parse, save_weights
from ngc.ir.graph import clone
from ngc.ir.printer import print_graph
from tests import checkpoints
from tests.evaluate.inputs.record_writer import packed, record
from tests.fuzz.fuzzing import CORPUS
from tests.fuzz.readers.artifact import open_parts, seal
from tests.fuzz.readers.symbol import PARAMETERS

Node = tuple[str, str, dict[str, str], tuple[int, ...]]


def symbol(*nodes: Node, heads: tuple[tuple[int, int], ...] = (), version: int | None = 10901, key: str = "attrs", **extra: Any) -> dict[str, Any]:
    """Returns a symbol of (operator, name, attributes, inputs); its last node is the head unless given."""
    listed = [{"op": op, "name": name, key: attrs, "inputs": [[index, 0, 0] for index in inputs]} for op, name, attrs, inputs in nodes]
    listed[-1].update(extra)
    return {"nodes": listed, "arg_nodes": [index for index, node in enumerate(nodes) if node[0] == "null"], "node_row_ptr": list(range(len(nodes) + 1)),
            "heads": [[node, output, 0] for node, output in heads or ((len(nodes) - 1, 0),)],
            "attrs": {"mxnet_version": ["int", version]} if version is not None else {}}


def variable(name: str, shape: str = "") -> Node:
    """Returns a variable that states a shape, if one is given."""
    return "null", name, {"__shape__": shape} if shape else {}, ()


_DATA = variable("data", "(2, 3, 6, 6)")


def symbols() -> dict[str, dict[str, Any]]:
    """Returns symbols of several generations, with subgraphs, quantized, with control flow's names."""
    conv = ("Convolution", "conv", {"kernel": "(3, 3)", "num_filter": "4", "pad": "(1, 1)"}, (0, 1, 2))
    inner = symbol(variable("x"), ("Activation", "act", {"act_type": "relu"}, (0,)), ("_mul_scalar", "twice", {"scalar": "2"}, (1,)))
    quantized = {"min_calib_range": "-1.5", "max_calib_range": "1.5", "out_type": "auto"}
    record = json.dumps({"version": 1, "ranges": {"q": [-1.0, 1.0]}, "excluded": ["d"]})
    return {
        "network": symbol(_DATA, variable("kernel"), variable("channels"), conv, ("Activation", "relu", {"act_type": "relu"}, (3,)),
                          ("Pooling", "pool", {"kernel": "(2, 2)", "stride": "(2, 2)", "pool_type": "max"}, (4,)), ("Flatten", "flat", {}, (5,)),
                          variable("label"), ("SoftmaxOutput", "softmax", {}, (6, 7))),
        "old": symbol(variable("data"), ("Convolution", "conv", {"kernel": "(3,3)", "num_filter": "4", "weight_lr_mult": "2.0"}, (0,)),
                      ("BatchNorm", "bn", {"fix_gamma": "True"}, (1,)), ("LeakyReLU", "leaky", {"act_type": "leaky", "slope": "0.1"}, (2,)),
                      version=None, key="param"),
        "moves": symbol(_DATA, ("transpose", "t", {"axes": "(0, 2, 3, 1)"}, (0,)), ("Reshape", "r", {"shape": "(-4, 1, -1, -3, 0)"}, (1,)),
                        ("slice", "s", {"begin": "(0, None, 1)", "end": "(1, 2, None)", "step": "(1, 1, 2)"}, (2,)),
                        ("SliceChannel", "parts", {"num_outputs": "3", "axis": "1"}, (0,)), ("Concat", "c", {"dim": "1", "num_args": "2"}, (4, 4)),
                        ("Pad", "p", {"mode": "edge", "pad_width": "(0, 0, 0, 0, 1, 1, 2, 2)"}, (5,)), heads=((3, 0), (4, 2), (6, 0))),
        "arithmetic": symbol(_DATA, variable("other", "(1, 3, 1, 1)"), ("broadcast_add", "a", {}, (0, 1)), ("_plus_scalar", "b", {"scalar": "1e-05"}, (2,)),
                             ("clip", "c", {"a_min": "0", "a_max": "6"}, (3,)), ("mean", "m", {"axis": "(2, 3)", "keepdims": "True", "exclude": "0"}, (4,)),
                             ("Cast", "half", {"dtype": "float16"}, (5,)), ("stack", "st", {"axis": "-1", "num_args": "2"}, (6, 6))),
        "constants": symbol(variable("matrix"), variable("vector"), ("expand_dims", "row", {"axis": "0"}, (1,)), ("broadcast_mul", "m", {}, (0, 2)),
                            ("broadcast_axis", "wide", {"axis": "0", "size": "5"}, (2,)), ("softmax", "s", {"axis": "-1"}, (3,)), heads=((4, 0), (5, 0))),
        "engine": symbol(_DATA, ("_neuron_subgraph_op", "call", {}, (0,)), subgraphs=[inner]),
        "tensorrt": symbol(_DATA, ("_TensorRT", "call", {"subgraph_params_names": "kernel;channels"}, (0,)),
                           subgraphs=[symbol(variable("x"), variable("kernel"), variable("channels"), conv)]),
        "fused": symbol(_DATA, variable("kernel"), variable("channels"), ("_sg_mkldnn_conv", "fused", {}, (0, 1, 2)),
                        subgraphs=[symbol(variable("x"), variable("w"), variable("b"), conv, ("Activation", "act", {"act_type": "relu"}, (3,)))]),
        "quantized": symbol(_DATA, ("_contrib_quantize_v2", "q", quantized, (0,)), ("_contrib_quantized_act", "qa", {"act_type": "relu"}, (1, 1, 1)),
                            ("_contrib_dequantize", "d", {}, (2, 2, 2)))
        | {"attrs": {"mxnet_version": ["int", 10901], "ngc_quantization": ["str", record]}},
        "control_flow": symbol(_DATA, ("_foreach", "loop", {"num_args": "1", "num_outputs": "1", "num_out_data": "1"}, (0,)), subgraphs=[inner]),
    }


def params() -> dict[str, bytes]:
    """Returns parameter files of all versions, sparse ones, and archives."""
    dense = struct.pack("<III", 2, 2, 3) + struct.pack("<iii", 1, 0, 0) + bytes(24)
    v1 = struct.pack("<IIq", 0xF993FAC8, 1, 3) + struct.pack("<iii", 1, 0, 12) + bytes(6)
    v3 = struct.pack("<Iiiqq", 0xF993FACA, 0, 2, 1, 2) + struct.pack("<iii", 1, 0, 6) + bytes(16)
    rows = (struct.pack("<Iiiqq", 0xF993FAC9, 1, 2, 1, 2) + struct.pack("<iqq", 2, 4, 2) + struct.pack("<iii", 1, 0, 0) + struct.pack("<iiq", 6, 1, 1)
            + np.ones(2, "<f4").tobytes() + struct.pack("<q", 3))
    csr = (struct.pack("<Iiiq", 0xF993FAC9, 2, 1, 2) + struct.pack("<iqq", 2, 2, 3) + struct.pack("<iii", 1, 0, 0) + struct.pack("<iiqiiq", 6, 1, 3, 6, 1, 2)
           + np.ones(2, "<f4").tobytes() + struct.pack("<3q2q", 0, 1, 2, 0, 2))
    stream, packed, sparse = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(stream, **{"arg:w": PARAMETERS["matrix"], "aux:m": PARAMETERS["vector"].astype(">f4"), "f": np.asfortranarray(PARAMETERS["matrix"])})
    np.savez_compressed(packed, w=np.zeros((40, 40), np.float32))
    np.savez(sparse, **{"a/data": PARAMETERS["vector"][:2], "a/indices": np.array([0, 2]), "a/indptr": np.array([0, 1, 2]), "a/shape": np.array([2, 3]),
                        "a/format": np.zeros(1, np.int8)})
    everything = checkpoints.params_bytes({"arg:w": PARAMETERS["matrix"], "aux:m": PARAMETERS["vector"], "plain": PARAMETERS["scalar"]})
    return {"v2": everything, "v0": _list(dense), "v1": _list(v1), "v3": _list(v3, v1), "row_sparse": _list(rows), "csr": _list(csr), "npz": stream.getvalue(),
            "npz_packed": packed.getvalue(), "npz_sparse": sparse.getvalue(),
            "structural": checkpoints.params_bytes({"features.0.weight": PARAMETERS["matrix"], "features.0.bias": PARAMETERS["vector"]})}


def _list(*arrays: bytes) -> bytes:
    names = [f"arg:p{index}".encode() for index in range(len(arrays))]
    labels = [struct.pack("<Q", len(name)) + name for name in names]
    return b"".join([struct.pack("<QQQ", 0x112, 0, len(arrays)), *arrays, struct.pack("<Q", len(names)), *labels])


def graphs() -> dict[str, Graph]:
    """Returns the graphs of the symbols that import, before and after the pipeline of the CPU."""
    found = {}
    for name, document in symbols().items():
        parsed = load_symbol(document)
        if all(node.is_variable or node.op in OPERATORS for node in parsed.nodes):
            shapes = {node.name: (2, 3, 6, 6) for node in parsed.nodes if node.is_variable and node.name not in PARAMETERS and "__shape__" not in node.hidden}
            try:
                found[name] = build_graph(ModelSource(parsed, PARAMETERS), shapes)
            except ngc.NgcError:  # symbols of old versions lack the data of what their operators take
                continue
            lowered = clone(found[name])
            ngc.PassManager("@cpu-fp32").run(lowered)
            found[f"{name}_lowered"] = lowered
    return found


def texts() -> dict[str, bytes]:
    """Returns the graphs' texts, every other in the generic form, and one with all that texts can hold."""
    found = {name: print_graph(graph, generic=bool(number % 2)).encode() for number, (name, graph) in enumerate(graphs().items())}
    found["everything"] = b"""# a comment
graph @"a net"(%x as "the input": f32[N,3], %q: u8[2,4]<q scale=[0.1,0.2] zero_point=3 axis=1>) stage("imported") excluded("conv*", "b") {
  %c = const @channels#0123456789abcdef : f32[4] loc("c" in "net.json" at 3)
  %v = const @"vector" : f32[3]
  %sum = add(%x, %v) : f32[N,3] loc("sum")
  %y = engine.call(%sum) {engine="neuron"} : f32[N,3] {
    graph @region(%a: f32[N,3]) {
      %b = relu(%a) : f32[N,3]
      return %b
    }
  }
  range %sum [-1.0,1.0]
  return %y as "result", %q
}
""".replace(b"#0123456789abcdef", b"")
    return found


def artifacts() -> dict[str, bytes]:
    """Returns artifacts of small graphs, packed closely; their object code is a few bytes, since nobody gets it."""
    found = {}
    network = """graph @net(%data: f32[N,2,5,5]) {
  %w = const @w : f32[3,2,1,1]
  %y = conv2d(%data, %w) {stride=[1,1], pad=[0,0]} : f32[N,3,5,5] loc("conv" in "net.json" at 2)
  %z = relu(%y) : f32[N,3,5,5]
  return %z as "result"
}"""
    weight = np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2, 1, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.ngc")
        ngc.compile(parse(network, {"w": weight})).save(path)
        manifest, sections = open_parts(path.read_bytes()) or ({}, {})
    sections["objects"] = b"\x7fELF" + bytes(60)
    manifest["symbols"] = {symbol: [0, 64] for symbol in manifest["symbols"]}
    manifest["threads"] = 1
    manifest["target"] |= {"cpu": "x86-64", "provided": ["sse2"], "required": ["sse2"], "features": ""}
    found["net"] = seal(manifest, sections)
    found["older"] = seal({**manifest, "ngc": "0.0.1"}, sections)
    region = """graph @net(%x: f32[2,3]) stage("lowered") {
  %y = engine.call(%x) {engine="neuron"} : f32[2,3] {
    graph @region(%a: f32[2,3]) {
      %b = relu(%a) : f32[2,3]
      return %b
    }
  }
  return %y
}"""
    spec = [{"name": "x", "shape": [2, 3], "dtype": "f32"}]
    image = {"node": "y", "name": "region", "engine": "neuron", "inputs": spec, "outputs": spec, "files": {"hlo": "engine0.hlo"}, "parameters": [],
             "facts": {"built": 1}}
    found["engine"] = seal({**manifest, "inputs": spec, "outputs": spec, "callbacks": {"ngc_callback0": "y"}, "engines": [image]},
                           {**sections, "ir": region.encode(), "engine0.hlo": b"hlo"})
    return found


def caches() -> dict[str, bytes]:
    """Returns an entry of a kernel and a file of measured choices."""
    record = {"layer": "conv2d 3x3", "choice": "direct", "microseconds": {"direct": 12.5, "winograd": 14.0}}
    return {"entry": object_cache._render("conv_kernel", b"\x7fELF" + bytes(60)), "limit": b"limit1000000\n",
            "records": json.dumps({"format": 1, "records": {"0f" * 32: record}}).encode()}


def tables() -> dict[str, bytes]:
    """Returns calibration tables: one of counts, by each way to choose ranges, and one of chosen ranges."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table")
        graph = build_graph(ModelSource(load_symbol(symbols()["arithmetic"]), PARAMETERS), {})
        rng = np.random.default_rng(3)
        batches = [{value: rng.normal(size=(2, 3, 6, 6) if value == "data" else (1, 3, 1, 1)).astype(np.float32) for value in ("data", "other")}]
        table = ngc.calibrate(graph, batches)
        for name, parameters in {"naive": {}, "percentile": {"percent": 99.0}}.items():
            kept = dict(list(table.histograms.items())[:2])
            CalibrationTable(table.fingerprint, kept, {}, table.examples, table.batches, name, parameters).save(path)
            found[name] = path.read_bytes()
        CalibrationTable.from_ranges({"a": (-1.0, 2.0), "b": (0.0, 6.0)}).save(path)
        found["chosen"] = path.read_bytes()
    return found


def weights() -> dict[str, bytes]:
    """Returns side files of texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.npz")
        save_weights(graphs()["constants"], path)
        stream = io.BytesIO()
        np.savez(stream, **{"a": PARAMETERS["matrix"], "arg:w": PARAMETERS["vector"], "i": np.arange(2), "f": np.asfortranarray(PARAMETERS["matrix"])})
        return {"saved": path.read_bytes(), "named": stream.getvalue()}


def arrays() -> dict[str, bytes]:
    """Returns an array of examples, and archives of one and of two inputs."""
    single, named, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(single, PARAMETERS["matrix"])
    np.savez(named, a=PARAMETERS["matrix"], b=np.arange(2))
    np.savez_compressed(packed, a=PARAMETERS["matrix"])
    return {"single": single.getvalue(), "named": named.getvalue(), "packed": packed.getvalue()}


def records() -> dict[str, bytes]:
    """Returns data sets of records: images and arrays with one label, in the head or after it, with several, and with the magic in what they hold."""
    stream = io.BytesIO()
    np.save(stream, np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    labelled = [packed(b"image", label=1), packed(stream.getvalue(), [2]), packed(b"", [0, 1.5, 2])]
    cut = [packed(MAGIC + b"two." + MAGIC, label=3), packed(MAGIC * 3)]
    return {"labelled": b"".join(map(record, labelled)), "cut": b"".join(map(record, cut))}


KINDS: Mapping[str, Callable[[], Mapping[str, bytes]]] = {
    "symbol": lambda: {name: json.dumps(document, indent=1).encode() for name, document in symbols().items()},
    "params": params, "ir": texts, "weights": weights, "artifact": artifacts, "cache": caches, "calibration": tables, "arrays": arrays, "records": records,
}


def main() -> None:
    """Writes all of them."""
    for reader, make in KINDS.items():
        folder = CORPUS / reader
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in make().items():
            (folder / f"seed_{name}").write_bytes(data)


if __name__ == "__main__":
    main()
