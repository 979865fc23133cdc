"""A small checkpoint as MXNet saves it, written without MXNet, and what it must compute. Also used by the subprocesses that tests start."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ngc.importer import import_model
from ngc.ir import evaluate

CHANNELS, CLASSES = 20, 7
SHAPE = (2, 3, 9, 11)
MX_VERSION = 10901


def make_params(seed: int = 0) -> dict[str, np.ndarray]:
    """Returns the parameters by their names in the file."""
    rng = np.random.default_rng(seed)
    shapes = {"arg:conv_weight": (CHANNELS, 3, 3, 3), "arg:bn_gamma": (CHANNELS,), "arg:bn_beta": (CHANNELS,), "aux:bn_moving_mean": (CHANNELS,),
              "aux:bn_moving_var": (CHANNELS,), "arg:fc_weight": (CLASSES, CHANNELS), "arg:fc_bias": (CLASSES,)}
    return {name: rng.uniform(0.2, 1.5, shape).astype(np.float32) if name.endswith(("var", "gamma")) else rng.normal(0, 0.4, shape).astype(np.float32)
            for name, shape in shapes.items()}


def symbol_json() -> str:
    """Returns the symbol: convolution, batch normalization, relu, global pooling, a dense layer, and the softmax of the training script."""
    nodes: list[dict[str, Any]] = []

    def add(op: str, name: str, *inputs: int, **attrs: str) -> int:
        nodes.append({"op": op, "name": name, "attrs": attrs, "inputs": [[index, 0, 0] for index in inputs]})
        return len(nodes) - 1

    conv = add("Convolution", "conv", add("null", "data"), add("null", "conv_weight"), kernel="(3, 3)", pad="(1, 1)", num_filter=str(CHANNELS), no_bias="True")
    states = [add("null", f"bn_{part}") for part in ("gamma", "beta", "moving_mean", "moving_var")]
    relu = add("Activation", "relu", add("BatchNorm", "bn", conv, *states, eps="1e-05", fix_gamma="False"), act_type="relu")
    flat = add("Flatten", "flat", add("Pooling", "pool", relu, kernel="(1, 1)", global_pool="True", pool_type="avg"))
    dense = add("FullyConnected", "fc", flat, add("null", "fc_weight"), add("null", "fc_bias"), num_hidden=str(CLASSES))
    head = add("SoftmaxOutput", "softmax", dense, add("null", "softmax_label"))
    return json.dumps({"nodes": nodes, "arg_nodes": [index for index, node in enumerate(nodes) if node["op"] == "null"],
                       "node_row_ptr": list(range(len(nodes) + 1)), "heads": [[head, 0, 0]], "attrs": {"mxnet_version": ["int", MX_VERSION]}})


def params_bytes(params: Mapping[str, np.ndarray]) -> bytes:
    """Returns a .params file of version V2."""
    parts = [struct.pack("<QQQ", 0x112, 0, len(params))]
    for array in params.values():
        parts += [struct.pack(f"<Iii{array.ndim}q", 0xF993FAC9, 0, array.ndim, *array.shape), struct.pack("<iii", 1, 0, 0), array.tobytes()]
    parts.append(struct.pack("<Q", len(params)))
    parts += [struct.pack("<Q", len(name)) + name.encode() for name in params]
    return b"".join(parts)


def write_checkpoint(folder: Path, name: str = "small") -> str:
    """Writes the checkpoint and returns its prefix."""
    (folder / f"{name}-symbol.json").write_text(symbol_json())
    (folder / f"{name}-0000.params").write_bytes(params_bytes(make_params()))
    return str(folder / name)


def make_input(batch: int = SHAPE[0], seed: int = 1) -> np.ndarray:
    """Returns images for the network."""
    return np.random.default_rng(seed).normal(0, 1, (batch, *SHAPE[1:])).astype(np.float32)


def reference(x: np.ndarray, params: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
    """Returns what the network computes, by the reference evaluator."""
    graph = import_model(symbol_json(), dict(params or make_params()), shapes={"data": x.shape})
    return evaluate(graph, {"data": x})[0]
