"""A kernel that computes nothing: multiply-adds on registers alone, to measure what a core can do at most."""

from dataclasses import dataclass

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.text import vector
from ngc.target import CpuTarget

_ROUNDS = 20000


@dataclass(frozen=True)
class PeakKernel(KernelSpec):
    """Independent chains of multiply-adds, enough to hide their latency; takes no arguments."""

    chains: int = 12
    lanes: int = 0

    @classmethod
    def plan(cls, target: CpuTarget) -> "PeakKernel":
        """Returns the kernel for the vectors of a target."""
        return cls(chains=12 if target.has_fma else 10, lanes=target.lanes())

    @property
    def work(self) -> tuple[int, int]:
        """One work item."""
        return 0, 1

    def flops(self) -> int:
        """Returns the floating-point operations of one run."""
        return 2 * self.chains * self.lanes * _ROUNDS

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        module, b = self.open(target)
        kind = vector(self.lanes)
        x = b.splat(b.cast("sitofp", b.argument(2), "float"), self.lanes)  # not a constant, or LLVM would know the results
        y = b.splat(b.cast("sitofp", b.argument(3), "float"), self.lanes)
        rounds = b.mul(b.sub(b.argument(3), b.argument(2)), _ROUNDS)
        with b.loop(0, rounds, carried=[b.constant(kind, float(i)) for i in range(self.chains)]) as loop:
            loop.carry([b.fma(x, y, value, fused=target.has_fma) if target.has_fma else b.fbinary("fadd", b.fbinary("fmul", value, x), y)
                        for value in loop.values])
        with b.when(b.icmp("eq", b.argument(1), -1)):  # never true: keeps the results alive
            for value in loop.results:
                b.store(value, b.argument(0))
        b.ret()
        return str(module)
