"""The taps of a depthwise convolution of u8 as dot products of four neighbouring pixels.

`vpdpbusd` adds four products in each lane. Four neighbouring pixels lie side by side in memory, all channels of a block of the one before those of the next, so
one load and one permutation of bytes give each channel's lane its four. Such a window serves every output whose taps lie within it, under weights that are
moved to the bytes that they meet, zero in the others; no window begins before the tile's first input or ends behind its last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ngc.codegen.llvm.kernel import Geometry, Spatial
from ngc.codegen.llvm.kernels.depthwise_tile import DepthwiseTile
from ngc.codegen.llvm.kernels.dot import DotOp, u8_dot
from ngc.codegen.llvm.kernels.elements import shuffle
from ngc.codegen.llvm.text import I8, I32, Value, vector
from ngc.target import CpuTarget

WINDOW = 4
"""Pixels that meet in a lane."""

_HELD = 12
"""Vectors of weights, one for each place at which a group of taps is used, that stay in registers; a row of windows then serves all its outputs at once."""


def tap_groups(width: int) -> list[tuple[int, int]]:
    """Returns the groups of at most four that the taps of a row make, as (first tap, taps); their sizes differ by one at most."""
    count = -(-width // WINDOW)
    edges = [-(-width * i // count) for i in range(count + 1)]
    return [(edges[i], edges[i + 1] - edges[i]) for i in range(count)]


def reach(width: int, taps: int, stride: int) -> int:
    """Returns the pixels of a row that a tile's row of outputs reads."""
    return (width - 1) * stride + taps


def can_group(x: Geometry, kernel: Spatial, stride: Spatial, dilation: Spatial, widths: Sequence[int], target: CpuTarget) -> bool:
    """Returns whether a line's taps can be taken in fours by tiles of some widths: u8, the instruction, neighbouring taps, and tiles that read four pixels."""
    return x.dtype == "u8" and target.has_vnni and kernel[2] > 1 and dilation[2] == 1 and reach(min(widths), kernel[2], stride[2]) >= WINDOW


@dataclass(frozen=True)
class Meeting:
    """A group of taps that an output of a row meets within a window: its first tap lies `shift` pixels behind the window's first."""

    column: int
    group: int
    shift: int


def meetings(width: int, taps: int, stride: int) -> dict[int, list[Meeting]]:
    """Returns the windows of a row of outputs, by their first pixel, and which groups of taps are taken from each."""
    last = reach(width, taps, stride) - WINDOW
    wanted = sorted((column * stride + first, count, column, group) for column in range(width) for group, (first, count) in enumerate(tap_groups(taps)))
    windows: dict[int, list[Meeting]] = {}
    for start, count, column, group in wanted:
        fitting = (at for at in windows if at <= start and start + count <= at + WINDOW)
        at = next(fitting, min(start, last))
        windows.setdefault(at, []).append(Meeting(column, group, start - at))
    return windows


def holds_plane(kernel: Spatial, stride: Spatial, width: int) -> bool:
    """Returns whether the weights of a plane of taps, wherever a tile's row of outputs meets them, fit into registers."""
    places = {(meeting.group, meeting.shift) for window in meetings(width, kernel[2], stride[2]).values() for meeting in window}
    return kernel[1] * len(places) <= _HELD


@dataclass(frozen=True)
class Fours(DepthwiseTile):
    """A tile in which windows of four pixels meet the outputs of their row under shifted weights, which are loaded once."""

    _weights: dict[tuple[str, int, int], Value] = field(default_factory=dict)

    @cached_property
    def windows(self) -> dict[int, list[Meeting]]:
        """The windows of a row of outputs, by their first pixel."""
        return meetings(self.width, self.kernel[2], self.stride[2])

    @property
    def dot(self) -> DotOp:
        """The instruction."""
        return u8_dot(self.target)

    def line(self, x: Value, w: Value, sums: Sequence[Value]) -> list[Value]:
        """Returns the sums after the taps of a line whose first input lies at `x` and whose weights lie at `w`."""
        sums = list(sums)
        for row in range(self.rows):
            self._row(self.b.gep(x, row * self.stride[1] * self.x.strides[1], I8), [(row, w)], sums)
        return sums

    def plane(self, x: Value, w: Value, sums: Sequence[Value], done: Callable[[int, list[Value]], None] | None = None) -> list[Value]:
        """Returns the sums after the lines of a plane, of which each row of the input is loaded once; `done` gets each row of sums when it is complete."""
        b, sums, size = self.b, list(sums), self.x.block * len(tap_groups(self.kernel[2]))
        lines = [b.gep(w, tap * size) for tap in range(self.kernel[1])]
        users: dict[int, list[tuple[int, Value]]] = {}
        for row in range(self.rows):
            for tap, line in enumerate(lines):
                users.setdefault(row * self.stride[1] + tap * self.dilation[1], []).append((row, line))
        for at in sorted(users):
            self._row(b.gep(x, at * self.x.strides[1], I8), users[at], sums)
            for row, line in users[at]:
                if done is not None and line is lines[-1]:
                    done(row, sums[row * self.width:(row + 1) * self.width])
        return sums

    def _row(self, x: Value, users: Sequence[tuple[int, Value]], sums: list[Value]) -> None:
        """Adds what a row of the input gives to rows of the tile, each under the weights of a line."""
        for at, window in self.windows.items():
            pixels = self._window(self.b.gep(x, at * self.x.strides[2], I8))
            for row, w in users:
                for meeting in window:
                    place = row * self.width + meeting.column
                    sums[place] = self.dot.emit(self.b, sums[place], pixels, self._weight(w, meeting))

    def _window(self, place: Value) -> Value:
        """Returns four pixels' channels side by side, channel by channel."""
        b, lanes = self.b, self.x.block
        pixels = b.load(vector(WINDOW * lanes, I8), place, align=1)
        mixed = [byte // WINDOW + byte % WINDOW * lanes for byte in range(WINDOW * lanes)]
        return shuffle(b, pixels, Value(pixels.type, "poison"), mixed)

    def _weight(self, w: Value, meeting: Meeting) -> Value:
        """Returns the weights of a group of taps in the bytes of the pixels that they meet."""
        b, lanes, key = self.b, self.x.block, (w.name, meeting.group, meeting.shift)
        if key not in self._weights:
            word = b.load(vector(lanes, I32), b.gep(w, meeting.group * lanes), align=4 * lanes)
            if meeting.shift:
                word = b.define(word.type, f"shl {word}, {b.integer(word.type, 8 * meeting.shift).name}")
            self._weights[key] = b.cast("bitcast", word, vector(WINDOW * lanes, I8))
        return self._weights[key]
