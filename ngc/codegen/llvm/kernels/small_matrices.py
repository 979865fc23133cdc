"""What kernels on small matrices share: elements by row and column, and sums of products.

Matrices of a batch are worked on side by side, one by one, in scalar code: what is factored in a network has a few rows. Products are rounded before they are
added, so that all instruction sets give the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ngc.codegen.llvm.kernels.elements import SIZES, STORED
from ngc.codegen.llvm.text import Builder, Index, Value, overload


@dataclass(frozen=True)
class Matrix:
    """A matrix in memory; `transposed` exchanges what rows and columns mean."""

    b: Builder
    pointer: Value
    row_stride: int
    dtype: str
    transposed: bool = False

    def at(self, row: Index, column: Index) -> Value:
        """Returns the address of an element."""
        first, second = (column, row) if self.transposed else (row, column)
        return self.b.gep(self.pointer, self.b.add(self.b.mul(first, self.row_stride), second), STORED[self.dtype])

    def load(self, row: Index, column: Index) -> Value:
        """Loads an element."""
        return self.b.load(STORED[self.dtype], self.at(row, column), SIZES[self.dtype])

    def store(self, value: Value, row: Index, column: Index) -> None:
        """Stores an element."""
        self.b.store(value, self.at(row, column), SIZES[self.dtype])


def products(b: Builder, start: Value, begin: Index, end: Index, factors: Callable[[Value], tuple[Value, Value]], operation: str) -> Value:
    """Returns start with the products of two factors over [begin, end) added to it (`fadd`) or subtracted from it (`fsub`), one by one."""
    with b.loop(begin, end, carried=[start]) as loop:
        first, second = factors(loop.index)
        loop.carry([b.fbinary(operation, loop.values[0], b.fbinary("fmul", first, second))])
    return loop.results[0]


def number(b: Builder, value: float, dtype: str) -> Value:
    """Returns a constant."""
    return b.constant(STORED[dtype], value)


def function(b: Builder, name: str, x: Value) -> Value:
    """Returns sqrt or fabs, which instruction sets have."""
    return b.intrinsic(f"llvm.{name}.{overload(x.type)}", x.type, x)
