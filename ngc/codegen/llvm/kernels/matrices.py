"""Batches of matrices that lie anywhere: their strides, and how a panel of one is packed for the micro-kernel."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernels.elements import lanes_below, load, transpose
from ngc.codegen.llvm.kernels.expression import Extent, N
from ngc.codegen.llvm.text import FLOAT, I64, PTR, Builder, Index, Module, Value, vector
from ngc.target import CpuTarget


@dataclass(frozen=True)
class Matrices:
    """Element (i, j) of matrix number m lies at base + i*row + j*column, and for every digit of m, the last first, digit*stride.

    Attributes:
        row: elements from one row to the next.
        column: elements from one column to the next.
        batch: extent and stride of every digit of m; the first digit has no limit.
        base: where the first matrix begins.
    """

    row: Extent
    column: Extent
    batch: tuple[tuple[Extent, Extent], ...] = ()
    base: Extent = 0

    @property
    def fixed(self) -> tuple[int, int] | None:
        """The strides of rows and columns, None where they depend on the run's batch."""
        return (self.row, self.column) if isinstance(self.row, int) and isinstance(self.column, int) else None

    def offset(self, b: Builder, n: Value, number: Index) -> Index:
        """Returns where a matrix begins."""
        result = bound(b, n, self.base)
        for position in range(len(self.batch) - 1, -1, -1):
            extent, stride = self.batch[position]
            limit = bound(b, n, extent)
            digit = number if position == 0 else b.rem(number, limit)
            number = b.div(number, limit)
            result = b.add(result, b.mul(digit, bound(b, n, stride)))
        return result


def bound(b: Builder, n: Value, extent: Extent) -> Index:
    """Returns an extent or stride at run time."""
    return b.mul(n, extent.coefficient) if isinstance(extent, N) else extent


_PACK_PARAMETERS = ((PTR, "source"), (PTR, "packed"), (I64, "row"), (I64, "column"), (I64, "left"))


def emit_pack(module: Module, target: CpuTarget, name: str, matrices: Matrices, depth: int, lanes: int, vectors: int) -> str:
    """Emits the function that packs `depth` rows of a panel of `vectors` vectors of columns as the micro-kernel reads them; returns its name.

    The function takes the panel's first element, where to pack it, the two strides, and how many columns are left. Lanes behind the last column repeat it:
    they are computed and never stored.
    """
    b = module.function(name, _PACK_PARAMETERS, linkage="internal", attributes=module.functions[0].attributes)
    source, packed, row, column, left = (b.argument(i) for i in range(len(_PACK_PARAMETERS)))
    if matrices.column == 1:
        _pack_rows(b, source, packed, row, left, depth, lanes, vectors)
    elif matrices.row == 1 and lanes > 1:
        _pack_columns(b, source, packed, column, left, depth, lanes, vectors)
    else:
        with b.loop(0, depth, hint="k") as k, b.loop(0, lanes * vectors, hint="j") as j:
            at = b.add(b.mul(k.index, row), b.mul(b.smin(j.index, b.sub(left, 1)), column))
            b.store(b.load(FLOAT, b.gep(source, at)), b.gep(packed, b.add(b.mul(k.index, lanes * vectors), j.index)))
    b.ret()
    return f"@{name}"


def _pack_rows(b: Builder, source: Value, packed: Value, row: Value, left: Value, depth: int, lanes: int, vectors: int) -> None:
    """Copies rows, which lie as they are read; the last vector may be cut off."""
    whole = b.icmp("sge", left, lanes * vectors)
    for masked in (False, True):
        condition = b.define("i1", f"xor {whole}, true") if masked else whole
        with b.when(condition):
            masks = [lanes_below(b, b.sub(left, v * lanes), lanes) if masked else None for v in range(vectors)]
            with b.loop(0, depth, hint="k") as k:
                at, to = b.gep(source, b.mul(k.index, row)), b.gep(packed, b.mul(k.index, lanes * vectors))
                for v, mask in enumerate(masks):
                    b.store(load(b, b.gep(at, v * lanes), "f32", lanes, mask), b.gep(to, v * lanes), 4)


def _pack_columns(b: Builder, source: Value, packed: Value, column: Value, left: Value, depth: int, lanes: int, vectors: int) -> None:
    """Turns squares of columns, which lie as rows, in registers."""
    with b.loop(0, vectors, hint="v") as v:
        first = b.mul(v.index, lanes)
        columns = [b.gep(source, b.mul(b.smin(b.add(first, j), b.sub(left, 1)), column)) for j in range(lanes)]
        to = b.gep(packed, first)

        def square(at: Index, count: int) -> None:
            mask = lanes_below(b, count, lanes) if count < lanes else None
            turned = transpose(b, [load(b, b.gep(pointer, at), "f32", lanes, mask) for pointer in columns])
            for i in range(count):
                b.store(turned[i], b.gep(to, b.mul(b.add(at, i), lanes * vectors)), 4)

        whole = depth // lanes * lanes
        if whole:
            with b.loop(0, whole, lanes, hint="k") as k:
                square(k.index, lanes)
        if depth % lanes:
            square(whole, depth % lanes)


def copy_rows(b: Builder, source: Value, row: Index, column: Index, target: Value, rows: Index, width: int, lanes: int, factor: float) -> None:
    """Emits the copy of rows times a factor to rows that lie side by side without gaps."""
    with b.loop(0, rows, hint="r") as r:
        at, to = b.gep(source, b.mul(r.index, row)), b.gep(target, b.mul(r.index, width))

        def move(position: Index, count: int) -> None:
            value = b.load(vector(count), b.gep(at, b.mul(position, column)))
            b.store(b.fbinary("fmul", value, b.constant(value.type, factor)), b.gep(to, position))

        whole = width // lanes * lanes if column == 1 else 0
        if whole:
            with b.loop(0, whole, lanes, hint="i") as i:
                move(i.index, lanes)
        if whole < width:
            with b.loop(whole, width, hint="i") as i:
                move(i.index, 1)
