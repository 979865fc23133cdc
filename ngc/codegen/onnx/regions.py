"""Writes to ONNX: loops and conditionals, whose regions become graphs that see the tensors around them.

    loop{steps}(s, x, c){f}                 Scan over x with the states s; Loop with the trip count `steps` where it scans nothing
    loop{steps}(s, c){f, condition}         Loop that ends with `condition`, which is asked before it and at the end of each step; zeros behind its rows
    cond(p, c){f}{g}                        If

What ONNX calls a condition is a truth value without dimensions; a predicate is one unless it is zero.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Operation, Subgraph, Tensor
from ngc.ir import Graph, Node, TensorType, Value
from ngc.ir.tensor_type import DTYPES

_FLAG, _COUNT = TensorType((), "bool"), TensorType((), "i64")


def _handlers() -> Mapping[str, Handler]:
    from ngc.codegen.onnx.emit import handlers  # the table of all operators, those of this file among them

    return handlers()


def _given(writer: OnnxWriter, region: Graph, values: Sequence[Value]) -> list[tuple[Tensor, TensorType]]:
    """Returns new tensors for some inputs of a region."""
    return [(writer.fresh_tensor(f"{region.name}.{value.name}", value.type.dtype), value.type) for value in values]


def _returned(writer: OnnxWriter, operations: Sequence[Operation], tensors: Sequence[Tensor], types: Sequence[TensorType]) -> list[tuple[Tensor, TensorType]]:
    """Returns what a subgraph gives back: tensors that its own operations make, each once, others through an Identity."""
    made = {tensor for operation in operations for tensor in (operation.output, *operation.further)}
    found: list[tuple[Tensor, TensorType]] = []
    for tensor, type in zip(tensors, types, strict=True):
        own = tensor if tensor in made else writer.apply("Identity", tensor)
        made.discard(own)
        found.append((own, type))
    return found


def _holds(writer: OnnxWriter, value: Value, tensor: Tensor) -> Tensor:
    """Returns whether a predicate is not zero."""
    number = writer.cast(tensor, "i32") if value.type.dtype in ("bool", "i8", "u8") else writer.cast(tensor, "f32") if value.type.dtype == "bf16" else tensor
    flat = writer.reshape(number, ())
    return writer.apply("Not", writer.apply("Equal", flat, writer.number(0, flat.dtype), dtype="bool"))


def _loop(writer: OnnxWriter, node: Node) -> list[Tensor]:
    carried, scanned = node.attrs["carried"], node.attrs["scanned"]
    operands = [writer.operand(value) for value in node.inputs]
    captured = operands[carried + scanned:]
    body, *conditions = node.regions
    types = [value.type.logical for value in body.outputs]

    def goes_on(state: Sequence[Tensor]) -> Tensor | None:
        if not conditions:
            return None
        (found,) = writer.region(conditions[0], [*state, *captured], _handlers())
        return _holds(writer, conditions[0].outputs[0], found)

    first = goes_on(operands[:carried])
    given = _given(writer, body, body.inputs[:carried + scanned])
    state = [tensor for tensor, _ in given]
    counter, flag = (writer.fresh_tensor(f"{body.name}.{name}", type.dtype) for name, type in (("step", _COUNT), ("goes_on", _FLAG)))
    with writer.inside() as operations:
        results = writer.region(body, [*state, *captured], _handlers())
        if not scanned:
            following = goes_on(results[:carried])
            results, types = [flag if following is None else following, *results], [_FLAG, *types]
        returned = _returned(writer, operations, results, types)
    dtypes = [value.type.dtype for value in node.outputs]
    if scanned:
        part = Subgraph(body.name, operations, given, returned)
        return writer.apply_many("Scan", *operands[:carried + scanned], dtypes=dtypes, body=part, num_scan_inputs=scanned)
    part = Subgraph(body.name, operations, [(counter, _COUNT), (flag, _FLAG), *given], returned)
    start = first if first is not None else writer.number(1, "bool")
    found = writer.apply_many("Loop", writer.number(node.attrs["steps"], "i64"), start, *operands[:carried], dtypes=dtypes, body=part)
    if not conditions:
        return found
    return [*found[:carried], *(_filled(writer, rows, value.type) for rows, value in zip(found[carried:], node.outputs[carried:], strict=True))]


def _filled(writer: OnnxWriter, rows: Tensor, type: TensorType) -> Tensor:
    """Returns the rows that a loop stacked, of which there may be fewer than the type has, with zeros behind them."""
    shape = tuple(int(dim) for dim in type.shape)  # type: ignore[arg-type]  # rows that grow with N are refused
    zeros = writer.constant(np.zeros(shape, DTYPES.get(type.dtype, np.dtype(np.float32))), f"{rows.name}.zeros", type.dtype)
    joined = writer.apply("Concat", rows, zeros, axis=0)
    return writer.apply("Slice", joined, writer.integers([0]), writer.integers([shape[0]]), writer.integers([0]))


def _cond(writer: OnnxWriter, node: Node) -> list[Tensor]:
    predicate, captured = node.inputs[0], [writer.operand(value) for value in node.inputs[1:]]
    holds = _holds(writer, predicate, writer.operand(predicate))
    parts = []
    for region in node.regions:
        with writer.inside() as operations:
            results = writer.region(region, captured, _handlers())
            returned = _returned(writer, operations, results, [value.type.logical for value in region.outputs])
        parts.append(Subgraph(region.name, operations, (), returned))
    return writer.apply_many("If", holds, dtypes=[value.type.dtype for value in node.outputs], then_branch=parts[0], else_branch=parts[1])


HANDLERS: dict[str, Handler] = {"loop": _loop, "cond": _cond}
