"""A graph as a StableHLO module with one public function.

The arguments of @main are the graph's inputs, then the data of its constants: weights are parameters, never literals, so that a text stays small and one
compiled module serves whoever has the same architecture. All shapes are fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.problems import list_refused
from ngc.codegen.stablehlo import (
    bits,
    elementwise,
    indexing,
    layers,
    matmul,
    movement,
    ordering,
    recurrent,
    reductions,
    resampling,
    sequences,
)
from ngc.codegen.stablehlo.pooling import emit_pool
from ngc.codegen.stablehlo.text import Body, Emitter, Tensor, quoted
from ngc.codegen.stablehlo.unary import FLOAT
from ngc.engines.stablehlo_forms import why_no_stablehlo, why_no_type
from ngc.errors import CodegenError
from ngc.ir import Graph, Node, Value
from ngc.ir.ops.elementwise import BINARY
from ngc.ir.ops.reduce import REDUCTIONS

_FAMILIES = (bits, indexing, ordering, sequences, resampling, matmul, recurrent)


def _pass_on(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    return [operands[0]]


EMITTERS: dict[str, Emitter] = {
    **dict.fromkeys(("identity", "dropout"), _pass_on),
    **dict.fromkeys(FLOAT, elementwise.emit_unary_node),
    **dict.fromkeys(BINARY, elementwise.emit_binary),
    **dict.fromkeys(REDUCTIONS, reductions.emit_reduction),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), layers.emit_conv),
    **dict.fromkeys(("deconv1d", "deconv2d", "deconv3d"), layers.emit_deconv),
    **dict.fromkeys(("softmax", "log_softmax"), reductions.emit_softmax),
    "separable_conv2d": layers.emit_separable,
    "dense": layers.emit_dense,
    "pool": emit_pool,
    "batch_norm": reductions.emit_batch_norm,
    "layer_norm": reductions.emit_layer_norm,
    "group_norm": reductions.emit_group_norm,
    "lrn": reductions.emit_lrn,
    "eltwise": elementwise.emit_eltwise,
    "prelu": elementwise.emit_prelu,
    "where": elementwise.emit_where,
    "cast": elementwise.emit_cast,
    "quantize": elementwise.emit_quantize,
    "dequantize": elementwise.emit_dequantize,
    "reshape": movement.emit_reshape,
    "transpose": movement.emit_transpose,
    "concat": movement.emit_concat,
    "slice": movement.emit_slice,
    "pad": movement.emit_pad,
    "upsample": movement.emit_upsample,
    "broadcast_to": movement.emit_broadcast,
    **{name: emitter for family in _FAMILIES for name, emitter in family.EMITTERS.items()},
}
"""Who writes an operator; constants are arguments."""


@dataclass(frozen=True)
class StableHloModule:
    """A module's text, and what its function takes behind the graph's inputs.

    Attributes:
        text: the module.
        parameters: names of the graph's constants (of their values), in the order of the arguments.
    """

    text: str
    parameters: tuple[str, ...]


def emit_stablehlo(graph: Graph) -> StableHloModule:
    """Returns the StableHLO module of a graph of any stage before `lowered`.

    Raises:
        CodegenError: nodes have no form in StableHLO; the message lists all reasons with the nodes.
    """
    _refuse(graph)
    constants = [node.output for node in graph.nodes if node.op == "const"]
    arguments = [Tensor(f"%arg{number}", _fixed(value), value.type.dtype) for number, value in enumerate((*graph.inputs, *constants))]
    tensors: dict[Value, Tensor] = dict(zip((*graph.inputs, *constants), arguments, strict=True))
    names = [*graph.input_names, *(value.name for value in constants)]
    body = Body()
    for node in graph.nodes:
        if node.op != "const":
            body.location = _location(node)
            tensors.update(zip(node.outputs, EMITTERS[node.op](body, node, [tensors[value] for value in node.inputs]), strict=True))
    results = [tensors[value] for value in graph.outputs]
    signature = ", ".join(f"{argument.name}: {argument.type} loc({quoted(name)})" for argument, name in zip(arguments, names, strict=True))
    types = ", ".join(result.type for result in results)
    lines = [f"module @{quoted(graph.name)} {{", f"  func.func public @main({signature}) -> ({types}) {{", *(f"    {line}" for line in body.lines),
             f"    return {', '.join(result.name for result in results)} : {types}", "  }", "}", ""]
    return StableHloModule("\n".join(lines), tuple(value.name for value in constants))


def _refuse(graph: Graph) -> None:
    """Raises CodegenError where nodes, or inputs that no node reads, have no form."""
    refused = list_refused(graph, why_no_stablehlo)
    findings = [refused] if refused else []
    findings += [f"  {reason}: the input {name!r}" for value, name in zip(graph.inputs, graph.input_names, strict=True)
                 if not value.uses and (reason := why_no_type(value.type)) is not None]
    if findings:
        raise CodegenError("some operators have no form in StableHLO:\n" + "\n".join(findings))


def _fixed(value: Value) -> tuple[int, ...]:
    return tuple(int(dim) for dim in value.type.shape)  # type: ignore[arg-type]  # a dimension N was refused


def _location(node: Node) -> str:
    """Returns where a node comes from, as MLIR writes it: the names of MXNet's nodes, joined where there are several."""
    names = [quoted(loc.name) for loc in node.locs]
    return f"fused[{', '.join(names)}]" if len(names) > 1 else names[0] if names else ""
