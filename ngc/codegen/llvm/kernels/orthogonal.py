"""LQ factorization and eigenvectors of small matrices.

Householder's reflections, signed as LAPACK's larfg signs them, and Jacobi's rotations, row by row: Golub and Van Loan, Matrix Computations, 5.1 and 8.5.
"""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.small_matrices import Matrix, function, number, products
from ngc.codegen.llvm.text import Builder, Index, Value
from ngc.target import CpuTarget

SWEEPS = 12
"""Jacobi's method converges quadratically once off-diagonal elements are small: matrices of a hundred rows take seven or eight sweeps in f64."""


@dataclass(frozen=True)
class LqKernel(KernelSpec):
    """Q with orthonormal rows and L with L Q = x, of `rows` by `columns`, no more rows than columns.

    args: x, Q, L, scratch for a copy of x and a number for each row. Work items: matrices.
    """

    rows: int
    columns: int
    dtype: str = "f32"

    @property
    def work(self) -> tuple[int, int]:
        """One item for each matrix."""
        return 1, 0

    def flops(self) -> int:
        """Returns four operations for each reflection, row and column, for L and for Q."""
        return 6 * self.rows**2 * self.columns

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        rows, columns, kind = self.rows, self.columns, STORED[self.dtype]
        source, orthogonal, triangle, scratch = (b.load_pointer(b.argument(0), position) for position in range(4))
        work = Matrix(b, scratch, columns, self.dtype)
        factors = Matrix(b, b.gep(scratch, rows * columns, kind), rows, self.dtype)
        with b.loop(b.argument(2), b.argument(3), hint="matrix") as item:
            x, q = (Matrix(b, b.gep(pointer, b.mul(item.index, rows * columns), kind), columns, self.dtype) for pointer in (source, orthogonal))
            lower = Matrix(b, b.gep(triangle, b.mul(item.index, rows * rows), kind), rows, self.dtype)
            zero, one = number(b, 0, self.dtype), number(b, 1, self.dtype)
            with b.loop(0, rows, hint="row") as row, b.loop(0, columns, hint="column") as column:
                work.store(x.load(row.index, column.index), row.index, column.index)
                q.store(b.select(b.icmp("eq", row.index, column.index), one, zero), row.index, column.index)
            with b.loop(0, rows, hint="row") as row:
                self._reflector(b, work, factors, row.index)
                self._reflect(b, work, work, factors, row.index, b.add(row.index, 1))
            with b.loop(0, rows, hint="row") as row, b.loop(0, rows, hint="column") as column:
                kept = b.icmp("sle", column.index, row.index)
                lower.store(b.select(kept, work.load(row.index, column.index), zero), row.index, column.index)
            with b.loop(0, rows, hint="row") as row:
                self._reflect(b, q, work, factors, b.sub(rows - 1, row.index), 0)
        b.ret()
        return str(module)

    def _reflector(self, b: Builder, work: Matrix, factors: Matrix, i: Value) -> None:
        """Leaves in row i what reflects it onto its diagonal: there the diagonal's new value, behind it the vector, whose first component is one."""
        zero = number(b, 0, self.dtype)
        after = b.add(i, 1)
        alpha = work.load(i, i)
        tail = products(b, zero, after, self.columns, lambda j: (work.load(i, j), work.load(i, j)), "fadd")
        length = function(b, "sqrt", b.fbinary("fadd", tail, b.fbinary("fmul", alpha, alpha)))
        negative = b.fbinary("fsub", number(b, -0.0, self.dtype), length)
        flat = b.fcmp("oeq", tail, zero)
        beta = b.select(flat, alpha, b.select(b.fcmp("oge", alpha, zero), negative, length))
        factor = b.select(flat, zero, b.fbinary("fdiv", b.fbinary("fsub", beta, alpha), beta))
        divisor = b.select(flat, number(b, 1, self.dtype), b.fbinary("fsub", alpha, beta))
        with b.loop(after, self.columns, hint="column") as column:
            work.store(b.fbinary("fdiv", work.load(i, column.index), divisor), i, column.index)
        work.store(beta, i, i)
        factors.store(factor, 0, i)

    def _reflect(self, b: Builder, matrix: Matrix, work: Matrix, factors: Matrix, i: Index, begin: Index) -> None:
        """Reflects the rows of a matrix from `begin` on by the reflector of row i."""
        after = b.add(i, 1)
        with b.loop(begin, self.rows, hint="row") as row:
            r = row.index
            along = products(b, matrix.load(r, i), after, self.columns, lambda j: (work.load(i, j), matrix.load(r, j)), "fadd")
            amount = b.fbinary("fmul", factors.load(0, i), along)
            matrix.store(b.fbinary("fsub", matrix.load(r, i), amount), r, i)
            with b.loop(after, self.columns, hint="column") as column:
                j = column.index
                matrix.store(b.fbinary("fsub", matrix.load(r, j), b.fbinary("fmul", amount, work.load(i, j))), r, j)


