"""Tiles of plain rows: how rows are divided among tiles, and how a tile's accumulators reach memory through the steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.half import load_floats, store_floats
from ngc.codegen.llvm.kernels.quantized import as_floats
from ngc.codegen.llvm.kernels.site import lanes_below
from ngc.codegen.llvm.kernels.steps import Steps, before_store, is_cheap
from ngc.codegen.llvm.text import Builder, Index, Value, vector
from ngc.codegen.llvm.tiles import UNROLL, Split, Tile, most_pixels
from ngc.target import CpuTarget


def plan_rows(target: CpuTarget, vectors: int, parts: int = 1) -> Tile:
    """Returns the tile of rows by vectors of outputs that suits a target, for rows of so many vectors and operands in so many parts."""
    size = Split(vectors, 4 if target.registers == 32 else 2).size
    return Tile(min(12, most_pixels(target, size, parts)), 1, size, UNROLL if parts == 1 else 1)


def tile_heights(tile: Tile) -> list[int]:
    """Returns the numbers of rows that have a tile: the largest, and two small ones for what remains."""
    return sorted({tile.pixels, min(2, tile.pixels), 1}, reverse=True)


def each_tile(b: Builder, tile: Tile, low: Index, high: Index, body: Callable[[int, Index], None]) -> None:
    """Emits the loops over rows [low, high), one for each height of tile; `body` gets the height and the first row."""
    for height in tile_heights(tile):
        count = b.div(b.sub(high, low), height)
        with b.loop(0, count, hint="rows") as loop:
            body(height, b.add(low, b.mul(loop.index, height)))
        low = b.add(low, b.mul(count, height))


@dataclass
class RowSite:
    """The `Site` of a tile of plain rows; the last vector of a panel may reach past the row's end, where nothing is touched.

    Attributes:
        outputs: elements of a row.
        lanes: the vector width.
        dtype: of the result.
        pitch: elements from one row of the result to the next.
        row: the tile's first row.
        block: its first vector of outputs.
        vectors: of the panel.
    """

    b: Builder
    target: CpuTarget
    outputs: int
    lanes: int
    dtype: str
    pitch: Index
    row: Index
    block: Index
    vectors: int
    _mask: Value | None = None

    def channels(self, base: Value, vector_index: int) -> Value:
        """Returns the per-output values at `base` for a vector of the tile."""
        return self.b.load(vector(self.lanes), self.b.gep(base, self.b.mul(self.b.add(self.block, vector_index), self.lanes)))

    def shared(self, tensor: Geometry | None) -> bool:
        """Returns whether all rows meet the same values: never."""
        return False

    def load(self, base: Value, tensor: Geometry | None, vector_index: int, pixel: int) -> Value:
        """Returns the value of a tensor operand that meets a value of the tile."""
        at = self._address(base, tensor, vector_index, pixel)
        return load_floats(self.b, at, self._dtype(tensor), self.lanes, self.target, self._real_lanes(vector_index))

    def store(self, value: Value, base: Value, tensor: Geometry | None, vector_index: int, pixel: int) -> None:
        """Stores a value of the tile."""
        at = self._address(base, tensor, vector_index, pixel)
        store_floats(self.b, value, at, self._dtype(tensor), self.target, self._real_lanes(vector_index))

    def _dtype(self, tensor: Geometry | None) -> str:
        return self.dtype if tensor is None else tensor.dtype

    def _address(self, base: Value, tensor: Geometry | None, vector_index: int, pixel: int) -> Value:
        b, element = self.b, STORED[self._dtype(tensor)]
        pitch = self.pitch if tensor is None else tensor.stride_n
        first = b.gep(base, b.add(b.mul(self.row, pitch), b.mul(self.block, self.lanes)), element)
        return b.gep(first, b.add(b.mul(pixel, pitch), vector_index * self.lanes), element)

    def _real_lanes(self, vector_index: int) -> Value | None:
        """Returns the mask of the lanes that are outputs, or None where all are."""
        if not self.outputs % self.lanes or vector_index != self.vectors - 1:
            return None
        if self._mask is None:
            left = self.b.sub(self.outputs - (self.vectors - 1) * self.lanes, self.b.mul(self.block, self.lanes))
            self._mask = lanes_below(self.b, left, self.lanes)
        return self._mask


def finish_rows(site: RowSite, sums: Sequence[Sequence[Value]], steps: Sequence[StepSpec], args: Value, first: int, y: Value, exact: bool = False) -> None:
    """Emits the steps and the stores of a tile's accumulators, [vector][row]; the steps' operands start at argument `first`.

    Steps of many instructions are code for one row, in a loop over accumulators that were put on the stack.
    """
    b, height = site.b, len(sums[0])
    steps = before_store(steps, site.dtype)
    if is_cheap(steps):
        folded = Steps(b, steps, site, args, first, site.target, exact)
        for v in range(site.vectors):
            for r in range(height):
                site.store(folded.apply(as_floats(b, sums[v][r]), v, r), y, None, v, r)
        return
    kind = vector(site.lanes)
    stack = b.alloca(kind, site.vectors * height)
    for v in range(site.vectors):
        for r in range(height):
            b.store(as_floats(b, sums[v][r]), b.gep(stack, r * site.vectors + v, kind), align=4 * site.lanes)
    with b.loop(0, height, hint="r") as loop:
        row = RowSite(b, site.target, site.outputs, site.lanes, site.dtype, site.pitch, b.add(site.row, loop.index), site.block, site.vectors)
        folded = Steps(b, steps, row, args, first, site.target, exact)
        for v in range(site.vectors):
            value = b.load(kind, b.gep(stack, b.add(b.mul(loop.index, site.vectors), v), kind), align=4 * site.lanes)
            row.store(folded.apply(value, v, 0), y, None, v, 0)
