"""Products of matrices that are both data: a panel of b is packed where it is needed next, and rows of a are read where they lie."""

from dataclasses import dataclass, field, replace
from typing import Any

from ngc.codegen.llvm.kernel import KernelSpec, StepSpec
from ngc.codegen.llvm.kernels.dot import fma_dot
from ngc.codegen.llvm.kernels.expression import Extent, N
from ngc.codegen.llvm.kernels.matrices import Matrices, bound, emit_pack
from ngc.codegen.llvm.kernels.microkernel import Nest, depths, emit_tile, unrolled
from ngc.codegen.llvm.kernels.nest_loops import times
from ngc.codegen.llvm.kernels.rows import RowSite, each_tile, finish_rows, plan_rows
from ngc.codegen.llvm.kernels.splits import by_size, split_start
from ngc.codegen.llvm.text import I64, PTR, Builder, Index, Module
from ngc.codegen.llvm.tiles import ONE_PIXEL, Split, Tile
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_TILE_PARAMETERS = ((f"{PTR} noalias readonly", "args"), (PTR, "x"), (PTR, "w"), (PTR, "y"), (I64, "pitch"), (I64, "row"), (I64, "block"))


def reduction(depth: int, unroll: int, stride: int = 1) -> list[Nest]:
    """Returns the reduction over elements of a row that are `stride` apart, in the order of packed panels."""
    nests, first = [], 0
    for part in depths(depth, unroll):
        nests += unrolled(1, 0, [first], part, unroll)
        first += part
    return [Nest(nest.blocks, nest.block_stride, tuple(s * stride for s in nest.starts), tuple(s * stride for s in nest.steps)) for nest in nests]


