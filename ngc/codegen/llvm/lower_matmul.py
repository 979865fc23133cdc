"""Lowers to kernels: products of matrices that are data, and attention. Both read and store through views (`ngc.codegen.llvm.views`)."""

from collections.abc import Sequence

from ngc.codegen.llvm.calls import Argument, Call, Scratch, static
from ngc.codegen.llvm.choice import describe
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.attention import AttentionKernel
from ngc.codegen.llvm.kernels.expression import Binary, Cast, Extent, Load, Reduce
from ngc.codegen.llvm.kernels.matmul import MatmulKernel
from ngc.codegen.llvm.kernels.matrices import Matrices
from ngc.codegen.llvm.kernels.nest import Store
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import batch_of, extents, plain_call
from ngc.codegen.llvm.views import Part, View, extent_of, merged, whole
from ngc.errors import CodegenError
from ngc.ir import Node, Shape, SymDim, Value
from ngc.ir.steps import STEPS
from ngc.ir.tensor_type import product


def matrices_of(view: View, batch: Shape, transposed: bool = False) -> Matrices | None:
    """Returns where the matrices in a view's last two axes lie, one for each element of a batch that its other axes are broadcast to; None where the rows
    or the columns of a matrix are not evenly spaced."""
    *outer, rows, columns = view.axes
    if len(rows) > 1 or len(columns) > 1:
        return None
    (row, column) = (axis[0][1] if axis else 0 for axis in (rows, columns))
    if not columns:
        column = 1
    missing = len(batch) - len(outer)
    parts: list[Part] = []
    for dim, axis in zip(batch, [()] * missing + outer, strict=True):
        parts += axis or ([] if dim == 1 else [(extent_of(dim), 0)])
    return Matrices(column if transposed else row, row if transposed else column, merged(parts), view.base)


def _is_fixed(*values: Value) -> bool:
    """Whether values are f32, and their matrices of some elements in sizes that do not depend on the batch: those that kernels of their own take."""
    return all(value.type.dtype == "f32" and 0 not in value.type.shape and not any(isinstance(dim, SymDim) for dim in value.type.shape[-2:])
               for value in values)


def accepts_matmul(node: Node, number: int, view: View) -> bool:
    """Whether the kernel of a product of matrices reads or stores through a view."""
    if not _is_fixed(*node.inputs[:2]) or number > 1:
        return False
    lie = matrices_of(view, node.type.shape[:-2])
    if number == 1:
        return lie is not None
    if number == 0:
        return lie is not None and lie.fixed is not None
    plain_steps = all("tensor" not in STEPS[step.kind].operands and step.kind != "tee" for step in node.attrs["epilogue"])
    return lie is not None and lie.column == 1 and plain_steps


def _located(lowering: Lowering, node: Node, value: Value, transposed: bool = False) -> Matrices:
    """Returns where an operand's matrices lie."""
    lie = matrices_of(lowering.views.of(value), node.type.shape[:-2], transposed)
    assert lie is not None
    return lie


def _stored(lowering: Lowering, node: Node) -> tuple[Matrices, Value]:
    """Returns where a node's result is stored, and in which value."""
    view = lowering.views.target(node.output)
    lie = matrices_of(view, node.type.shape[:-2])
    assert lie is not None
    return lie, view.of


def _sources(lowering: Lowering, values: Sequence[Value]) -> tuple[list[Argument], list[Value]]:
    """Returns the arguments of operands that are read through views, and which of them are no constants."""
    roots = [lowering.views.of(value).of for value in values]
    return [lowering.argument(root) for root in roots], [root for root in roots if not root.is_const]


def _matmul(lowering: Lowering, node: Node) -> None:
    if not _is_fixed(*node.inputs[:2]):
        _matmul_nest(lowering, node)
        return
    (a, b), attrs = node.inputs[:2], node.attrs
    y, stored = _stored(lowering, node)
    steps, last, step_reads, writes = lowering.steps(attrs["epilogue"], node.inputs[2:], node.type, node.outputs[1:], lowering.lanes)
    left = _located(lowering, node, a, attrs["transpose_a"])
    spec = MatmulKernel.plan(lowering.target, batch=extent_of(product(node.type.shape[:-2])), rows=extent_of(node.type.shape[-2]),
                             depth=static(a.type.shape[-2 if attrs["transpose_a"] else -1]), columns=static(node.type.shape[-1]),
                             a=left, b=_located(lowering, node, b, attrs["transpose_b"]), y=y, steps=steps)
    arguments, reads = _sources(lowering, (a, b))
    lowering.call(Call(spec, [*arguments, stored, Scratch(spec.scratch_bytes), *last], [*reads, *step_reads], [stored, *writes],
                       batch_of(*node.inputs, node.output), node, note=describe(spec)))


