"""Lowers what picks or places elements by integers that are data."""

from ngc.codegen.llvm.calls import Call
from ngc.codegen.llvm.calls import static as fixed
from ngc.codegen.llvm.kernels import gathers, nests
from ngc.codegen.llvm.kernels.cumsum import CumsumKernel
from ngc.codegen.llvm.kernels.scatter import ScatterKernel
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import batch_of, copy_operand, extents, plain_call
from ngc.ir import Node, SymDim
from ngc.ir.ops.elementwise import scalar_array
from ngc.ir.ops.shape import slices
from ngc.ir.tensor_type import DTYPES, product


def stored_scalar(value: float, dtype: str) -> float:
    """Returns a number as an element of a dtype holds it, or as f32 does for bf16."""
    return float(scalar_array(value, DTYPES.get(dtype, DTYPES["f32"])).item())


def _gather(lowering: Lowering, node: Node) -> None:
    x, indices = (value.type for value in node.inputs)
    build = gathers.gather if node.op == "gather" else gathers.gather_elements
    spec = build(extents(x.shape), extents(indices.shape), node.attrs["axis"], node.attrs["mode"], x.dtype, indices.dtype)
    plain_call(lowering, spec, node, *node.inputs)


def _gather_nd(lowering: Lowering, node: Node) -> None:
    x, indices = (value.type for value in node.inputs)
    plain_call(lowering, gathers.gather_nd(extents(x.shape), extents(indices.shape), x.dtype, indices.dtype), node, *node.inputs)


def _scatter_nd(lowering: Lowering, node: Node) -> None:
    x, indices, updates = node.inputs
    copy_operand(lowering, node)  # the next call replaces a part of it
    count = fixed(indices.type.shape[0])
    shape = extents(x.type.shape)
    number = nests.product(extents(indices.type.shape[1:]))
    spec = ScatterKernel(shape[:count], number, nests.product(shape[count:]), x.type.dtype, indices.type.dtype)
    arguments = [lowering.argument(indices), lowering.argument(updates), node.output]
    reads = [value for value in (indices, updates) if not value.is_const]
    lowering.call(Call(spec, arguments, reads, [node.output], batch_of(*node.inputs), node))


def _slice_update(lowering: Lowering, node: Node) -> None:
    x, update = node.inputs
    copy_operand(lowering, node)  # the next call replaces a part of it
    begins, steps = [], []
    for dim, part in zip(x.type.shape, slices(node.attrs), strict=True):
        begin, _, step = (0, 0, 1) if isinstance(dim, SymDim) else part.indices(dim)
        begins.append(begin)
        steps.append(step)
    spec = nests.slice_update(extents(x.type.shape), begins, steps, extents(update.type.shape), x.type.dtype)
    reads = [] if update.is_const else [update]
    lowering.call(Call(spec, [lowering.argument(update), node.output], reads, [node.output], batch_of(*node.inputs), node))


def _one_hot(lowering: Lowering, node: Node) -> None:
    indices, attrs = node.inputs[0], node.attrs
    on, off = (stored_scalar(attrs[name], attrs["dtype"]) for name in ("on_value", "off_value"))
    spec = gathers.one_hot(extents(indices.type.shape), attrs["depth"], on, off, attrs["dtype"], indices.type.dtype)
    plain_call(lowering, spec, node, indices)


def _iota(lowering: Lowering, node: Node) -> None:
    attrs = node.attrs
    start, step = (stored_scalar(attrs[name], attrs["dtype"]) for name in ("start", "step"))
    spec = gathers.iota(extents(node.type.shape), start, step, attrs["repeat"], attrs["dtype"])
    plain_call(lowering, spec, node)


def _cumsum(lowering: Lowering, node: Node) -> None:
    x, axis = node.inputs[0], node.attrs["axis"]
    rows = nests.product(extents(x.type.shape[:axis]))
    spec = CumsumKernel(rows, fixed(x.type.shape[axis]), fixed(product(x.type.shape[axis + 1:])), x.type.dtype)
    plain_call(lowering, spec, node, x, inplace=(x,))


HANDLERS: dict[str, Handler] = {
    "gather": _gather, "gather_elements": _gather, "gather_nd": _gather_nd, "scatter_nd": _scatter_nd, "slice_update": _slice_update, "one_hot": _one_hot,
    "iota": _iota, "cumsum": _cumsum,
}
