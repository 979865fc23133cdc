"""The taps of one line of a depthwise convolution, as multiply-adds of f32 or as dot products of pairs of bf16.

`vdpbf16ps` adds two products in each lane. Two neighbouring pixels lie side by side in memory, all channels of a block of the one before those of the other,
so one load and one permutation give each channel's lane its pair, which then serves every output and tap that it is under. Taps pair up as `tap_pairs` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.kernel import Geometry, Spatial
from ngc.codegen.llvm.kernels.depthwise_tile import DepthwiseTile
from ngc.codegen.llvm.kernels.dot import BF16_DOT, fma_dot
from ngc.codegen.llvm.kernels.elements import STORED, shuffle
from ngc.codegen.llvm.kernels.half import load_floats
from ngc.codegen.llvm.kernels.microkernel import first_taps
from ngc.codegen.llvm.text import Value, vector
from ngc.target import CpuTarget


def can_pair(x: Geometry, kernel: Spatial, dilation: Spatial, target: CpuTarget) -> bool:
    """Returns whether a line's taps can be taken in pairs: bf16, the instruction, and at least two taps that are neighbours."""
    return x.dtype == "bf16" and target.has_bf16 and kernel[2] > 1 and dilation[2] == 1


@dataclass(frozen=True)
class Taps(DepthwiseTile):
    """A tile in which each input is loaded once and meets all the outputs of its row that it belongs to.

    Attributes:
        paired: whether weights are pairs of bf16, as `tap_pairs` says, not f32.
    """

    paired: bool

    def line(self, x: Value, w: Value, sums: Sequence[Value]) -> list[Value]:
        """Returns the sums after the taps of a line whose first input lies at `x` and whose weights lie at `w`."""
        b, sums, lanes = self.b, list(sums), self.x.block
        dot = BF16_DOT if self.paired else fma_dot(self.target.has_fma)
        firsts = first_taps(self.kernel[2], self.paired)
        weights = [dot.weights(b, b.gep(w, i * lanes), lanes) for i in range(len(firsts))]
        for row in range(self.rows):
            meetings: dict[int, list[tuple[int, int]]] = {}
            for i, tap in enumerate(firsts):
                for column in range(self.width):
                    meetings.setdefault(column * self.stride[2] + tap * self.dilation[2], []).append((column, i))
            for at in sorted(meetings):
                place = b.gep(x, row * self.stride[1] * self.x.strides[1] + at * self.x.strides[2], STORED[self.x.dtype])
                value = self._pair(place) if self.paired else load_floats(b, place, self.x.dtype, lanes, self.target)
                for column, i in meetings[at]:
                    m = row * self.width + column
                    sums[m] = dot.emit(b, sums[m], value, weights[i])
        return sums

    def _pair(self, place: Value) -> Value:
        """Returns a pixel's channels beside those of the next, channel by channel."""
        b, lanes = self.b, self.x.block
        both = b.load(vector(2 * lanes, STORED["bf16"]), place, align=2)
        mixed = shuffle(b, both, Value(both.type, "poison"), [lane // 2 + lane % 2 * lanes for lane in range(2 * lanes)])
        return b.cast("bitcast", mixed, vector(2 * lanes, BF16_DOT.element))
