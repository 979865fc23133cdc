"""What all kernels share: the geometry of their operands, the steps that they fold in registers, and the one native signature.

A kernel is one LLVM function `void symbol(ptr args, i64 n, i64 begin, i64 end)`. `args` holds one pointer per operand, `n` is the batch at run
time, and [begin, end) is a thread's share of the `a*n + b` work items that `work` announces. Items are independent of one another, so every
partition over any number of threads gives the same bits.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

from ngc.codegen.llvm.kernels.elements import SIZES
from ngc.codegen.llvm.text import I64, PTR, Builder, Module
from ngc.target import CpuTarget

KERNEL_PARAMETERS = ((f"{PTR} noalias readonly", "args"), (I64, "n"), (I64, "begin"), (I64, "end"))

Spatial = tuple[int, int, int]
"""(depth, height, width); operators of lower rank have leading ones."""

Halo = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""(before, after) for depth, height, width."""

NO_HALO: Halo = ((0, 0), (0, 0), (0, 0))


@dataclass(frozen=True)
class Geometry:
    """Where the elements of one blocked tensor lie: [n][channel block][D'][H'][W'][block], all counts in elements.

    `block` 1 is plain NC(D)HW with a border. `image_stride` is given where the tensor is a slice of a larger one (a concat's input).
    """

    channels: int
    block: int
    spatial: Spatial
    halo: Halo = NO_HALO
    image_stride: int | None = None
    dtype: str = "f32"

    @property
    def blocks(self) -> int:
        """Number of channel blocks, the last one padded."""
        return -(-self.channels // self.block)

    @property
    def padded(self) -> Spatial:
        """Spatial extents with the halo."""
        d, h, w = (before + size + after for size, (before, after) in zip(self.spatial, self.halo, strict=True))
        return d, h, w

    @property
    def strides(self) -> Spatial:
        """Strides of depth, height and width."""
        _, h, w = self.padded
        return h * w * self.block, w * self.block, self.block

    @property
    def block_stride(self) -> int:
        """From one channel block to the next."""
        return prod(self.padded) * self.block

    @property
    def size(self) -> int:
        """Elements of one image, as if it stood alone."""
        return self.blocks * self.block_stride

    @property
    def bytes(self) -> int:
        """Bytes of one image, as if it stood alone."""
        return self.size * SIZES[self.dtype]

    @property
    def stride_n(self) -> int:
        """From one image to the next."""
        return self.size if self.image_stride is None else self.image_stride

    @property
    def origin(self) -> int:
        """Offset of the first element that is not halo."""
        return sum(before * stride for (before, _), stride in zip(self.halo, self.strides, strict=True))


@dataclass(frozen=True)
class StepSpec:
    """One step folded in registers around a kernel's main operation.

    Kinds and their operands, in the order in which they follow in `args`:
      bias(vector)            x + v[c]                      affine(vector, vector)    x * s[c] + t[c]
      add(tensor)             x + y                         multiply(tensor)          x * y
      add_scaled(tensor)      x + y * params[0]; y of f32 or u8, whose integers are read as they are
      tee(tensor)             store x here too and go on    scale                     x * params[0] + params[1]
      prelu(vector)           x > 0 ? x : v[c] * x          any name of vector_math.ACTIVATIONS, with its params
    A `vector` has one value per channel, padded with zeros to whole blocks. A `tensor` comes with its geometry, that of the kernel's output
    in channels and spatial extents, or with spatial extents of one: then it is broadcast over each plane (squeeze-and-excitation).

    Around kernels that read or write u8 no two operations are contracted into one, so that every instruction set gives the same bits.
    """

    kind: str
    params: tuple[float, ...] = ()
    tensor: Geometry | None = None

    @property
    def operands(self) -> int:
        """How many pointers the step takes from `args`."""
        return {"bias": 1, "prelu": 1, "affine": 2, "add": 1, "add_scaled": 1, "multiply": 1, "tee": 1}.get(self.kind, 0)


@dataclass(frozen=True)
class KernelSpec(ABC):
    """Everything that a kernel's code depends on but the target; equal specs share code, in one model and between models."""

    @property
    @abstractmethod
    def work(self) -> tuple[int, int]:
        """Returns (a, b): the kernel has a*n + b work items."""

    @abstractmethod
    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""

    def flops(self) -> int:
        """Returns the floating-point operations of one image, an fma counted as two."""
        return 0

    def symbol(self, target: CpuTarget) -> str:
        """Returns the function's name: the kind of kernel and a hash of all that its code depends on."""
        digest = hashlib.sha256(f"{self!r}|{target.identity}".encode()).hexdigest()[:20]
        return f"{type(self).__name__.lower()}_{digest}"

    def open(self, target: CpuTarget) -> tuple[Module, Builder]:
        """Starts the module and the function with the kernels' signature."""
        module = Module(self.symbol(target))
        attributes = "nounwind"
        if target.vector_bits == 512:
            attributes += ' "min-legal-vector-width"="512" "prefer-vector-width"="512"'
        return module, module.function(self.symbol(target), KERNEL_PARAMETERS, attributes=attributes)
