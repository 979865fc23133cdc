"""The dense layer: plain rows times packed weights, with a tile of several rows and others for what remains, down to a single row.

A single row reads each weight once, in the order in which they lie, and so runs at the speed of memory; asking for weights ahead only slows it.
"""

from dataclasses import dataclass, replace
from typing import Any

from ngc.codegen.llvm.kernel import KernelSpec, StepSpec
from ngc.codegen.llvm.kernels.dot import PER_LANE, dot_of, has_dot
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.microkernel import Nest, depths, emit_tile, start_vectors, unrolled
from ngc.codegen.llvm.kernels.rows import RowSite, each_tile, finish_rows, plan_rows
from ngc.codegen.llvm.kernels.splits import by_size, split_start
from ngc.codegen.llvm.text import I64, PTR, Builder, Index, Module, Value
from ngc.codegen.llvm.tiles import ONE_PIXEL, Split, Tile
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_TILE_PARAMETERS = ((f"{PTR} noalias readonly", "args"), (PTR, "x"), (PTR, "w"), (I64, "row"), (I64, "block"))


@dataclass(frozen=True)
class DenseKernel(KernelSpec):
    """y[r, o] = sum over k of x[r, k] * w[o, k], for n * `rows` rows; `DenseKernel.plan` chooses the tile.

    Arguments: x, packed weights, y, with an offset the vector of i32, then the operands of the steps. A step's vector has one value per output, padded to
    whole vectors; its tensor is plain [rows, outputs] of y's dtype, or of its geometry's, whose `stride_n` then is its row pitch. Weights have the dtype of
    x, those of u8 data are i8; two neighbours of bf16 and four of u8 are multiplied at a time, so the inputs must be so many times a whole number.

    Attributes:
        inputs: elements of a row of x.
        outputs: elements of a row of y.
        lanes: the vector width.
        x_pitch: elements from one row of x to the next; `inputs` where None.
        y_pitch: the same of y.
        rows: rows of one image.
        steps: what is done to each output in registers.
        tile: `pixels` rows by `vectors` vectors of outputs.
        x_dtype: "f32", "bf16" or "u8".
        y_dtype: the same of y.
        offset: whether the sums of u8 data begin with an i32 of each output, padded to whole vectors, as those of `ConvKernel` may.
    """

    inputs: int
    outputs: int
    lanes: int
    x_pitch: int | None = None
    y_pitch: int | None = None
    rows: int = 1
    steps: tuple[StepSpec, ...] = ()
    tile: Tile = ONE_PIXEL
    x_dtype: str = "f32"
    y_dtype: str = "f32"
    offset: bool = False

    @classmethod
    def plan(cls, target: CpuTarget, **fields: Any) -> "DenseKernel":
        """Returns the kernel of the given fields with the tile that suits the target; a `tile` among the fields is kept."""
        draft = cls(lanes=target.lanes(), **fields)
        if not has_dot(draft.x_dtype, target):
            raise CodegenError(f"{target.name} has no dense layer of {draft.x_dtype} data")
        if draft.inputs % draft.per_lane:
            raise CodegenError(f"a dense layer of {draft.x_dtype} data takes a multiple of {draft.per_lane} inputs, not {draft.inputs}")
        if "tile" in fields:
            return draft
        return replace(draft, tile=plan_rows(target, -(-draft.outputs // draft.lanes), dot_of(draft.x_dtype, target).parts))

    @property
    def per_lane(self) -> int:
        """Elements of a row that meet in one lane of an accumulator."""
        return PER_LANE[self.x_dtype]

    @property
    def depth(self) -> int:
        """Steps of the reduction."""
        return self.inputs // self.per_lane

    @property
    def panels(self) -> Split:
        """How the vectors of outputs are split into panels."""
        return Split(-(-self.outputs // self.lanes), self.tile.vectors)

    @property
    def work(self) -> tuple[int, int]:
        """Work items: a row for one panel."""
        return self.rows * self.panels.parts, 0

    def flops(self) -> int:
        """Returns the floating-point operations of one image, an fma counted as two."""
        return 2 * self.rows * self.inputs * self.outputs

    @property
    def weight_size(self) -> int:
        """Words of the packed weights, four bytes each: a weight of f32, a pair of bf16, four of i8."""
        return self.depth * -(-self.outputs // self.lanes) * self.lanes

    def nests(self) -> list[Nest]:
        """Returns the reduction, in the order of the packed weights."""
        nests, first = [], 0
        for depth in depths(self.depth, self.tile.unroll):
            nests += unrolled(1, 0, [first], depth, self.tile.unroll, self.per_lane)
            first += depth * self.per_lane
        return nests

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        if self.lanes != target.lanes():
            raise CodegenError(f"dense layer in vectors of {self.lanes}; {target.name} has vectors of {target.lanes()}")
        module, b = self.open(target)
        args, n, begin, end = (b.argument(i) for i in range(4))
        rows = b.mul(n, self.rows)
        x, w = b.load_pointer(args, 0), b.load_pointer(args, 1)
        tiles: dict[tuple[int, int], str] = {}
        with b.when(b.icmp("slt", begin, end)):
            stop = b.add(b.div(b.sub(end, 1), rows), 1)
            with b.loop(b.div(begin, rows), stop, nonempty=True, hint="panel") as loop:
                first = b.mul(loop.index, rows)
                low, high = b.smax(b.sub(begin, first), 0), b.smin(b.sub(end, first), rows)
                block = split_start(b, self.panels, loop.index)
                panel = b.gep(w, b.mul(block, self.depth * self.lanes))

                def run(vectors: int) -> None:
                    self._rows(target, module, b, tiles, args, x, panel, low, high, block, vectors)

                by_size(b, self.panels, loop.index, run)
        b.ret()
        return str(module)

    def _rows(self, target: CpuTarget, module: Module, b: Builder, tiles: dict[tuple[int, int], str], args: Value, x: Value, w: Value,
              low: Index, high: Index, block: Index, vectors: int) -> None:
        """Emits the tiles of rows [low, high) of one panel."""

        def run(height: int, row: Index) -> None:
            if (height, vectors) not in tiles:
                tiles[height, vectors] = f"@{self._tile(target, module, height, vectors)}"
            at = b.gep(x, b.mul(row, self.x_pitch or self.inputs), STORED[self.x_dtype])
            b.call(tiles[height, vectors], args, at, w, row, block)

        each_tile(b, self.tile, low, high, run)

    def _tile(self, target: CpuTarget, module: Module, height: int, vectors: int) -> str:
        """Emits the function of one size of tile; returns its name."""
        name = f"tile_{height}x{vectors}"
        b = module.function(name, _TILE_PARAMETERS, linkage="internal", attributes=module.functions[0].attributes)
        args, x, w, row, block = (b.argument(i) for i in range(len(_TILE_PARAMETERS)))
        reads = [r * (self.x_pitch or self.inputs) for r in range(height)]
        dot = dot_of(self.x_dtype, target)
        start = start_vectors(b, dot, self.lanes, b.load_pointer(args, 3), block, vectors) if self.offset else []
        sums = emit_tile(b, dot, self.lanes, reads, vectors, self.nests(), x, w, start=start)
        site = RowSite(b, target, self.outputs, self.lanes, self.y_dtype, self.y_pitch or self.outputs, row, block, vectors)
        finish_rows(site, sums, self.steps, args, 3 + self.offset, b.load_pointer(args, 2), exact="u8" in (self.x_dtype, self.y_dtype))
        b.ret()
        return name
