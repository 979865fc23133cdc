"""Lists the kernels among which measuring decides: what the cost model picks, and what it may have ranked too low."""

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from ngc.codegen.llvm.choice import ConvSpec, CostModel, DirectSpec, describe
from ngc.codegen.llvm.kernels.conv import PREFETCH_BYTES, ConvKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.kernels.winograd_blocking import product_tiles
from ngc.codegen.llvm.kernels.winograd_cost import unsupported, winograd_of
from ngc.codegen.llvm.tiles import L1_BYTES, Split, Tile
from ngc.target import CpuTarget

_OTHER_TILES = 3
"""Direct tiles that are measured beside the chosen one."""

_WORTH_MEASURING = 1.3
"""How many times the cycles of the best tile another one may have by the model."""


def candidates(direct: DirectSpec, target: CpuTarget, numerics: str, images: int = 1) -> tuple[ConvSpec, ...]:
    """Returns about four to eight kernels of one convolution with different labels, the cost model's choice first."""
    specs: list[ConvSpec] = [CostModel(target, numerics).choose(direct, images).spec]
    if isinstance(direct, DepthwiseKernel):
        specs += _depthwise(direct, target)
    elif numerics == "fast" and unsupported(direct) is None:
        # Direct summation is rarely near: it stands for itself and for the best other tile.
        specs += [direct, *list(_other_tiles(direct, target))[:1], *_winograd(direct, target)]
    else:
        specs += [direct, *_other_orders(direct), *_other_tiles(direct, target)]
    unique: dict[str, ConvSpec] = {}
    for spec in specs:
        unique.setdefault(label(spec), spec)
    return tuple(unique.values())


def label(spec: ConvSpec) -> str:
    """Returns all that distinguishes the kernels of one convolution, for people and for records."""
    tile, text = spec.tile, describe(spec)
    if isinstance(spec, WinogradKernel):
        return f"{text} group {spec.group} chunk {spec.chunk}"
    text += f" unroll {tile.unroll} chunk {tile.chunk}"
    return text + " pixels first" * tile.pixels_first + f" prefetch {tile.prefetch}" * (tile.prefetch > 0)


def _other_tiles(direct: ConvKernel, target: CpuTarget) -> Iterator[ConvKernel]:
    """Yields the kernel with the best tile of each other number of vectors, and with the next best of its own, best first."""
    best: dict[int, tuple[float, Tile]] = {}
    for cycles, tile in direct.tiles(target):
        same = (tile.rows, tile.pixels, tile.vectors) == (direct.tile.rows, direct.tile.pixels, direct.tile.vectors)
        if not same and (tile.vectors not in best or cycles < best[tile.vectors][0]):
            best[tile.vectors] = cycles, tile
    ranked = sorted(best.values(), key=lambda item: item[0])
    for cycles, tile in ranked[:_OTHER_TILES]:
        if cycles <= ranked[0][0] * _WORTH_MEASURING:
            yield direct.ordered(tile)


def _other_orders(direct: ConvKernel) -> Iterator[ConvKernel]:
    """Yields the kernel with its work items in the other order, with and without prefetching, and with shorter items."""
    tile = direct.tile
    if not direct.prologue and len(direct.first_channels) > 1:
        yield replace(direct, tile=replace(tile, pixels_first=not tile.pixels_first))
    if direct.depth * tile.vectors * direct.y.block * 4 > L1_BYTES // 4:
        yield replace(direct, tile=replace(tile, prefetch=0 if tile.prefetch else PREFETCH_BYTES))
    if tile.chunk > 3:
        yield replace(direct, tile=replace(tile, chunk=-(-tile.chunk // 2)))


def _winograd(direct: ConvKernel, target: CpuTarget) -> Iterator[WinogradKernel]:
    """Yields F(4x4) and F(2x2) as planned, then F(4x4) with another grouping and with the best other tile."""
    planned = winograd_of(direct, target, 4)
    yield planned
    yield winograd_of(direct, target, 2)
    units = planned.grouped_by_units()
    other = planned.grouped_by_images() if planned == units else units
    if other is not None:
        yield other
    tiles = [item for item in product_tiles(target, prod(planned.grid), planned.y.blocks, planned.x.channels) if item[1] != planned.tile]
    if tiles:
        tile = min(tiles, key=lambda item: item[0])[1]
        yield winograd_of(direct, target, 4, tile=tile)


def _depthwise(direct: DepthwiseKernel, target: CpuTarget) -> Iterator[DepthwiseKernel]:
    """Yields the kernel with tiles of one to four rows, as wide as the registers allow."""
    room, (_, height, width) = direct.room(target), direct.y.spatial
    for rows in range(1, min(4, height, room) + 1):
        yield direct.tiled(target, Tile(Split(width, room // rows).size, rows, 1, unroll=1))
    yield direct.tiled(target, Tile(Split(width, max(1, room // 2)).size, 1, 1, unroll=1))
