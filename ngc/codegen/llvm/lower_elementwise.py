"""Lowers what is element-wise or reduces: functions, arithmetic, step chains, reductions, softmax, response normalization."""

from collections.abc import Callable, Sequence

import numpy as np

from ngc.codegen.llvm.calls import Argument, Call, static
from ngc.codegen.llvm.expressions import chain_expression, node_expression
from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.expression import Const, Expr, N
from ngc.codegen.llvm.kernels.layer_norm import LayerNormKernel
from ngc.codegen.llvm.kernels.lrn import LrnKernel
from ngc.codegen.llvm.kernels.reorder import ReorderKernel
from ngc.codegen.llvm.kernels.softmax import SoftmaxKernel
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_group_norm import lower_group_norm
from ngc.codegen.llvm.lower_moves import batch_of, extents, plain_call, planes
from ngc.errors import CodegenError
from ngc.ir import Node, Step, SymDim, Value
from ngc.ir.ops.bits import BITWISE, SHIFTS
from ngc.ir.ops.elementwise import BINARY
from ngc.ir.ops.normalization import scale_shift
from ngc.ir.ops.reduce import REDUCTIONS
from ngc.ir.steps import STEPS, operand_count
from ngc.ir.tensor_type import DTYPES, FLOATS, product
from ngc.ir.unary import UNARY


def _cast(lowering: Lowering, node: Node) -> None:
    """A cast of blocked data keeps its blocks; one of plain data may write planes with a border."""
    x, y = node.inputs[0], node.output
    if y.type.layout.is_plain:
        _elementwise(lowering, node)
        return
    spec = nests.blocked(lowering.place(y), [planes(lowering, x)], lambda load: node_expression(node, (load,)))
    lowering.call(Call(spec, [lowering.argument(x), y], [] if x.is_const else [x], [y], x.type.shape[0], node))


def _elementwise(lowering: Lowering, node: Node) -> None:
    shapes = [(extents(value.type.shape), value.type.dtype) for value in node.inputs]
    if node.op == "where" and node.inputs[0].type.rank != node.type.rank:
        shapes[0] = ((*shapes[0][0], *(1,) * (node.type.rank - 1)), shapes[0][1])
    if node.op == "prelu":
        shapes[1] = ((*shapes[1][0], *(1,) * (node.type.rank - 2)), shapes[1][1])
    literals = [_literal(value) for value in node.inputs]
    if all(literals):
        literals = [None] * len(literals)  # a nest reads something

    def make(*loads: Expr) -> Expr:
        remaining = iter(loads)
        return node_expression(node, [literal or next(remaining) for literal in literals])

    read = [position for position, literal in enumerate(literals) if literal is None]
    spec = nests.elementwise(extents(node.type.shape), [shapes[position] for position in read], node.type.dtype, make)
    inputs = [node.inputs[position] for position in read]
    plain_call(lowering, spec, node, *inputs, inplace=tuple(value for value in inputs if value.type == node.type))


def _literal(value: Value) -> Const | None:
    """Returns the only number of a constant of f32, which code then has in itself and not in memory; None for any other value."""
    if not value.is_const or value.type.dtype != "f32":
        return None
    first = value.array.flat[0] if value.array.size else np.float32(np.nan)
    return Const(float(first)) if np.isfinite(first) and (value.array.view(np.uint32) == first.view(np.uint32)).all() else None


def _batch_norm(lowering: Lowering, node: Node) -> None:
    """A batch normalization that no pass could fold: an affine map along its axis, its constants folded in double precision."""
    x, axis = node.inputs[0], node.attrs["axis"] % node.type.rank
    if not all(value.is_const for value in node.inputs[1:]):
        raise CodegenError("statistics must be constants")
    gamma, beta, mean, var = (value.array for value in node.inputs[1:])
    dtype = "f64" if x.type.dtype == "f64" else "f32"  # half precision is computed in single
    parts = [lowering.blob.add(part.astype(DTYPES[dtype])) for part in scale_shift(gamma, beta, mean, var, node.attrs)]
    vector = (static(x.type.shape[axis]), *(1,) * (x.type.rank - 1 - axis))
    spec = nests.elementwise(extents(x.type.shape), [(extents(x.type.shape), x.type.dtype), (vector, dtype), (vector, dtype)], x.type.dtype,
                             lambda *loads: node_expression(node, loads))
    lowering.call(Call(spec, [lowering.argument(x), *parts, node.output], [] if x.is_const else [x], [node.output], batch_of(x), node, inplace=(x,)))


def _eltwise(lowering: Lowering, node: Node) -> None:
    """Each stored result, the last and those of tees, is one nest over the steps that lead to it."""
    steps = node.attrs["epilogue"]
    if node.inputs[0].type.layout.is_plain and not node.type.layout.is_plain and node.type.dtype == "u8":
        _quantize_into_blocks(lowering, node)
        return
    tees = [position for position, step in enumerate(steps) if step.kind == "tee"]
    for value, count in zip((*node.outputs[1:], node.output), (*tees, len(steps)), strict=True):
        (_plain_chain if node.type.layout.is_plain else _blocked_chain)(lowering, node, steps[:count], value, not tees)


def _quantize_into_blocks(lowering: Lowering, node: Node) -> None:
    """Planes of floats become blocks of u8 in one go."""
    x, y = node.inputs[0], node.output
    steps, _, _, _ = lowering.steps(node.attrs["epilogue"], node.inputs[1:], y.type, (), y.type.layout.block)
    spec = ReorderKernel(planes(lowering, x), lowering.place(y), steps)
    lowering.call(Call(spec, [lowering.argument(x), y], [] if x.is_const else [x], [y], x.type.shape[0], node))


