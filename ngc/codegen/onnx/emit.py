"""Turns a graph into an ONNX model, operator by operator.

The operator set is 18, the first in which every reduction takes its axes as an operand, and older than all engines of today: ONNX Runtime, OpenVINO and the
parsers of TensorRT read it. Nothing that is emitted changed its meaning up to 21, so a newer one can be asked for.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ngc.codegen.onnx import (
    bits,
    detection,
    elementwise,
    indexing,
    layers,
    matmul,
    movement,
    normalization,
    ordering,
    pooling,
    quantization,
    recurrent,
    reductions,
    regions,
    resampling,
    sequences,
)
from ngc.codegen.onnx.writer import Handler, OnnxWriter, Operation, Subgraph, Tensor
from ngc.codegen.problems import list_refused
from ngc.engines.onnx_forms import why_no_onnx
from ngc.errors import CodegenError, EngineError
from ngc.ir import Graph, TensorType
from ngc.ir.reference import round_to_bf16

if TYPE_CHECKING:
    import onnx

OPSET = 18
"""The operator set of the models."""

OPSETS = (18, 19, 20, 21)
"""Operator sets in which all that is emitted means the same."""

_IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10}
"""The version of the file format that came with each operator set."""

_ELEMENT_TYPES = {"f32": 1, "u8": 2, "i8": 3, "i32": 6, "i64": 7, "bool": 9, "f16": 10, "f64": 11, "bf16": 16}
"""Numbers of TensorProto.DataType."""

Keep = Callable[["onnx.TensorProto", np.ndarray], None]
"""Puts a constant's bytes into its proto, or elsewhere."""


def handlers() -> Mapping[str, Handler]:
    """Returns the operators that are emitted."""
    families = (elementwise, bits, layers, movement, normalization, pooling, quantization, reductions, indexing, ordering, sequences, detection, resampling,
                matmul, recurrent, regions)
    return {name: handler for family in families for name, handler in family.HANDLERS.items()}


def emit_onnx(graph: Graph, *, opset: int = OPSET) -> "onnx.ModelProto":
    """Returns the ONNX model of a graph of any stage but `lowered`; inputs and outputs have the graph's public names, other values their own.

    Raises:
        CodegenError: nodes have no form in ONNX, all are listed with the reasons; or public names are not unique, or the operator set is unknown.
        EngineError: the package `onnx` is missing.
        VerifyError: a constant's data is not at hand.
    """
    return assemble(write(graph, opset), opset, keep_inside)


def write(graph: Graph, opset: int = OPSET) -> OnnxWriter:
    """Returns a graph's operations and constants.

    Raises:
        CodegenError: as in `emit_onnx`.
    """
    if opset not in OPSETS:
        raise CodegenError(f"ONNX models are written for the operator sets {', '.join(map(str, OPSETS))}, not {opset}")
    if refused := list_refused(graph, why_no_onnx):
        raise CodegenError(f"some operators have no form in ONNX:\n{refused}")
    table, writer = handlers(), OnnxWriter(graph, opset=opset)
    for node in graph.nodes:
        if node.op != "const":
            writer.add(node, table[node.op])
    writer.finish()
    return writer


def assemble(writer: OnnxWriter, opset: int, keep: Keep) -> "onnx.ModelProto":
    """Returns the model of what was written; `keep` takes the constants' bytes."""
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise EngineError(f"ONNX models need the package onnx: pip install 'onnx<1.19' ({error})") from error
    from ngc import __version__  # known when all of ngc is

    def value_info(name: str, type: TensorType) -> "onnx.ValueInfoProto":
        return helper.make_tensor_value_info(name, _ELEMENT_TYPES[type.dtype], [dim if isinstance(dim, int) else str(dim) for dim in type.shape])

    def node(operation: Operation) -> "onnx.NodeProto":
        inputs = ["" if tensor is None else tensor.name for tensor in operation.inputs]
        attrs: dict[str, Any] = {name: _ELEMENT_TYPES[value] if name == "to" else value for name, value in operation.attrs.items()}
        outputs = [tensor.name for tensor in (operation.output, *operation.further)]
        attrs.update({name: subgraph(value) for name, value in attrs.items() if isinstance(value, Subgraph)})
        return helper.make_node(operation.kind, inputs, outputs, name=operation.name, doc_string=operation.sources or None, **attrs)

    def subgraph(part: Subgraph) -> "onnx.GraphProto":
        given, returned = ([value_info(tensor.name, type) for tensor, type in tensors] for tensors in (part.inputs, part.outputs))
        return helper.make_graph([node(operation) for operation in part.operations], part.name, given, returned)

    def constant(tensor: Tensor, array: np.ndarray) -> "onnx.TensorProto":
        proto = TensorProto(name=tensor.name, data_type=_ELEMENT_TYPES[tensor.dtype], dims=array.shape)
        keep(proto, _bf16_bits(array) if tensor.dtype == "bf16" else array)
        return proto

    graph = writer.graph
    inputs = [value_info(name, value.type) for value, name in zip(graph.inputs, graph.input_names, strict=True)]
    outputs = [value_info(name, value.type) for value, name in zip(graph.outputs, graph.output_names, strict=True)]
    inner = [value_info(name, value.type) for value, name in writer.inner_values()]
    constants = [constant(tensor, array) for tensor, array in writer.constants.items()]
    proto = helper.make_graph([node(operation) for operation in writer.operations], graph.name, inputs, outputs, constants, value_info=inner)
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", opset)], ir_version=_IR_VERSIONS[opset], producer_name="ngc",
                             producer_version=__version__)


def keep_inside(proto: "onnx.TensorProto", array: np.ndarray) -> None:
    """Puts a constant into the model itself."""
    proto.raw_data = little_endian(array).tobytes()


def little_endian(array: np.ndarray) -> np.ndarray:
    """Returns an array with its bytes in the order of ONNX."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _bf16_bits(array: np.ndarray) -> np.ndarray:
    """Returns bf16 numbers, held as f32, as their 16 bits."""
    bits = np.ascontiguousarray(round_to_bf16(array)).reshape(-1).view(np.uint32)
    return (bits >> np.uint32(16)).astype(np.uint16).reshape(array.shape)


def constant_bytes(writer: OnnxWriter) -> int:
    """Returns how many bytes the constants have altogether."""
    return sum(array.size * (2 if tensor.dtype == "bf16" else array.itemsize) for tensor, array in writer.constants.items())


