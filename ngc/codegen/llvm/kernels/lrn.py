"""Local response normalization across channels."""

from dataclasses import dataclass

from ngc.codegen.llvm.float_math import exp, log
from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import each_column, load, store
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import FLOAT, Builder, Index, Value, vector
from ngc.target import CpuTarget

_ITEM_ELEMENTS = 8192


@dataclass(frozen=True)
class LrnKernel(KernelSpec):
    """y = x * (knorm + alpha / size * sum of squares over the `size` channels around)**-beta, on plain (N, channels, pixels) floats.

    args: x, y. Work items: strips of pixels of each image.
    """

    channels: int
    pixels: int
    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    knorm: float = 2.0

    @property
    def _strip(self) -> int:
        """Pixels of a work item: its channels fit the nearest cache."""
        return max(64, _ITEM_ELEMENTS // self.channels // 64 * 64)

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of strips."""
        return -(-self.pixels // self._strip), 0

    def flops(self) -> int:
        """Returns two operations a channel of each window and twenty for the power."""
        return self.channels * self.pixels * (2 * self.size + 20)

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        x, y = (b.load_pointer(b.argument(0), position) for position in (0, 1))
        strips, lanes = -(-self.pixels // self._strip), target.lanes("f32")
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            image, strip = b.div(item.index, strips), b.rem(item.index, strips)
            base = b.mul(image, self.channels * self.pixels)
            start = b.mul(strip, self._strip)
            stop = b.smin(b.add(start, self._strip), self.pixels)

            def columns(first: Index, count: int, mask: Value | None, base: Index = base) -> None:
                self._columns(b, target, x, y, b.add(base, first), count, mask)

            each_column(b, start, stop, self.pixels, lanes, target.has_avx512, columns)
        b.ret()
        return str(module)

    def _columns(self, b: Builder, target: CpuTarget, x: Value, y: Value, base: Index, lanes: int, mask: Value | None) -> None:
        """All channels of neighbouring pixels."""
        before = self.size // 2
        kind = vector(lanes, FLOAT)
        with b.loop(0, self.channels) as channel:
            first = b.smax(b.sub(channel.index, before), 0)
            last = b.smin(b.add(channel.index, before + 1), self.channels)
            with b.loop(first, last, carried=[b.constant(kind, 0.0)]) as window:
                near = Lanes(b, load(b, b.gep(x, b.add(base, b.mul(window.index, self.pixels))), "f32", lanes, mask), target)
                window.carry([near.fma(near, Lanes(b, window.values[0], target)).value])
            scale = Lanes(b, window.results[0], target).fma(self.alpha / self.size, self.knorm)
            offset = b.add(base, b.mul(channel.index, self.pixels))
            value = Lanes(b, load(b, b.gep(x, offset), "f32", lanes, mask), target)
            store(b, self._scaled(value, scale).value, b.gep(y, offset), "f32", mask)

    def _scaled(self, value: Lanes, scale: Lanes) -> Lanes:
        """Returns value * scale**-beta."""
        if self.beta == 0.75:
            root = scale.sqrt()
            return value / (root * root.sqrt())
        return value * exp(log(scale) * -self.beta)
