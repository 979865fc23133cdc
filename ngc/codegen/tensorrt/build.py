"""A region of a graph as a TensorRT engine."""

import tempfile
from pathlib import Path

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import TensorSpec
from ngc.codegen.tensorrt.plan import build_plan
from ngc.codegen.tensorrt.provider import PROVIDERS, load_library
from ngc.engines import EngineOptions, EngineTarget
from ngc.errors import EngineError
from ngc.ir import Graph
from ngc.ir.tensor_type import DTYPES

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
    from ngc.codegen.onnx import OPSET, emit_onnx, save_onnx  # the package onnx is loaded by whoever builds

    provider = PROVIDERS[target.engine]
    load_library(provider)  # what is missing is told before anything is emitted
    inputs = tuple(TensorSpec(public, value.type.shape, value.type.dtype) for public, value in zip(region.input_names, region.inputs, strict=True))
    outputs = tuple(TensorSpec(public, value.type.shape, value.type.dtype) for public, value in zip(region.output_names, region.outputs, strict=True))
    for spec in (*inputs, *outputs):
        if spec.dtype not in DTYPES:
            raise EngineError(f"{name} takes or gives {spec.name!r} as {spec.dtype}, which numpy cannot hold; its values are f32 at the border of a region")
    constants = sum(node.weight.array.nbytes for node in region if node.weight is not None and node.weight.array is not None)
    if constants <= largest_message:
        plan = build_plan(emit_onnx(region).SerializeToString(), name, inputs, provider, target.variants, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            save_onnx(region, path)
            plan = build_plan(path, name, inputs, provider, target.variants, options)
    return EngineImage(name, target.engine, inputs, outputs, {"engine": plan.data}, facts={**plan.facts, "precision": precision, "opset": OPSET})
