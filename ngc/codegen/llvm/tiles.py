"""Chooses the tile of a convolution or dense layer from a small model of a core, never from the number of threads.

The model counts cycles of a tile: the multiply-adds, the loads that feed them, and the stores at the end. Spills are ruled out beforehand:
`pixels * vectors + vectors + 1` accumulators, weights and a broadcast must fit the vector registers.

Where no instruction multiplies integers as they lie in memory, each operand is widened into several `parts`, which all take registers and instructions.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ngc.target import CpuTarget

L1_BYTES, L2_BYTES = 32 << 10, 1 << 20
_MIN_ACCUMULATORS = 8
"""Latency of a multiply-add times how many start in a cycle, on processors with two such units."""


@dataclass(frozen=True)
class Tile:
    """How a kernel covers its output: accumulators of (rows * pixels) x vectors, `unroll` steps of the reduction in a loop body.

    `pixels` and `vectors` are maxima; a `Split` makes equal parts of them. `chunk` is how many tiles along a flattened plane make one work item,
    `pixels_first` puts all output channels of a stretch of pixels next to one another instead of all pixels of a panel of weights.
    """

    pixels: int
    rows: int
    vectors: int
    unroll: int
    chunk: int = 1
    pixels_first: bool = False
    prefetch: int = 0


ONE_PIXEL = Tile(1, 1, 1, 1)
"""The tile of a kernel that is not planned yet."""


@dataclass(frozen=True)
class Split:
    """A range cut into equal parts: the first `wide` have `size` elements, the others one less."""

    total: int
    largest: int

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-self.total // self.largest)

    @property
    def size(self) -> int:
        """Elements of a wide part."""
        return -(-self.total // self.parts)

    @property
    def wide(self) -> int:
        """Number of wide parts; the rest have `size - 1` elements."""
        return self.total - self.parts * (self.size - 1)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The distinct sizes, largest first."""
        return (self.size,) if self.wide == self.parts else (self.size, self.size - 1)


_MOST_PIXELS = 16
"""Beyond it more pixels save no loads, and 25x1 spills with the scheduling model of Skylake."""

_MOST_PIXELS_AARCH64 = 13
"""14x1 spills with the scheduling model of Neoverse."""

UNROLL = 4
"""Steps of the reduction in a loop body. Eight are no faster, take twice as long to compile, and on some processors' scheduling models let LLVM hoist
loads until full tiles spill."""


def registers_of(target: CpuTarget) -> int:
    """Returns how many accumulators, weights and broadcasts may live at once; without fma a product and its copy need registers too."""
    return target.registers if target.has_fma else target.registers - 3


