"""Copies a buffer."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.text import I8, Index, vector
from ngc.target import CpuTarget

_ITEM_BYTES = 1 << 15


@dataclass(frozen=True)
class CopyKernel(KernelSpec):
    """Copies `size` bytes, for every image where `per_image` says so. args: source, target. Work items: pieces of 32 KiB."""

    size: int
    per_image: bool = True

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of pieces."""
        pieces = -(-self.size // _ITEM_BYTES)
        return (pieces, 0) if self.per_image else (0, pieces)

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        source, result = (b.load_pointer(b.argument(0), position) for position in (0, 1))
        pieces = -(-self.size // _ITEM_BYTES)
        lanes = target.vector_bits // 8

        def move(begin: Index, count: int) -> None:
            values = [b.load(vector(lanes, I8), b.gep(source, b.add(begin, i * lanes), I8), 1) for i in range(count)]
            for i, value in enumerate(values):
                b.store(value, b.gep(result, b.add(begin, i * lanes), I8), 1)

        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            image, piece = b.div(item.index, pieces), b.rem(item.index, pieces)
            base = b.mul(image, self.size)
            start = b.mul(piece, _ITEM_BYTES)
            stop = b.add(base, b.smin(b.add(start, _ITEM_BYTES), self.size))
            done: Index = b.add(base, start)
            for together in (4, 1):
                step = together * lanes
                until = b.add(done, b.mul(b.div(b.sub(stop, done), step), step))
                with b.loop(done, until, step) as loop:
                    move(loop.index, together)
                done = until
            with b.loop(done, stop) as loop:
                b.store(b.load(I8, b.gep(source, loop.index, I8), 1), b.gep(result, loop.index, I8), 1)
        b.ret()
        return str(module)
