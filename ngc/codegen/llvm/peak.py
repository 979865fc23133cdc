"""Kernels that compute nothing, to measure what a core can do at most: multiply-adds on registers alone, and reads of memory alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.dot import PER_LANE, DotOp, dot_of, has_dot
from ngc.codegen.llvm.text import FLOAT, Builder, Value, vector
from ngc.errors import CodegenError
from ngc.target import CpuTarget

_ROUNDS = 20000


@dataclass(frozen=True)
class PeakKernel(KernelSpec):
    """Independent chains of multiply-adds, enough to hide their latency; takes no arguments.

    Attributes:
        chains: how many.
        lanes: accumulators of a vector.
        dtype: of the data that is multiplied, "f32", "bf16" or "u8".
    """

    chains: int = 12
    lanes: int = 0
    dtype: str = "f32"

    @classmethod
    def plan(cls, target: CpuTarget, dtype: str = "f32") -> "PeakKernel":
        """Returns the kernel for the vectors of a target.

        Raises:
            CodegenError: the target has no multiply-adds of that dtype, or no instruction for them.
        """
        if not has_dot(dtype, target) or (dtype == "u8" and not target.has_vnni):
            raise CodegenError(f"{target.name} has no multiply-adds of {dtype}")
        return cls(chains=12 if target.has_fma else 10, lanes=target.lanes(), dtype=dtype)

    @property
    def work(self) -> tuple[int, int]:
        """One work item."""
        return 0, 1

    def flops(self) -> int:
        """Returns the operations of one run, an fma counted as two."""
        return 2 * self.chains * self.lanes * PER_LANE[self.dtype] * _ROUNDS

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        module, b = self.open(target)
        dot = dot_of(self.dtype, target)
        kind = vector(self.lanes, dot.accumulator)
        x, y = (b.splat(b.cast("sitofp", b.argument(i), FLOAT), self.lanes) for i in (2, 3))  # no constants, or LLVM would know the results
        if dot.element != FLOAT:
            x, y = (b.cast("bitcast", value, vector(dot.per_lane * self.lanes, dot.element)) for value in (x, y))
        rounds = b.mul(b.sub(b.argument(3), b.argument(2)), _ROUNDS)
        first = [b.constant(kind, float(i)) if dot.accumulator == FLOAT else b.integer(kind, i) for i in range(self.chains)]
        with b.loop(0, rounds, carried=first) as loop:
            loop.carry([_step(b, dot, value, x, y) for value in loop.values])
        _keep(b, loop.results)
        b.ret()
        return str(module)


@dataclass(frozen=True)
class StreamKernel(KernelSpec):
    """Reads floats from the first to the last and adds them up; the argument points at them.

    Attributes:
        size: how many, whole work items of `chains` vectors.
        chains: sums that are independent of each other.
        lanes: floats of a vector.
    """

    size: int
    chains: int = 8
    lanes: int = 0

    @classmethod
    def plan(cls, target: CpuTarget, size: int) -> "StreamKernel":
        """Returns the kernel for the vectors of a target that reads `size` floats, less what is no whole work item."""
        draft = cls(size, lanes=target.lanes())
        step = draft.chains * draft.lanes
        return cls(size // step * step, lanes=draft.lanes)

    @property
    def work(self) -> tuple[int, int]:
        """Work items of a vector for each sum."""
        return 0, self.size // (self.chains * self.lanes)

    @property
    def bytes_read(self) -> int:
        """Bytes that a run reads."""
        return 4 * self.size

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        module, b = self.open(target)
        kind = vector(self.lanes)
        x = b.load_pointer(b.argument(0), 0)
        with b.loop(b.argument(2), b.argument(3), carried=[b.constant(kind, 0.0)] * self.chains) as loop:
            start = b.mul(loop.index, self.chains * self.lanes)
            loop.carry([b.fbinary("fadd", value, b.load(kind, b.gep(x, b.add(start, i * self.lanes)))) for i, value in enumerate(loop.values)])
        _keep(b, loop.results)
        b.ret()
        return str(module)


def _step(b: Builder, dot: DotOp, value: Value, x: Value, y: Value) -> Value:
    """Returns the next value of a chain, which depends on the value in the shortest time."""
    return dot.emit(b, value, x, y) if dot.fused else b.fbinary("fadd", b.fbinary("fmul", value, x), y)


def _keep(b: Builder, values: Sequence[Value]) -> None:
    """Keeps values alive by stores that never happen."""
    with b.when(b.icmp("eq", b.argument(1), -1)):
        for value in values:
            b.store(value, b.argument(0))
