"""ONNX files of MXNet checkpoints, by MXNet's own exporter with its shortcomings mended: what the peers are fed.

`python -m bench.onnx_export PREFIX OUT N,C,H,W` exports; `export_onnx` does that in a process of its own, once.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OPSET = 13
"""The newest operator set that the exporter of MXNet 1.9.1 writes."""


def export_onnx(prefix: str, shape: Sequence[int]) -> str:
    """Returns the path of a checkpoint's ONNX file for one input shape, exported beside it unless it is there already.

    Raises:
        subprocess.CalledProcessError: the export failed; its output is on stderr.
    """
    path = Path(f"{prefix}-{'x'.join(map(str, shape))}.onnx")
    if not path.exists():
        command = [sys.executable, "-m", "bench.onnx_export", prefix, str(path), ",".join(map(str, shape))]
        subprocess.run(command, check=True)
    return str(path)


def _export(prefix: str, path: Path, shape: tuple[int, ...]) -> None:
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    import numpy as np
    import onnx
    from mxnet.onnx.mx2onnx._export_onnx import MXNetGraph
    from onnx import helper

    symbol, arguments, auxiliaries = mx.model.load_checkpoint(prefix, 0)
    _heed_fix_gamma(symbol, arguments)
    # The exporter's own converter of weights goes through Python lists: minutes for VGG.
    MXNetGraph.register("null", 12)(_convert_variable)
    logging.disable(logging.WARNING)
    graph = MXNetGraph().create_onnx_graph_proto(
        symbol, {**arguments, **auxiliaries}, [shape], [helper.np_dtype_to_tensor_dtype(np.dtype("float32"))],
        opset_version=OPSET, dynamic=False,
    )  # fmt: skip
    # Weights that are inputs as well might be replaced at run time, so engines would fold none of them.
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".onnx", delete=False) as file:
        file.write(model.SerializeToString())
    onnx.checker.check_model(file.name)
    os.replace(file.name, path)


def _heed_fix_gamma(symbol: Any, arguments: dict[str, Any]) -> None:
    """Sets the scales of batch norms with `fix_gamma` to one: the exporter writes them as they are stored."""
    nodes = json.loads(symbol.tojson())["nodes"]
    for node in nodes:
        if node["op"] == "BatchNorm" and node.get("attrs", {}).get("fix_gamma", "True") in ("True", "1"):
            arguments[nodes[node["inputs"][1][0]]["name"]][:] = 1


def _convert_variable(node: dict[str, Any], **options: Any) -> tuple[list[Any], tuple[Any, ...]]:
    """Returns the graph input of an MXNet variable; adds its weights to the initializers if it has any."""
    from onnx import helper, numpy_helper

    name = node["name"]
    if options["is_input"]:
        dtype = helper.tensor_dtype_to_np_dtype(options["in_type"])
        return [helper.make_tensor_value_info(name, options["in_type"], options["in_shape"])], (dtype,)
    array = options["weights"][name]
    options["initializer"].append(numpy_helper.from_array(array, name))
    return [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)], (array.dtype,)


if __name__ == "__main__":
    _export(sys.argv[1], Path(sys.argv[2]), tuple(map(int, sys.argv[3].split(","))))
