"""Cholesky's factorization and Gaussian elimination of small matrices.

Cholesky-Banachiewicz, row by row, and Gauss-Jordan with partial pivoting: Golub and Van Loan, Matrix Computations, 4.2 and 3.4.
"""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.small_matrices import Matrix, function, number, products
from ngc.codegen.llvm.text import I1, Builder, Index, Value
from ngc.target import CpuTarget


@dataclass(frozen=True)
class CholeskyKernel(KernelSpec):
    """L with L L' = x, or with `lower` false U with U' U = x; the other triangle of x is not read and that of the result is zero.

    args: x, factor. Work items: matrices.
    """

    size: int
    lower: bool = True
    dtype: str = "f32"

    @property
    def work(self) -> tuple[int, int]:
        """One item for each matrix."""
        return 1, 0

    def flops(self) -> int:
        """Returns a third of the size's cube."""
        return self.size**3 // 3

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        size = self.size
        pointers = [b.load_pointer(b.argument(0), position) for position in (0, 1)]
        with b.loop(b.argument(2), b.argument(3), hint="matrix") as item:
            x, factor = (Matrix(b, b.gep(pointer, b.mul(item.index, size * size), STORED[self.dtype]), size, self.dtype, transposed=not self.lower)
                         for pointer in pointers)
            with b.loop(0, size, hint="row") as row:
                i = row.index
                with b.loop(0, i, hint="column") as column:
                    j = column.index
                    rest = products(b, x.load(i, j), 0, j, lambda k: (factor.load(i, k), factor.load(j, k)), "fsub")
                    factor.store(b.fbinary("fdiv", rest, factor.load(j, j)), i, j)
                rest = products(b, x.load(i, i), 0, i, lambda k: (factor.load(i, k), factor.load(i, k)), "fsub")
                factor.store(function(b, "sqrt", rest), i, i)
                with b.loop(b.add(i, 1), size, hint="column") as column:
                    factor.store(number(b, 0, self.dtype), i, column.index)
        b.ret()
        return str(module)


@dataclass(frozen=True)
class EliminationKernel(KernelSpec):
    """The inverse of x, or with `inverse` false the pivots of its elimination, the first negated for an odd number of exchanges.

    A column without a pivot is passed over; the inverse then has the quotients by zero that come of it.

    args: x, result, scratch for a copy of x. Work items: matrices.
    """

    size: int
    inverse: bool = True
    dtype: str = "f32"

    @property
    def work(self) -> tuple[int, int]:
        """One item for each matrix."""
        return 1, 0

    def flops(self) -> int:
        """Returns two thirds of the size's cube, or three times that for an inverse."""
        return 2 * self.size**3 // (1 if self.inverse else 3)

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        size, kind = self.size, STORED[self.dtype]
        source, result, scratch = (b.load_pointer(b.argument(0), position) for position in (0, 1, 2))
        work = Matrix(b, scratch, size, self.dtype)
        one = number(b, 1, self.dtype)
        with b.loop(b.argument(2), b.argument(3), hint="matrix") as item:
            x = Matrix(b, b.gep(source, b.mul(item.index, size * size), kind), size, self.dtype)
            out = Matrix(b, b.gep(result, b.mul(item.index, size * size if self.inverse else size), kind), size, self.dtype)
            with b.loop(0, size, hint="row") as row, b.loop(0, size, hint="column") as column:
                work.store(x.load(row.index, column.index), row.index, column.index)
                if self.inverse:
                    unit = b.select(b.icmp("eq", row.index, column.index), one, number(b, 0, self.dtype))
                    out.store(unit, row.index, column.index)
            with b.loop(0, size, carried=[one], hint="step") as step:
                best = self._largest(b, work, step.index)
                self._exchange(b, work, step.index, best, step.index)
                if self.inverse:
                    self._exchange(b, out, step.index, best, 0)
                same = b.icmp("eq", best, step.index)
                step.carry([b.select(same, step.values[0], b.fbinary("fsub", number(b, -0.0, self.dtype), step.values[0]))])
                self._eliminate(b, work, out, step.index)
            if self.inverse:
                with b.loop(0, size, hint="row") as row, b.loop(0, size, hint="column") as column:
                    scaled = b.fbinary("fdiv", out.load(row.index, column.index), work.load(row.index, row.index))
                    out.store(scaled, row.index, column.index)
            else:
                with b.loop(0, size, hint="row") as row:
                    out.store(work.load(row.index, row.index), 0, row.index)
                out.store(b.fbinary("fmul", out.load(0, 0), step.results[0]), 0, 0)
        b.ret()
        return str(module)

    def _largest(self, b: Builder, work: Matrix, step: Value) -> Value:
        """Returns the row, from `step` on, with the largest number in column `step`."""
        first = function(b, "fabs", work.load(step, step))
        with b.loop(b.add(step, 1), self.size, carried=[first, step], hint="row") as row:
            found = function(b, "fabs", work.load(row.index, step))
            larger = b.fcmp("ogt", found, row.values[0])
            row.carry([b.select(larger, found, row.values[0]), b.select(larger, row.index, row.values[1])])
        return row.results[1]

    def _exchange(self, b: Builder, matrix: Matrix, row: Value, other: Value, begin: Index) -> None:
        with b.loop(begin, self.size, hint="column") as column:
            j = column.index
            first, second = matrix.load(row, j), matrix.load(other, j)
            matrix.store(second, row, j)
            matrix.store(first, other, j)

    def _eliminate(self, b: Builder, work: Matrix, out: Matrix, step: Value) -> None:
        """Subtracts multiples of the pivot's row from the others, of an inverse from all, else from those below."""
        pivot = work.load(step, step)
        zero = number(b, 0, self.dtype)
        with b.loop(0 if self.inverse else b.add(step, 1), self.size, hint="row") as row:
            i = row.index
            quotient = b.fbinary("fdiv", work.load(i, step), pivot)
            skipped = b.icmp("eq", i, step)
            if not self.inverse:
                skipped = b.define(I1, f"or {skipped}, {b.fcmp('oeq', pivot, zero).name}")
            factor = b.select(skipped, zero, quotient)
            with b.loop(step, self.size, hint="column") as column:
                j = column.index
                work.store(b.fbinary("fsub", work.load(i, j), b.fbinary("fmul", factor, work.load(step, j))), i, j)
            if self.inverse:
                with b.loop(0, self.size, hint="column") as column:
                    j = column.index
                    out.store(b.fbinary("fsub", out.load(i, j), b.fbinary("fmul", factor, out.load(step, j))), i, j)