@dataclass(frozen=True)
class MatmulKernel(KernelSpec):
    """y[m] = a[m] b[m] for a batch of matrices of f32 that lie anywhere; `MatmulKernel.plan` chooses the tile.

    Arguments: a, b, y, scratch memory of `scratch_bytes`, then the operands of the steps: a vector has one value per column, padded to whole vectors; with a
    tensor, which is plain [batch][rows][columns], y is so too. Columns of y lie side by side. Work items: rows of a panel of columns of a matrix.

    Attributes:
        batch: number of matrices.
        rows: of a and y; it or `batch` may be a multiple of the run's batch.
        depth: columns of a, rows of b.
        columns: of b and y.
        a: where the left matrices lie; their strides are known.
        b: where the right matrices lie.
        y: where the results lie.
        lanes: the vector width.
        steps: what is done to each result in registers.
        tile: `pixels` rows by `vectors` vectors of columns.
    """

    batch: Extent
    rows: Extent
    depth: int
    columns: int
    a: Matrices
    b: Matrices
    y: Matrices
    lanes: int
    steps: tuple[StepSpec, ...] = ()
    tile: Tile = field(default=ONE_PIXEL)

    @classmethod
    def plan(cls, target: CpuTarget, **fields: Any) -> "MatmulKernel":
        """Returns the kernel of the given fields with the tile that suits the target."""
        draft = cls(lanes=target.lanes(), **fields)
        if draft.a.fixed is None or draft.y.column != 1:
            raise CodegenError(f"a product of matrices reads rows at fixed strides and stores columns side by side, not {draft.a} and {draft.y}")
        return replace(draft, tile=plan_rows(target, -(-draft.columns // draft.lanes)))

    @property
    def panels(self) -> Split:
        """How the vectors of columns are split into panels."""
        return Split(-(-self.columns // self.lanes), self.tile.vectors)

    @property
    def scratch_bytes(self) -> int:
        """Bytes of one packed panel."""
        return 4 * self.depth * self.panels.size * self.lanes

    @property
    def work(self) -> tuple[int, int]:
        """Work items: a row of one panel of one matrix."""
        items = times(times(self.batch, self.rows), self.panels.parts)
        return (items.coefficient, 0) if isinstance(items, N) else (0, items)

    @property
    def has_tensors(self) -> bool:
        """Whether a step reads or stores a tensor."""
        return any(step.kind in ("add", "add_scaled", "multiply", "tee") for step in self.steps)

    def flops(self) -> int:
        """Returns the floating-point operations of one image, an fma counted as two."""
        rows = times(self.batch, self.rows)
        return 2 * (rows.coefficient if isinstance(rows, N) else rows) * self.depth * self.columns

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        if self.lanes != target.lanes():
            raise CodegenError(f"product of matrices in vectors of {self.lanes}; {target.name} has vectors of {target.lanes()}")
        module, b = self.open(target)
        _Emitter(self, target, module, b).emit()
        return str(module)


@dataclass
class _Emitter:
    """Emits one kernel: for each panel of each matrix that this thread has rows of, the packing, then its tiles."""

    kernel: MatmulKernel
    target: CpuTarget
    module: Module
    b: Builder
    tiles: dict[tuple[int, int], str] = field(default_factory=dict)

    def emit(self) -> None:
        """Emits the function."""
        b, kernel = self.b, self.kernel
        args, n, begin, end = (b.argument(i) for i in range(4))
        left, right, y, packed = (b.load_pointer(args, i) for i in range(4))
        rows, panels = bound(b, n, kernel.rows), kernel.panels
        with b.when(b.icmp("slt", begin, end)):
            stop = b.add(b.div(b.sub(end, 1), rows), 1)
            with b.loop(b.div(begin, rows), stop, nonempty=True, hint="panel") as loop:
                first = b.mul(loop.index, rows)
                low, high = b.smax(b.sub(begin, first), 0), b.smin(b.sub(end, first), rows)
                number, panel = b.div(loop.index, panels.parts), b.rem(loop.index, panels.parts)
                block = split_start(b, panels, panel)
                a_at = b.gep(left, kernel.a.offset(b, n, number))
                column = b.mul(block, kernel.lanes)
                row_stride, column_stride = bound(b, n, kernel.b.row), bound(b, n, kernel.b.column)
                b_at = b.gep(right, b.add(kernel.b.offset(b, n, number), b.mul(column, column_stride)))
                # Tensors of steps count rows through the whole batch, and so does y beside them.
                above = b.mul(number, rows) if kernel.has_tensors else 0
                y_at = y if kernel.has_tensors else b.gep(y, kernel.y.offset(b, n, number))
                pitch = kernel.columns if kernel.has_tensors else bound(b, n, kernel.y.row)  # of a single row y does not say one

                def run(vectors: int) -> None:
                    b.call(self._pack(vectors), b_at, packed, row_stride, column_stride, b.sub(kernel.columns, column))

                    def tile(height: int, row: Index) -> None:
                        at = b.gep(a_at, b.mul(row, bound(b, n, kernel.a.row)))
                        b.call(self._tile(height, vectors), args, at, packed, y_at, pitch, b.add(above, row), block)

                    each_tile(b, kernel.tile, low, high, tile)

                by_size(b, panels, panel, run)
        b.ret()

    def _pack(self, vectors: int) -> str:
        name = f"pack_{vectors}"
        if (0, vectors) not in self.tiles:
            self.tiles[0, vectors] = emit_pack(self.module, self.target, name, self.kernel.b, self.kernel.depth, self.kernel.lanes, vectors)
        return self.tiles[0, vectors]

    def _tile(self, height: int, vectors: int) -> str:
        """Returns the function of one size of tile, emitted once."""
        if (height, vectors) in self.tiles:
            return self.tiles[height, vectors]
        kernel, name = self.kernel, f"tile_{height}x{vectors}"
        b = self.module.function(name, _TILE_PARAMETERS, linkage="internal", attributes=self.module.functions[0].attributes)
        args, x, w, y, pitch, row, block = (b.argument(i) for i in range(len(_TILE_PARAMETERS)))
        strides = kernel.a.fixed
        assert strides is not None
        row_stride, column_stride = strides
        reads = [r * row_stride for r in range(height)]
        sums = emit_tile(b, fma_dot(self.target.has_fma), kernel.lanes, reads, vectors, reduction(kernel.depth, kernel.tile.unroll, column_stride), x, w)
        site = RowSite(b, self.target, kernel.columns, kernel.lanes, "f32", pitch, row, block, vectors)
        finish_rows(site, sums, kernel.steps, args, 4, y)
        b.ret()
        self.tiles[height, vectors] = f"@{name}"
        return self.tiles[height, vectors]
