"""Emits the two-dimensional transforms of a `WinogradKernel`: of a row of input tiles into scratch, of a row of products through the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngc.codegen.llvm.kernels.elements import STORED
from ngc.codegen.llvm.kernels.half import load_floats
from ngc.codegen.llvm.kernels.site import BlockedSite, BlockedTile, finish_tile
from ngc.codegen.llvm.kernels.steps import Steps, is_cheap
from ngc.codegen.llvm.kernels.winograd_algebra import TAPS, Transforms, algorithm, data_groups, result_groups
from ngc.codegen.llvm.text import I64, PTR, Builder, Value, vector
from ngc.target import CpuTarget

if TYPE_CHECKING:
    from ngc.codegen.llvm.kernels.winograd import WinogradKernel

INPUT_PARAMETERS = ((f"{PTR} noalias readonly", "x"), (f"{PTR} noalias", "to"), (I64, "count"))
"""The first tile's first input, where its first transformed value goes, and the number of tiles."""

OUTPUT_PARAMETERS = ((f"{PTR} noalias readonly", "args"), (f"{PTR} noalias readonly", "from"), (I64, "image"), (I64, "block"), (I64, "row"),
                     (I64, "column"), (I64, "count"))
"""The kernel's arguments, the first tile's first product, the place of its first output, and the number of tiles."""

FIRST_STEP = 4
"""Position of the steps' operands among the kernel's arguments."""


def emit_input(b: Builder, spec: WinogradKernel, target: CpuTarget, rows: int, columns: int) -> None:
    """Emits the transform of `count` tiles of one row and channel block, of which `rows x columns` outputs are wanted."""
    x, to, count = (b.argument(i) for i in range(3))
    lanes, extent = spec.x.block, algorithm(spec.size).extent
    _, row_pitch, pitch = (step * stride for step, stride in zip(spec.dilation, spec.x.strides, strict=True))
    transforms = Transforms(b, spec.size, target.has_fma)
    element = STORED[spec.x.dtype]

    def load(source: Value, row: int, column: int) -> Value:
        return load_floats(b, b.gep(source, row * row_pitch + column * pitch, element), spec.x.dtype, lanes, target)

    with b.loop(0, count, hint="tile") as loop:
        source = b.gep(x, b.mul(loop.index, spec.size * pitch), element)
        room = b.gep(to, b.mul(loop.index, lanes))
        for group in data_groups(spec.size, target.registers):
            lines: list[dict[int, Value | None]] = []
            for j in range(extent):
                inside = j < columns + TAPS - 1
                line = [load(source, i, j) if inside and i < rows + TAPS - 1 and _meets(spec.size, i, group) else None for i in range(extent)]
                lines.append(transforms.data(line, group))
            for i in group:
                across = transforms.data([line[i] for line in lines], range(extent))
                for j in range(extent):
                    value = across[j]
                    stored = Value(vector(lanes), "zeroinitializer") if value is None else value
                    b.store(stored, b.gep(room, (i * extent + j) * spec.input_pitch), align=4 * lanes)


def _meets(size: int, column: int, rows: tuple[int, ...]) -> bool:
    """Whether any of the rows of B^T has a coefficient in a column, so that the input is worth loading."""
    return any(algorithm(size).data[row][column] for row in rows)


def emit_output(b: Builder, spec: WinogradKernel, target: CpuTarget, rows: int, columns: int) -> None:
    """Emits the transform of the products of `count` tiles of one row and channel block into `rows x columns` outputs each."""
    args, source, image, block, row, column, count = (b.argument(i) for i in range(len(OUTPUT_PARAMETERS)))
    lanes, extent = spec.y.block, algorithm(spec.size).extent
    transforms = Transforms(b, spec.size, target.has_fma)
    groups = [tuple(r for r in group if r < rows) for group in result_groups(spec.size, target.registers)]
    with b.loop(0, count, hint="tile") as loop:
        at = b.gep(source, b.mul(loop.index, lanes))
        corner = (0, row, b.add(column, b.mul(loop.index, spec.size * spec.dilation[2])))
        tile = BlockedTile(spec.y, image, block, (0, 0, 0), spec.dilation, corner, rows, columns, 1)
        cheap = is_cheap(spec.steps)
        pixels = [(r, c) for r in range(rows) for c in range(columns)]
        site = BlockedSite(b, target, tile, pixels)
        folded = Steps(b, spec.steps, site, args, FIRST_STEP, target, exact=spec.y.dtype == "u8") if cheap else None
        y = b.load_pointer(args, 2)
        results: dict[tuple[int, int], Value] = {}
        for group in filter(None, groups):
            lines: list[dict[int, Value | None]] = []
            for j in range(extent):
                line = [b.load(vector(lanes), b.gep(at, (i * extent + j) * spec.product_pitch), align=4 * lanes)
                        if _reaches(spec.size, i, group) else None for i in range(extent)]
                lines.append(transforms.result(line, group))
            for r in group:
                across = transforms.result([line[r] for line in lines], range(columns))
                for c in range(columns):
                    value = across[c]
                    assert value is not None  # every output has products
                    if folded is None:
                        results[r, c] = value
                    else:
                        pixel = r * columns + c
                        site.store(folded.apply(value, 0, pixel), y, spec.y, 0, pixel)
        if folded is None:
            finish_tile(b, target, tile, [[results[pixel] for pixel in pixels]], spec.steps, args, FIRST_STEP)


def _reaches(size: int, column: int, rows: tuple[int, ...]) -> bool:
    """Whether any of the rows of A^T has a coefficient in a column."""
    return any(algorithm(size).result[row][column] for row in rows)
