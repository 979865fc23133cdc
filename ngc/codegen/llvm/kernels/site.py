"""Where the accumulators of a tile go in blocked tensors, and the code that takes them there through the steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ngc.codegen.llvm.kernel import Geometry, Spatial, StepSpec
from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.half import load_floats, store_floats
from ngc.codegen.llvm.kernels.quantized import as_floats, fours_to_u8, runs_of_fours, stores_fours
from ngc.codegen.llvm.kernels.steps import Steps, before_store, is_cheap
from ngc.codegen.llvm.text import I32, Builder, Index, Value, element_of, vector
from ngc.target import CpuTarget


@dataclass(frozen=True)
class BlockedTile:
    """A tile of `rows x width` outputs of `vectors` channel blocks: its place counts computed outputs, `step` and `origin` place those in `y`."""

    y: Geometry
    image: Index
    block: Index
    place: tuple[Index, Index, Index]
    step: Spatial
    origin: tuple[Index, Index, Index]
    rows: int
    width: int
    vectors: int


def finish_tile(b: Builder, target: CpuTarget, tile: BlockedTile, accumulators: Sequence[Sequence[Value]], steps: Sequence[StepSpec],
                args: Value, first: int, output: int = 2, exact: bool = False) -> None:
    """Emits the steps and the stores of a tile's accumulators, [vector][pixel] of f32 or i32; operands start at `first`, the tile goes to argument
    `output`. Around i32, u8 and where it is `exact`, every operation is rounded for itself."""
    y, count = b.load_pointer(args, output), tile.rows * tile.width
    steps = before_store(steps, tile.y.dtype)
    exact = exact or tile.y.dtype == "u8" or element_of(accumulators[0][0].type) == I32
    if is_cheap(steps):
        site = BlockedSite(b, target, tile, [(r, c) for r in range(tile.rows) for c in range(tile.width)])
        folded = Steps(b, steps, site, args, first, target, exact)
        for v in range(tile.vectors):
            values: dict[int, Value] = {}
            for run in site.runs(tile.y):
                values |= {m: folded.apply(as_floats(b, accumulators[v][m]), v, m) for m in run if m not in values}
                site.store_run([values[m] for m in run], y, tile.y, v, run[0])
        return
    lanes = tile.y.block  # code for one pixel, in a loop over accumulators that were put on the stack
    kind = vector(lanes)
    stack = b.alloca(kind, tile.vectors * count)
    for v in range(tile.vectors):
        for m in range(count):
            b.store(as_floats(b, accumulators[v][m]), b.gep(stack, v * count + m, kind), align=4 * lanes)
    with b.loop(0, tile.rows, hint="r") as r, b.loop(0, tile.width, hint="c") as c:
        site = BlockedSite(b, target, tile, [(r.index, c.index)])
        folded = Steps(b, steps, site, args, first, target, exact)
        at = b.add(b.mul(r.index, tile.width), c.index)
        for v in range(tile.vectors):
            value = b.load(kind, b.gep(stack, b.add(at, v * count), kind), align=4 * lanes)
            site.store(folded.apply(value, v, 0), y, tile.y, v, 0)


@dataclass
class BlockedSite:
    """The `Site` of a blocked tile; `pixels` are (row, column) in the tile."""

    b: Builder
    target: CpuTarget
    tile: BlockedTile
    pixels: Sequence[tuple[Index, Index]]
    _bases: dict[tuple[str, Geometry], Value] = field(default_factory=dict)
    _mask: Value | None = None

    def channels(self, base: Value, vector_index: int) -> Value:
        """Returns the per-channel values at `base` for a vector of the tile."""
        lanes = self.tile.y.block
        at = self.b.gep(base, self.b.mul(self.b.add(self.tile.block, vector_index), lanes))
        return self.b.load(vector(lanes), at)

    def shared(self, tensor: Geometry | None) -> bool:
        """Returns whether all pixels of the tile meet the same values of a tensor operand."""
        return _given(tensor).spatial == (1, 1, 1) != self.tile.y.spatial

    def load(self, base: Value, tensor: Geometry | None, vector_index: int, pixel: int) -> Value:
        """Returns the value of a tensor operand that meets a value of the tile."""
        place = _given(tensor)
        return load_floats(self.b, self._address(base, place, vector_index, pixel), place.dtype, self.tile.y.block, self.target)

    def store(self, value: Value, base: Value, tensor: Geometry | None, vector_index: int, pixel: int) -> None:
        """Stores a value of the tile; padding lanes become zero."""
        place = _given(tensor)
        store_floats(self.b, self._cleared(value, vector_index), self._address(base, place, vector_index, pixel), place.dtype, self.target)

    def runs(self, tensor: Geometry) -> list[range]:
        """Returns the tile's pixels in runs that are stored together: fours that lie side by side where one vector holds their bytes."""
        width = self.tile.width
        runs = runs_of_fours(width, stores_fours(tensor.dtype, tensor.block, self.target) and self.tile.step[2] == 1)
        return [range(row + run.start, row + run.stop) for row in range(0, len(self.pixels), width) for run in runs]

    def store_run(self, values: Sequence[Value], base: Value, tensor: Geometry, vector_index: int, pixel: int) -> None:
        """Stores the values of a run that begins at a pixel; padding lanes become zero."""
        if len(values) == 1:
            self.store(values[0], base, tensor, vector_index, pixel)
            return
        values = [self._cleared(value, vector_index) for value in values]
        self.b.store(fours_to_u8(self.b, values), self._address(base, tensor, vector_index, pixel), align=1)

    def _cleared(self, value: Value, vector_index: int) -> Value:
        """Returns a value with zero in the lanes that are no channels of the output."""
        if self.tile.y.channels % self.tile.y.block and vector_index == self.tile.vectors - 1:
            return self.b.select(self._real_lanes(), value, self.b.constant(value.type, 0.0))
        return value

    def _address(self, base: Value, tensor: Geometry, vector_index: int, pixel: int) -> Value:
        b, key, offset, element = self.b, (base.name, tensor), vector_index * tensor.block_stride, STORED[tensor.dtype]
        if key not in self._bases:
            self._bases[key] = b.gep(base, self._corner(tensor), element)
        if self.shared(tensor):
            return b.gep(self._bases[key], offset, element)
        row, column = self.pixels[pixel]
        _, row_pitch, pitch = (step * stride for step, stride in zip(self.tile.step, tensor.strides, strict=True))
        moved = b.add(b.mul(row, row_pitch), b.mul(column, pitch))
        return b.gep(self._bases[key], b.add(moved, offset), element)

    def _corner(self, tensor: Geometry) -> Index:
        """Returns the offset of the tile's first value."""
        b, tile = self.b, self.tile
        offset = b.add(b.mul(tile.image, tensor.stride_n), b.mul(tile.block, tensor.block_stride))
        offset = b.add(offset, tensor.origin)
        if self.shared(tensor):
            return offset
        for index, first, step, stride in zip(tile.place, tile.origin, tile.step, tensor.strides, strict=True):
            offset = b.add(b.add(offset, b.mul(index, step * stride)), b.mul(first, stride))
        return offset

    def _real_lanes(self) -> Value:
        """Returns the mask of the lanes of the tile's last vector that are channels of the output."""
        if self._mask is None:
            left = self.b.sub(self.tile.y.channels - (self.tile.vectors - 1) * self.tile.y.block,
                              self.b.mul(self.tile.block, self.tile.y.block))
            self._mask = lanes_below(self.b, left, self.tile.y.block)
        return self._mask


def lanes_below(b: Builder, count: Index, lanes: int) -> Value:
    """Returns the mask of the lanes whose number is less than `count`, which may exceed the lanes."""
    limit = Value(I32, str(count)) if isinstance(count, int) else b.cast("trunc", count, I32)
    numbers = f"<{', '.join(f'i32 {lane}' for lane in range(lanes))}>"
    return b.define(vector(lanes, "i1"), f"icmp slt {vector(lanes, I32)} {numbers}, {b.splat(limit, lanes).name}")


def _given(tensor: Geometry | None) -> Geometry:
    if tensor is None:
        raise ValueError("a step on a blocked tensor needs the tensor's geometry")
    return tensor
