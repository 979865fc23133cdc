"""Products with triangles of small matrices, and the solutions of triangular systems."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.small_matrices import Matrix, number, products
from ngc.target import CpuTarget


@dataclass(frozen=True)
class TriangularKernel(KernelSpec):
    """t b or with `right` b t of a triangle t = a or a'; with `solve` x with t x = b or x t = b.

    A work item is one column of b, of b t = (t' b')' one row: a vector v that is multiplied by a triangle or solved for, forwards where that is a lower one.
    With `shared` there is one b for all triangles.

    args: a, b, result. Work items: vectors of each matrix.
    """

    size: int
    vectors: int
    right: bool = False
    lower: bool = True
    transpose: bool = False
    solve: bool = False
    shared: bool = False
    dtype: str = "f32"

    @property
    def work(self) -> tuple[int, int]:
        """One item for each vector of each matrix."""
        return self.vectors, 0

    def flops(self) -> int:
        """Returns one multiply-add for each element of the triangle and each vector."""
        return self.vectors * self.size**2

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        size, vectors, kind = self.size, self.vectors, STORED[self.dtype]
        flipped = self.transpose != self.right
        forwards = self.lower != flipped
        triangles, given, result = (b.load_pointer(b.argument(0), position) for position in (0, 1, 2))
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            matrix, vector = b.div(item.index, vectors), b.rem(item.index, vectors)
            t = Matrix(b, b.gep(triangles, b.mul(matrix, size * size), kind), size, self.dtype, transposed=flipped)
            start = b.mul(matrix, size * vectors)
            v, out = (Matrix(b, b.gep(pointer, 0 if self.shared and pointer is given else start, kind), size if self.right else vectors, self.dtype,
                             transposed=self.right) for pointer in (given, result))
            with b.loop(0, size, hint="row") as row:
                i = row.index if forwards else b.sub(size - 1, row.index)
                if self.solve:
                    begin, end = (0, i) if forwards else (b.add(i, 1), size)
                    rest = products(b, v.load(i, vector), begin, end, lambda k: (t.load(i, k), out.load(k, vector)), "fsub")
                    out.store(b.fbinary("fdiv", rest, t.load(i, i)), i, vector)
                else:
                    begin, end = (0, b.add(i, 1)) if forwards else (i, size)
                    total = products(b, number(b, 0, self.dtype), begin, end, lambda k: (t.load(i, k), v.load(k, vector)), "fadd")
                    out.store(total, i, vector)
        b.ret()
        return str(module)
