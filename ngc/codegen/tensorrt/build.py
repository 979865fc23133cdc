"""A region of a graph as a TensorRT engine."""

import tempfile
from pathlib import Path
from typing import Any

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import graph_specs
from ngc.codegen.tensorrt.plan import build_plan
from ngc.codegen.tensorrt.provider import PROVIDERS, load_library
from ngc.engines import EngineOptions, EngineTarget
from ngc.engines.tensorrt_support import MOST_DIMENSIONS
from ngc.errors import EngineError
from ngc.ir import Graph

_DOUBLE = 11
"""`TensorProto.DOUBLE`."""


def build_tensorrt(region: Graph, name: str, target: EngineTarget, options: EngineOptions, precision: str, *,
                   limit: int | None = None) -> EngineImage:
    """Returns the engine of a region.

    Args:
        region: in the element types that the engine is to compute in: passes have narrowed or quantized it as `precision` says.
        name: of the region.
        target: which TensorRT, and the compute capabilities.
        options: how to build.
        precision: what was asked for, to be recorded.
        limit: more bytes of constants than these go to the parser in files; those of `save_onnx` unless given.

    Raises:
        CodegenError: operators that ONNX has no form for, all of them listed.
        EngineError: the library, a GPU or a capability is missing, or TensorRT refuses; all that it said.
    """
    from ngc.codegen.onnx import OPSET, emit_onnx, save_onnx  # who loads an engine needs no emitter
    from ngc.codegen.onnx.file import LIMIT

    limit = LIMIT if limit is None else limit
    provider = PROVIDERS[target.engine]
    load_library(provider)  # what is missing is told before anything is emitted
    inputs, outputs = graph_specs(region)
    constants = sum(node.weight.array.nbytes for node in region if node.weight is not None and node.weight.array is not None)
    if constants <= limit:
        model = emit_onnx(region)
        check_model(model, name)
        plan = build_plan(model.SerializeToString(), name, inputs, outputs, provider, target.variants, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            save_onnx(region, path, limit=limit)
            import onnx  # which is there, or nothing would have been saved

            check_model(onnx.load(str(path), load_external_data=False), name)
            plan = build_plan(path, name, inputs, outputs, provider, target.variants, options)
    return EngineImage(name, target.engine, inputs, outputs, {"engine": plan.data}, facts={**plan.facts, "precision": precision, "opset": OPSET})


def check_model(model: Any, name: str) -> None:
    """Raises EngineError for what the parser should refuse and does not.

    At shapes of twelve dimensions it ends the process, and of f64 it makes f32 without a word.
    """
    counts = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) == 1}
    for node in model.graph.node:
        count = counts.get(node.input[1], 0) if node.op_type in ("Reshape", "Expand") else 0
        if count > MOST_DIMENSIONS:
            raise EngineError(f"{name}: {node.op_type} {node.name!r} gives {count} dimensions; TensorRT has tensors of up to {MOST_DIMENSIONS}")
        if node.op_type == "Cast" and any(attribute.name == "to" and attribute.i == _DOUBLE for attribute in node.attribute):
            raise EngineError(f"{name}: {node.op_type} {node.name!r} gives f64, which TensorRT does not have")
