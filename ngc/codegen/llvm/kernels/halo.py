"""Fills the border of a blocked tensor, so that the kernels that read it need no tests."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import Geometry, KernelSpec
from ngc.codegen.llvm.kernels.elements import STORED, fill
from ngc.codegen.llvm.text import Builder, Index, Value
from ngc.target import CpuTarget


@dataclass(frozen=True)
class HaloKernel(KernelSpec):
    """Writes `value` to the whole halo of a tensor and nothing else.

    args: the tensor. Work items: planes, one for each image and channel block.
    """

    tensor: Geometry
    value: float = 0.0

    @property
    def work(self) -> tuple[int, int]:
        """One item for each image and channel block."""
        return self.tensor.blocks, 0

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        base = b.load_pointer(b.argument(0), 0)
        blocks = self.tensor.blocks
        with b.loop(b.argument(2), b.argument(3)) as item:
            image, block = b.div(item.index, blocks), b.rem(item.index, blocks)
            offset = b.add(b.mul(image, self.tensor.stride_n), b.mul(block, self.tensor.block_stride))
            self._plane(b, b.gep(base, offset, STORED[self.tensor.dtype]), target)
        b.ret()
        return str(module)

    def _plane(self, b: Builder, plane: Value, target: CpuTarget) -> None:
        tensor = self.tensor
        (front, back), (top, bottom), (left, right) = tensor.halo
        depth, height, width = tensor.spatial
        slab, row, pixel = tensor.strides

        def put(offset: Index, count: int) -> None:
            fill(b, plane, offset, count, tensor.dtype, self.value, target.vector_bits)

        put(0, front * slab)
        put((front + depth) * slab, back * slab)
        if not any((top, bottom, left, right)):
            return
        with b.loop(0, depth) as outer:
            start = b.mul(b.add(outer.index, front), slab)
            put(start, top * row + left * pixel)
            between = (right + left) * pixel  # the end of a row and the beginning of the next are one run
            if between and height > 1:
                with b.loop(0, height - 1) as inner:
                    put(b.add(start, b.add(b.mul(inner.index, row), top * row + (left + width) * pixel)), between)
            put(b.add(start, (top + height - 1) * row + (left + width) * pixel), right * pixel + bottom * row)
