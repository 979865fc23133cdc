"""Chooses the tile of Winograd's products: what a core does in a cycle, and how evenly the work falls into halves."""

from collections.abc import Iterator

from ngc.codegen.llvm.tiles import UNROLL, Split, Tile, cheapest, most_pixels
from ngc.target import CpuTarget

_LATENCY = 8
"""Accumulators that keep the multiply-adds of a core busy."""


def product_cycles(tiles: Split, panels: Split, depth: int) -> float:
    """Returns the modelled cycles of the products of one position for one image, in vector multiply-adds at their full rate."""
    return sum(p * v and count * share * _step(p, v, depth)
               for p, count in ((tiles.size, tiles.wide), (tiles.size - 1, tiles.parts - tiles.wide))
               for v, share in ((panels.size, panels.wide), (panels.size - 1, panels.parts - panels.wide)))


def _step(pixels: int, vectors: int, depth: int) -> float:
    """Returns the cycles of one tile of accumulators: its reduction, its stores (one takes two cycles) and its call.

    Weights come from the second-level cache, each for `pixels` multiply-adds; inputs from the first.
    """
    step = max(pixels * vectors, pixels + vectors, _LATENCY) + 0.05 * pixels + 0.4 * vectors
    return depth * step + 2 * pixels * vectors + 40


def choose_product_tile(target: CpuTarget, tiles: int, blocks: int, depth: int) -> Tile:
    """Returns the accumulators for `tiles` tiles of an image and `blocks` vectors of output channels."""
    return cheapest(product_tiles(target, tiles, blocks, depth))


def product_tiles(target: CpuTarget, tiles: int, blocks: int, depth: int) -> Iterator[tuple[float, Tile]]:
    """Yields the accumulators that fit the registers with their modelled cost.

    An image is the least that a batch has, and two halves are the least that threads make of it: half of what the heavier half has too much counts as cost,
    however many threads there will be.
    """
    for vectors in range(1, min(6, blocks) + 1):
        for pixels in range(1, min(most_pixels(target, vectors), tiles) + 1):
            units, panels = Split(tiles, pixels), Split(blocks, vectors)
            if units.size != pixels or panels.size != vectors:
                continue
            cost = product_cycles(units, panels, depth) * (1 + (_imbalance(units, panels) - 1) / 2)
            yield cost, Tile(pixels, 1, vectors, UNROLL)


def _imbalance(units: Split, panels: Split) -> float:
    """Returns the work of the heavier half of the items, panel by panel, over half of the work."""
    items = [p * v for v in _parts(panels) for p in _parts(units)]
    half, total = sum(items[:len(items) // 2]), sum(items)
    return 2 * max(half, total - half) / total if len(items) > 1 else 2.0


def _parts(split: Split) -> list[int]:
    return [split.size] * split.wide + [split.size - 1] * (split.parts - split.wide)