def _matmul_nest(lowering: Lowering, node: Node) -> None:
    """Products of other element types than f32, and of matrices whose size depends on the batch, are a loop nest, summed in doubles."""
    if node.attrs["epilogue"]:
        raise CodegenError(f"products of {node.inputs[0].type} and {node.inputs[1].type} have no steps")
    shape, (a, b) = extents(node.type.shape), node.inputs
    depth = extent_of(a.type.shape[-2 if node.attrs["transpose_a"] else -1])
    loads = []
    for number, (value, name) in enumerate(((a, "transpose_a"), (b, "transpose_b"))):
        lie = matrices_of(whole(value), value.type.shape[:-2], node.attrs[name])
        assert lie is not None
        own = extents(value.type.shape)
        outer = nests.aligned(own[:-2], nests.row_major(own)[:-2], shape[:-2])
        inner: tuple[Extent, Extent, Extent] = (lie.row, 0, lie.column) if number == 0 else (0, lie.column, lie.row)
        loads.append(Cast(Load(number, (*outer, *inner)), "f64"))
    total = Cast(Reduce("sum", Binary("mul", *loads), "f64"), node.type.dtype)
    plain_call(lowering, nests.nest((*shape, depth), [a.type.dtype, b.type.dtype, node.type.dtype], [Store(2, total, nests.row_major(shape))], 1), node, a, b)


def accepts_attention(node: Node, number: int, view: View) -> bool:
    """Whether the kernel of attention reads or stores through a view."""
    if not _is_fixed(*node.inputs[:3]):
        return False
    if number == MASK and node.attrs["mask"] == "length":
        return _lengths_of(view, node.type.shape[:-2]) is not None
    lie = matrices_of(view, node.type.shape[:-2])
    if number == MASK:
        return lie is not None and lie.column in (0, 1)
    return lie is not None and (number >= 0 or lie.column == 1)


MASK = 3
"""The operand of attention that is a mask."""


def _lengths_of(view: View, batch: Shape) -> Matrices | None:
    """Returns where the lengths of the rows of matrices lie, as matrices of one column."""
    return matrices_of(View(view.of, (*view.axes, ()), view.base), batch)


def _attention(lowering: Lowering, node: Node) -> None:
    (q, k, v, *masks), attrs = node.inputs, node.attrs
    if not _is_fixed(q, k, v):
        raise CodegenError(f"attention takes f32 data, some at least, in matrices that do not depend on the batch, not {q.type} and {k.type}")
    fields = {"kind": attrs["mask"], "fill": attrs["fill"], "zero": attrs["zero"]}
    for mask in masks:
        view = lowering.views.of(mask)
        fields["mask"] = _lengths_of(view, node.type.shape[:-2]) if attrs["mask"] == "length" else matrices_of(view, node.type.shape[:-2])
        fields["kind"] = mask.type.dtype if attrs["mask"] == "length" else attrs["mask"]
    y, stored = _stored(lowering, node)
    spec = AttentionKernel.plan(lowering.target, heads=extent_of(product(node.type.shape[:-2])), queries=static(q.type.shape[-2]),
                                keys=static(k.type.shape[-2]), size=static(q.type.shape[-1]), width=static(v.type.shape[-1]), scale=attrs["scale"],
                                q=_located(lowering, node, q), k=_located(lowering, node, k), v=_located(lowering, node, v), y=y, **fields)
    arguments, reads = _sources(lowering, node.inputs)
    lowering.call(Call(spec, [*arguments, stored, Scratch(spec.scratch_bytes)], reads, [stored], batch_of(*node.inputs, node.output), node,
                       note=f"blocks of {spec.block} queries"))


HANDLERS: dict[str, Handler] = {"matmul": _matmul, "attention": _attention}
ACCEPTS = {"matmul": accepts_matmul, "attention": accepts_attention}
"""Operators whose kernels take views, with what they take."""
