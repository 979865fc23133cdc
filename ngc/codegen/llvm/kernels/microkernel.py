"""The one micro-kernel generator: a tile of accumulators in registers, fed by broadcasts of the input and vectors of packed weights.

A tile holds `pixels x vectors` accumulators as SSA phis. Every step of the reduction loads `vectors` vectors of weights, which stream through memory
in exactly the order of the steps, and broadcasts one input element for every pixel. Where a step finds its input is a constant offset from a pointer,
so convolutions of any kernel, stride and dilation, dense layers and batched products differ in their offsets only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.kernels.dot import DotOp
from ngc.codegen.llvm.text import I64, Builder, Index, Value, vector

MAX_UNROLL = 8
"""At 16 steps the scheduler hoists loads until accumulators spill."""


CACHE_LINE = 64


def tap_pairs(width: int) -> list[tuple[int, int]]:
    """Returns the pairs that the taps of a row of two or more make, as (first tap, how many of the two count).

    They pair up from the left. The last of an odd number pairs with the one before it, under a weight of zero there: behind it lies what is no part of the
    window, and might be NaN.
    """
    return [(tap, 2) for tap in range(0, width - 1, 2)] + [(width - 2, 1)] * (width % 2)


def first_taps(width: int, paired: bool) -> list[int]:
    """Returns the taps of a row at which its steps begin: all of them, or the first of each pair."""
    return [first for first, _ in tap_pairs(width)] if paired else list(range(width))


@dataclass(frozen=True)
class Nest:
    """A part of the reduction: for every block, for every start, the unrolled steps.

    The input of a step lies at `block * block_stride + starts[i] + steps[u]` elements from the pixel; weights follow each other without gaps.
    """

    blocks: int
    block_stride: int
    starts: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def depth(self) -> int:
        """Number of steps altogether."""
        return self.blocks * len(self.starts) * len(self.steps)


def depths(channels: int, unroll: int) -> list[int]:
    """Returns how the channels of a block are split so that every part is a body, or bodies, of at most `unroll` steps."""
    whole = channels // unroll * unroll
    return [part for part in (whole, channels - whole) if part]


def unrolled(blocks: int, block_stride: int, taps: Sequence[int], depth: int, unroll: int, per_lane: int = 1) -> list[Nest]:
    """Returns the nest of `blocks x taps x depth` steps, whose weights lie in this order; `depth` is one of `depths`."""
    if not blocks or not taps or not depth:
        return []
    if depth == 1:  # single channels: the steps run along the taps
        return [_along_taps(blocks, block_stride, taps, unroll)]
    channels = tuple(range(0, depth * per_lane, per_lane))
    body = min(depth, unroll)
    starts = tuple(tap + channels[c] for tap in taps for c in range(0, depth, body))
    return [Nest(blocks, block_stride, starts, channels[:body])]


def _along_taps(blocks: int, block_stride: int, taps: Sequence[int], unroll: int) -> Nest:
    """Returns the nest of single-channel blocks: the longest run of taps that repeats at other offsets is the body."""
    for size in range(min(unroll, len(taps)), 0, -1):
        if len(taps) % size:
            continue
        groups = [taps[i:i + size] for i in range(0, len(taps), size)]
        relative = {tuple(t - group[0] for t in group) for group in groups}
        if len(relative) == 1:
            return Nest(blocks, block_stride, tuple(group[0] for group in groups), relative.pop())
    raise AssertionError("a run of one tap always repeats")


def emit_tile(b: Builder, dot: DotOp, lanes: int, pixels: Sequence[int], vectors: int, nests: Sequence[Nest], x: Value, w: Value,
              prefetch: int = 0, start: Sequence[Value] = ()) -> list[list[Value]]:
    """Emits the whole reduction of one tile; returns the accumulators as [vector][pixel].

    Args:
        b: where to emit.
        dot: the dot operation.
        lanes: lanes of an accumulator.
        pixels: offset of each pixel from `x`, in elements.
        vectors: vectors of output channels.
        nests: the reduction, in the order of the packed weights.
        x: points at the first pixel's first element.
        w: points at the panel of weights.
        prefetch: how many bytes ahead weights are asked for; 0 for not at all.
        start: what the accumulators of each vector hold before the first step; zero where not given.
    """
    tile = _Tile(b, dot, lanes, tuple(pixels), vectors, prefetch)
    first = start or [dot.zero(lanes)] * vectors
    state = [w, *(first[v] for v in range(vectors) for _ in pixels)]
    for nest in nests:
        state = tile.run(nest, x, state)
    accumulators = state[1:]
    return [accumulators[v * len(pixels):(v + 1) * len(pixels)] for v in range(vectors)]


def start_vectors(b: Builder, dot: DotOp, lanes: int, offsets: Value, block: Index, vectors: int) -> list[Value]:
    """Returns what the accumulators of the vectors from number `block` on start with, from an array with one entry for each output channel."""
    kind = vector(lanes, dot.accumulator)
    return [b.load(kind, b.gep(offsets, b.add(block, v), kind)) for v in range(vectors)]


@dataclass
class _Tile:
    """What the loops of one tile share. The state that loops carry is the weight pointer and the accumulators, vector by vector."""

    b: Builder
    dot: DotOp
    lanes: int
    pixels: tuple[int, ...]
    vectors: int
    prefetch: int

    def run(self, nest: Nest, x: Value, state: list[Value]) -> list[Value]:
        """Returns the state after a nest."""
        if nest.blocks == 1:
            return self._starts(nest, x, state)
        with self.b.loop(0, nest.blocks, carried=state, hint="block") as loop:
            at = self._gep(x, self.b.mul(loop.index, nest.block_stride))
            loop.carry(self._starts(nest, at, list(loop.values)))
        return loop.results

    def _starts(self, nest: Nest, x: Value, state: list[Value]) -> list[Value]:
        if len(nest.starts) == 1:
            return self._body(nest, self._gep(x, nest.starts[0]), state)
        with self.b.loop(0, len(nest.starts), carried=state, hint="start") as loop:
            at = self._gep(x, self._start(nest.starts, loop.index))
            loop.carry(self._body(nest, at, list(loop.values)))
        return loop.results

    def _start(self, starts: tuple[int, ...], index: Value) -> Index:
        """Returns starts[index]: computed where they are evenly spaced, else from a table."""
        pitch = starts[1] - starts[0]
        if starts == tuple(starts[0] + pitch * i for i in range(len(starts))):
            return self.b.add(self.b.mul(index, pitch), starts[0])
        table = self.b.module.constant_array(I64, starts)
        return self.b.load(I64, self.b.gep(table, index, I64), align=8)

    def _body(self, nest: Nest, x: Value, state: list[Value]) -> list[Value]:
        b, dot, count = self.b, self.dot, len(self.pixels)
        w, accumulators = state[0], state[1:]
        pitch = self.lanes * dot.per_lane
        for u, step in enumerate(nest.steps):
            weights = []
            for v in range(self.vectors):
                at = self._gep(w, (u * self.vectors + v) * pitch)
                if self.prefetch and (u * self.vectors + v) * self.lanes * 4 % CACHE_LINE == 0:
                    b.prefetch(b.gep(at, self.prefetch, "i8"))
                weights.append(dot.weights(b, at, self.lanes))
            for m, pixel in enumerate(self.pixels):
                value = dot.broadcast(b, self._gep(x, pixel + step), self.lanes)
                for v in range(self.vectors):
                    accumulators[v * count + m] = dot.emit(b, accumulators[v * count + m], value, weights[v])
        return [self._gep(w, len(nest.steps) * self.vectors * pitch), *accumulators]

    def _gep(self, base: Value, offset: Index) -> Value:
        return self.b.gep(base, offset, self.dot.element)