def _chain(node: Node, steps: Sequence[Step], result: Value) -> Callable[..., Expr]:
    dtypes = [value.type.dtype for value in node.inputs[:1 + operand_count(steps)]]
    return lambda x, *loads: chain_expression(steps, result.type.dtype, x, loads, dtypes)


def _plain_chain(lowering: Lowering, node: Node, steps: Sequence[Step], result: Value, alone: bool) -> None:
    x, operands = node.inputs[0], iter(node.inputs[1:])
    shapes = [(extents(x.type.shape), x.type.dtype)]
    arguments: list[Argument] = [lowering.argument(x)]
    reads = [] if x.is_const else [x]
    for step in steps:
        for kind in STEPS[step.kind].operands:
            value = next(operands)
            shape = extents(value.type.shape)
            shapes.append(((*shape, *(1,) * (x.type.rank - 2)) if kind == "vector" else shape, value.type.dtype))
            arguments.append(lowering.argument(value))
            reads += [] if value.is_const else [value]
    spec = nests.elementwise(extents(result.type.shape), shapes, result.type.dtype, _chain(node, steps, result))
    lowering.call(Call(spec, [*arguments, result], reads, [result], batch_of(x, result), node,
                       inplace=tuple(value for value in reads if value.type == result.type) if alone else ()))


def _blocked_chain(lowering: Lowering, node: Node, steps: Sequence[Step], result: Value, alone: bool) -> None:
    """The result is blocked; of one channel a block, x may be plain."""
    x, operands = node.inputs[0], iter(node.inputs[1:])
    inputs: list[Geometry | str] = [planes(lowering, x)]
    arguments: list[Argument] = [x]
    reads = [x]
    for step in steps:
        for kind in STEPS[step.kind].operands:
            value = next(operands)
            if kind == "vector":
                inputs.append("channel")
                arguments.append(lowering.vector(value, result.type, result.type.layout.block))
                continue
            place = lowering.step_place(value, result.type)
            if place is None:
                raise CodegenError(f"%{value.name}: a step on a blocked tensor takes a blocked operand")
            inputs.append(place)
            arguments.append(lowering.tensor_constant(value, place) if value.is_const else value)
            reads += [] if value.is_const else [value]
    spec = nests.blocked(lowering.place(result), inputs, _chain(node, steps, result))
    lowering.call(Call(spec, [*arguments, result], reads, [result], node.type.shape[0], node,
                       inplace=tuple(value for value in reads if value.type == result.type) if alone else ()))


_REDUCTION_NAMES = {"reduce_sum": "sum", "reduce_mean": "mean", "reduce_prod": "prod", "reduce_max": "max", "reduce_min": "min",
                    "reduce_l1": "norm1", "reduce_l2": "norm2"}


def _reduce(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    plain_call(lowering, nests.reduction(extents(x.type.shape), node.attrs["axes"], _REDUCTION_NAMES[node.op], x.type.dtype), node, x)


def _softmax(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    axis = node.attrs["axis"] % x.type.rank
    outer, inner = product(x.type.shape[:axis]), product(x.type.shape[axis + 1:])
    length = x.type.shape[axis]
    if x.type.dtype not in FLOATS or isinstance(length, SymDim) or isinstance(inner, SymDim):
        raise CodegenError(f"{node.op} takes floats along an axis that does not depend on the batch, not {x.type}")
    rows = N(outer.factor) if isinstance(outer, SymDim) else outer
    lengths = node.inputs[1].type.dtype if len(node.inputs) == 2 else None
    spec = SoftmaxKernel(rows, length, inner, node.op, node.attrs["temperature"], lengths, x.type.dtype)
    plain_call(lowering, spec, node, *node.inputs, inplace=(x,))


def _layer_norm(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    axis = node.attrs["axis"] % x.type.rank
    outer, inner, length = product(x.type.shape[:axis]), product(x.type.shape[axis + 1:]), x.type.shape[axis]
    if isinstance(length, SymDim) or isinstance(inner, SymDim) or not length:
        raise CodegenError(f"layer_norm takes an axis of some elements that does not depend on the batch, not {x.type}")
    rows = N(outer.factor) if isinstance(outer, SymDim) else outer
    plain_call(lowering, LayerNormKernel(rows, length, inner, node.attrs["eps"], x.type.dtype), node, *node.inputs, inplace=(x,))


def _lrn(lowering: Lowering, node: Node) -> None:
    x, attrs = node.inputs[0], node.attrs
    if x.type.dtype != "f32":
        raise CodegenError(f"lrn takes f32 data, not {x.type.dtype}")
    spec = LrnKernel(static(x.type.shape[1]), static(product(x.type.shape[2:])), attrs["size"], attrs["alpha"], attrs["beta"], attrs["knorm"])
    lowering.call(Call(spec, [lowering.argument(x), node.output], [] if x.is_const else [x], [node.output], x.type.shape[0], node))


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys((*UNARY, *BINARY, *BITWISE, *SHIFTS, "where", "prelu"), _elementwise), "cast": _cast, **dict.fromkeys(REDUCTIONS, _reduce),
    "batch_norm": _batch_norm, "eltwise": _eltwise, "softmax": _softmax, "log_softmax": _softmax, "layer_norm": _layer_norm, "lrn": _lrn,
    "group_norm": lower_group_norm,
}
