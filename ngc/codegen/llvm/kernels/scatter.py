"""Writes slices to coordinates that are data."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import SIZES, STORED
from ngc.codegen.llvm.kernels.expression import Extent, N
from ngc.codegen.llvm.kernels.matrices import bound
from ngc.codegen.llvm.text import I64, Index, vector
from ngc.target import CpuTarget

_STRIP = 1024
"""Elements of a slice that a work item copies."""


@dataclass(frozen=True)
class ScatterKernel(KernelSpec):
    """out[coordinates of u] = updates[u] for all updates in their order, so that the last of equal coordinates counts; the rest of out stays as it is.

    Coordinates outside of `dims` are moved to the nearest end. Indices lie as [dims][updates].

    args: indices, updates, out. Work items: strips of the slices; each goes through all updates, so that no two write the same element.

    Attributes:
        dims: the leading dimensions of out that coordinates count.
        updates: how many slices there are.
        slice: elements of one.
        index_dtype: i32 or i64.
    """

    dims: tuple[Extent, ...]
    updates: Extent
    slice: Extent
    dtype: str = "f32"
    index_dtype: str = "i32"

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of strips; a slice that grows with the batch has so many an image."""
        if isinstance(self.slice, N):
            return -(-self.slice.coefficient // _STRIP), 0
        return 0, -(-self.slice // _STRIP)

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        module, b = self.open(target)
        indices, updates, out = (b.load_pointer(b.argument(0), position) for position in range(3))
        count, size, element = bound(b, b.argument(1), self.updates), bound(b, b.argument(1), self.slice), STORED[self.dtype]
        part = self.slice.coefficient if isinstance(self.slice, N) else self.slice
        strips = -(-part // _STRIP)
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            image, strip = b.div(item.index, strips), b.rem(item.index, strips)
            start = b.mul(strip, _STRIP)
            stop = b.smin(b.add(start, _STRIP), part)
            begin, end = b.add(b.mul(image, part), start), b.add(b.mul(image, part), stop)
            with b.loop(0, count) as update:
                place: Index = 0
                for axis, dim in enumerate(self.dims):
                    position = b.add(b.mul(count, axis), update.index)
                    stored = b.load(STORED[self.index_dtype], b.gep(indices, position, STORED[self.index_dtype]), SIZES[self.index_dtype])
                    index: Index = stored if self.index_dtype == "i64" else b.cast("sext", stored, I64)
                    extent = bound(b, b.argument(1), dim)
                    place = b.add(b.mul(place, extent), b.smin(b.smax(index, 0), b.sub(extent, 1)))
                source, result = (b.gep(base, b.mul(at, size), element) for base, at in ((updates, update.index), (out, place)))
                lanes = target.vector_bits // (8 * SIZES[self.dtype])
                whole = b.add(begin, b.mul(b.div(b.sub(end, begin), lanes), lanes))
                for first, last, together in ((begin, whole, lanes), (whole, end, 1)):
                    with b.loop(first, last, together) as element_loop:
                        moved = b.load(vector(together, element), b.gep(source, element_loop.index, element), SIZES[self.dtype])
                        b.store(moved, b.gep(result, element_loop.index, element), SIZES[self.dtype])
        b.ret()
        return str(module)