@dataclass(frozen=True)
class EighKernel(KernelSpec):
    """The eigenvectors of symmetric matrices, one a row, with their largest component positive, and the eigenvalues in ascending order.

    args: x, of which the lower triangle is read, vectors, values, scratch for a copy of x. Work items: matrices.
    """

    size: int
    dtype: str = "f32"

    @property
    def work(self) -> tuple[int, int]:
        """One item for each matrix."""
        return 1, 0

    def flops(self) -> int:
        """Returns six operations for each of three vectors of each rotation."""
        return 9 * SWEEPS * self.size**3

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        size, kind = self.size, STORED[self.dtype]
        source, rows, numbers, scratch = (b.load_pointer(b.argument(0), position) for position in range(4))
        work = Matrix(b, scratch, size, self.dtype)
        with b.loop(b.argument(2), b.argument(3), hint="matrix") as item:
            start = b.mul(item.index, size * size)
            x, vectors = (Matrix(b, b.gep(pointer, start, kind), size, self.dtype) for pointer in (source, rows))
            values = Matrix(b, b.gep(numbers, b.mul(item.index, size), kind), size, self.dtype)
            zero, one = number(b, 0, self.dtype), number(b, 1, self.dtype)
            with b.loop(0, size, hint="row") as row, b.loop(0, size, hint="column") as column:
                i, j = row.index, column.index
                work.store(x.load(b.smax(i, j), b.smin(i, j)), i, j)
                vectors.store(b.select(b.icmp("eq", i, j), one, zero), i, j)
            with b.loop(0, SWEEPS, hint="sweep"), b.loop(0, size, hint="p") as p, b.loop(b.add(p.index, 1), size, hint="q") as q:
                self._rotate(b, work, vectors, p.index, q.index)
            with b.loop(0, size, hint="row") as row:
                values.store(work.load(row.index, row.index), 0, row.index)
            with b.loop(0, size, hint="row") as row:
                self._sort(b, values, vectors, row.index)
                self._sign(b, vectors, row.index)
        b.ret()
        return str(module)

    def _rotate(self, b: Builder, work: Matrix, vectors: Matrix, p: Value, q: Value) -> None:
        """Turns rows and columns p and q so that their element becomes zero: by the angle with the smaller of the two possible tangents."""
        zero, one = number(b, 0, self.dtype), number(b, 1, self.dtype)
        off = work.load(p, q)
        difference = b.fbinary("fsub", work.load(q, q), work.load(p, p))
        ratio = b.fbinary("fdiv", difference, b.fbinary("fadd", off, off))
        root = function(b, "sqrt", b.fbinary("fadd", b.fbinary("fmul", ratio, ratio), one))
        size = b.fbinary("fdiv", one, b.fbinary("fadd", function(b, "fabs", ratio), root))
        signed = b.select(b.fcmp("olt", ratio, zero), b.fbinary("fsub", zero, size), size)
        tangent = b.select(b.fcmp("oeq", off, zero), zero, signed)
        cosine = b.fbinary("fdiv", one, function(b, "sqrt", b.fbinary("fadd", b.fbinary("fmul", tangent, tangent), one)))
        sine = b.fbinary("fmul", tangent, cosine)
        turned = Matrix(b, work.pointer, self.size, self.dtype, transposed=True)
        for matrix in (work, turned, vectors):
            with b.loop(0, self.size, hint="k") as k:
                first, second = matrix.load(p, k.index), matrix.load(q, k.index)
                matrix.store(b.fbinary("fsub", b.fbinary("fmul", cosine, first), b.fbinary("fmul", sine, second)), p, k.index)
                matrix.store(b.fbinary("fadd", b.fbinary("fmul", sine, first), b.fbinary("fmul", cosine, second)), q, k.index)

    def _sort(self, b: Builder, values: Matrix, vectors: Matrix, i: Value) -> None:
        """Brings the smallest of the values from i on, and its vector, to place i."""
        with b.loop(b.add(i, 1), self.size, carried=[values.load(0, i), i], hint="place") as place:
            found = values.load(0, place.index)
            smaller = b.fcmp("olt", found, place.values[0])
            place.carry([b.select(smaller, found, place.values[0]), b.select(smaller, place.index, place.values[1])])
        smallest, at = place.results
        values.store(values.load(0, i), 0, at)
        values.store(smallest, 0, i)
        with b.loop(0, self.size, hint="column") as column:
            j = column.index
            first, second = vectors.load(i, j), vectors.load(at, j)
            vectors.store(second, i, j)
            vectors.store(first, at, j)

    def _sign(self, b: Builder, vectors: Matrix, i: Value) -> None:
        """Turns a vector round whose largest component is negative."""
        with b.loop(1, self.size, carried=[vectors.load(i, 0)], hint="column") as column:
            found, largest = vectors.load(i, column.index), column.values[0]
            column.carry([b.select(b.fcmp("ogt", function(b, "fabs", found), function(b, "fabs", largest)), found, largest)])
        largest = column.results[0]
        negative = b.fcmp("olt", largest, number(b, 0, self.dtype))
        with b.loop(0, self.size, hint="column") as column:
            value = vectors.load(i, column.index)
            vectors.store(b.select(negative, b.fbinary("fsub", number(b, -0.0, self.dtype), value), value), i, column.index)
