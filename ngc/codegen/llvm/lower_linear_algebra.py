"""Lowers to kernels: factorizations, inverses and triangular products of batches of matrices."""

from collections.abc import Mapping

from ngc.codegen.llvm.calls import Scratch, static
from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.factorize import CholeskyKernel, EliminationKernel
from ngc.codegen.llvm.kernels.orthogonal import EighKernel, LqKernel
from ngc.codegen.llvm.kernels.triangular import TriangularKernel
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import node_call
from ngc.ir import Node, TensorType
from ngc.ir.tensor_type import product


def _call(lowering: Lowering, node: Node, spec: KernelSpec, *scratch: Scratch) -> None:
    """Adds the call of a kernel that works on each matrix of the first operand."""
    node_call(lowering, spec, node, product(node.inputs[0].type.shape[:-2]), node.inputs, *scratch)


def _size(type: TensorType) -> int:
    return static(type.shape[-1])


def _cholesky(lowering: Lowering, node: Node) -> None:
    _call(lowering, node, CholeskyKernel(_size(node.type), node.attrs["lower"], node.type.dtype))


def _elimination(lowering: Lowering, node: Node) -> None:
    size, itemsize = _size(node.inputs[0].type), node.type.itemsize
    _call(lowering, node, EliminationKernel(size, node.op == "inverse", node.type.dtype), Scratch(size * size * itemsize))


def _lq(lowering: Lowering, node: Node) -> None:
    rows, columns = (static(dim) for dim in node.type.shape[-2:])
    _call(lowering, node, LqKernel(rows, columns, node.type.dtype), Scratch(rows * (columns + 1) * node.type.itemsize))


def _eigh(lowering: Lowering, node: Node) -> None:
    size = _size(node.type)
    _call(lowering, node, EighKernel(size, node.type.dtype), Scratch(size * size * node.type.itemsize))


def _triangular(lowering: Lowering, node: Node) -> None:
    a, b = (value.type for value in node.inputs)
    vectors = static(b.shape[-2 if node.attrs["right"] else -1])
    shared = b.shape[:-2] != a.shape[:-2]
    _call(lowering, node, TriangularKernel(_size(a), vectors, **node.attrs, solve=node.op == "triangular_solve", shared=shared, dtype=a.dtype))


HANDLERS: Mapping[str, Handler] = {
    "cholesky": _cholesky, "inverse": _elimination, "lu_pivots": _elimination, "lq": _lq, "eigh": _eigh,
    "triangular_matmul": _triangular, "triangular_solve": _triangular,
}
