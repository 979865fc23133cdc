"""A region of a graph as a TensorRT engine."""

import tempfile
from pathlib import Path
from typing import Any

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import TensorSpec
from ngc.codegen.tensorrt.plan import build_plan
from ngc.codegen.tensorrt.provider import PROVIDERS, load_library
from ngc.engines import EngineOptions, EngineTarget
from ngc.engines.tensorrt_support import MOST_DIMENSIONS
from ngc.errors import EngineError
from ngc.ir import Graph

LARGEST_MESSAGE = 2**31 - 2**24
"""Bytes of constants that a model may hold and be handed over in memory; protobuf messages are smaller than 2 GB."""


def build_tensorrt(region: Graph, name: str, target: EngineTarget, options: EngineOptions, precision: str, *,
                   largest_message: int = LARGEST_MESSAGE) -> EngineImage:
    """Returns the engine of a region.

    Args:
        region: in the element types that the engine is to compute in: passes have narrowed or quantized it as `precision` says.
        name: of the region.
        target: which TensorRT, and the compute capabilities.
        options: how to build.
        precision: what was asked for, to be recorded.
        largest_message: more bytes of constants than these go to the parser in files.

    Raises:
        CodegenError: operators that ONNX has no form for, all of them listed.
        EngineError: the library, a GPU or a capability is missing, or TensorRT refuses; all that it said.
    """
    import onnx  # only who builds has it

    from ngc.codegen.onnx import OPSET, emit_onnx, save_onnx

    provider = PROVIDERS[target.engine]
    load_library(provider)  # what is missing is told before anything is emitted
    inputs = tuple(TensorSpec(public, value.type.shape, value.type.dtype) for public, value in zip(region.input_names, region.inputs, strict=True))
    outputs = tuple(TensorSpec(public, value.type.shape, value.type.dtype) for public, value in zip(region.output_names, region.outputs, strict=True))
    constants = sum(node.weight.array.nbytes for node in region if node.weight is not None and node.weight.array is not None)
    if constants <= largest_message:
        model = emit_onnx(region)
        _check_dimensions(model, name)
        plan = build_plan(model.SerializeToString(), name, inputs, outputs, provider, target.variants, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            save_onnx(region, path)
            _check_dimensions(onnx.load(str(path), load_external_data=False), name)
            plan = build_plan(path, name, inputs, outputs, provider, target.variants, options)
    return EngineImage(name, target.engine, inputs, outputs, {"engine": plan.data}, facts={**plan.facts, "precision": precision, "opset": OPSET})


def _check_dimensions(model: Any, name: str) -> None:
    """Raises EngineError for shapes of more dimensions than TensorRT has: some versions of its parser end the process at them, instead of refusing."""
    counts = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) == 1}
    for node in model.graph.node:
        count = counts.get(node.input[1], 0) if node.op_type in ("Reshape", "Expand") else 0
        if count > MOST_DIMENSIONS:
            raise EngineError(f"{name}: {node.op_type} {node.name!r} gives {count} dimensions; TensorRT has tensors of up to {MOST_DIMENSIONS}")