def most_pixels(target: CpuTarget, vectors: int, parts: int = 1) -> int:
    """Returns the most pixels that a tile of `vectors` vectors may have without spilling: p * v + v + 1 registers, some less where LLVM needs it.

    Of operands in several parts a product and an input's parts take registers too; not even one pixel may fit then.
    """
    if parts > 1:
        spare, most = (12, 9) if target.arch == "aarch64" else (4, _MOST_PIXELS)
        return max(0, min((target.registers - spare) // vectors - parts, most))
    registers = registers_of(target)
    if target.arch == "aarch64":  # LLVM loads the inputs of two steps at once, so each pixel keeps one more register
        return min((registers - 2 - vectors) // (vectors + 1), _MOST_PIXELS_AARCH64)
    if registers == 32 and vectors > 2:
        registers = 30  # 9x3 spills with the scheduling model of Skylake
    return min((registers - 1 - vectors) // vectors, _MOST_PIXELS if target.has_fma else 4)


def is_tight(target: CpuTarget, pixels: int, vectors: int) -> bool:
    """Returns whether a tile fills 16 registers so far that LLVM spills accumulators in order to load for the next unrolled step early."""
    if target.registers > 16:
        return False
    return vectors == 1 and pixels > 10 if target.has_fma else pixels * vectors > 8


@lru_cache(maxsize=1024)
def modelled_tiles(target: CpuTarget, *, width: int, rows: int, blocks: int, depth: int, unroll: int = UNROLL,
                   parts: int = 1) -> tuple[tuple[float, Tile], ...]:
    """Returns the tiles that fit the registers with their modelled cycles for one image; networks repeat their layers.

    Args:
        target: the processor.
        width: output pixels along a row, or of the whole plane where it is flat.
        rows: output rows that a tile may span; 1 where the plane is flat.
        blocks: vectors of output channels (of one group).
        depth: steps of the reduction.
        unroll: steps in a loop body.
        parts: registers that an operand takes.
    """
    tiles: list[tuple[float, Tile]] = []
    for vectors in range(1, min(6, blocks) + 1):
        panels = Split(blocks, vectors)
        if panels.size != vectors:
            continue
        limit = most_pixels(target, vectors, parts)
        for pixels in range(1, min(limit, width) + 1):
            columns = Split(width, pixels)
            if columns.size != pixels:
                continue
            span = max(1, min(limit // pixels, rows)) if columns.parts == 1 else 1
            lines = Split(rows, span)
            cycles = 0.0
            for count, height in zip((lines.wide, lines.parts - lines.wide), (lines.size, lines.size - 1), strict=True):
                for number, length in zip((columns.wide, columns.parts - columns.wide), (pixels, pixels - 1), strict=True):
                    for share, size in zip((panels.wide, panels.parts - panels.wide), (vectors, vectors - 1), strict=True):
                        if count * number * share:
                            cycles += count * number * share * _tile_cycles(height * length, size, depth, target, parts)
            tiles.append((cycles, Tile(pixels, lines.size, vectors, 1 if is_tight(target, pixels * lines.size, vectors) else unroll)))
    return tuple(tiles)


def cheapest(tiles: Iterable[tuple[float, Tile]]) -> Tile:
    """Returns the tile with the fewest modelled cycles, of nearly equal ones the first."""
    best: tuple[float, Tile] | None = None
    for cycles, tile in tiles:
        if best is None or cycles < best[0] * 0.999:
            best = cycles, tile
    assert best is not None
    return best[1]


def _tile_cycles(pixels: int, vectors: int, depth: int, target: CpuTarget, parts: int) -> float:
    """Returns the modelled cycles of one tile, in units of a vector multiply-add at two a cycle."""
    products = pixels * vectors
    # Without AVX a broadcast is a load and a shuffle; AArch64 multiplies by one lane of a register.
    loads = pixels * (1 if target.vector_bits > 128 or target.arch == "aarch64" else 2) + vectors
    panel = depth * vectors * target.vector_bits // 8
    streamed = vectors * (2.0 if panel > L1_BYTES // 2 else 0.5) + pixels * 0.25
    # Of several parts each is a product and a sum, and each operand a load or broadcast that is taken apart.
    widened = 2 * parts * products + (parts + 1) * (pixels + vectors)
    step = (max(products, loads, _MIN_ACCUMULATORS) if parts == 1 else widened) + 0.15 * streamed
    return depth * step + 4 * products + 40


_LABEL = re.compile(r"^(\.L\w+):")
_JUMP = re.compile(r"^\s+(?:j\w+|b|b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+(\.L\w+)")
_CALL = re.compile(r"^\s+(?:call|blr?\s)")
_SPILL = re.compile(r"%[xyz]mm\d+.*\(%rsp\b|\(%rsp\b.*%[xyz]mm\d+|\bq\d+.*\[sp\b")


def spills_in_loop(assembly: str) -> int:
    """Returns how many vector registers are spilled or reloaded inside loops, in x86 assembly of AT&T syntax or in AArch64 assembly; loops with calls pass
    arguments there."""
    lines = assembly.splitlines()
    labels: dict[str, int] = {}
    inside: set[int] = set()
    for number, line in enumerate(lines):
        if found := _LABEL.match(line):
            labels[found.group(1)] = number
        elif (found := _JUMP.match(line)) and found.group(1) in labels:
            loop = range(labels[found.group(1)], number)
            if not any(_CALL.match(lines[i]) for i in loop):
                inside.update(loop)
    return sum(1 for number in inside if _SPILL.search(lines[number]))
