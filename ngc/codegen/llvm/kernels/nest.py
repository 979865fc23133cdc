"""One generator for everything element-wise, reducing or data-moving: a nest of counted loops around expressions.

The innermost loop that is not reduced runs over vectors: contiguous operands are loaded as vectors, others lane by lane, and what
does not depend on the loop is computed once and copied. A reduction over contiguous elements whose outer accesses are not
runs over vectors itself, in an order that depends on nothing but the extents. `plan` cuts the loops into work items.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.elements import SIZES
from ngc.codegen.llvm.kernels.expression import Expr, Extent, Load, N, Reduce, Unary, uses, walk
from ngc.target import CpuTarget

_ITEM_COST = 4096
"""Elements that a work item handles: many enough to pay for finding it, few enough to share."""

_HEAVY = {"gamma", "gammaln", "erfinv", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "arcsinh", "arccosh",
          "arctanh", "cbrt", "rcbrt", "log2", "log10", "mish"}  # fmt: skip


@dataclass(frozen=True)
class Store:
    """Stores a value at base + sum(stride * loop) over the loops that are not reduced."""

    operand: int
    value: Expr
    strides: tuple[Extent, ...]
    base: Extent = 0


@dataclass(frozen=True)
class Plan:
    """How a nest is cut: `items` leading loops make work items, the next one is cut into chunks of `chunk` unless that is 0."""

    items: int
    chunk: int


@dataclass(frozen=True)
class NestKernel(KernelSpec):
    """Runs stores for all indices of the loops; the last `reduced` loops are those of its `Reduce` expressions.

    args: the operands, in order. Strides of a `Load` cover all loops, those of a `Store` the loops that are not reduced. Build it
    with `nests.nest`, which merges loops first.
    """

    loops: tuple[Extent, ...]
    operands: tuple[str, ...]
    stores: tuple[Store, ...]
    reduced: int = 0

    @property
    def outer(self) -> int:
        """Number of loops that are not reduced."""
        return len(self.loops) - self.reduced

    @cached_property
    def expressions(self) -> tuple[Expr, ...]:
        """Every distinct expression below the stores, in a fixed order."""
        return tuple(dict.fromkeys(part for store in self.stores for part in walk(store.value)))

    @cached_property
    def loads(self) -> tuple[Load, ...]:
        """Every distinct access."""
        return tuple(part for part in self.expressions if isinstance(part, Load))

    @cached_property
    def accesses(self) -> "tuple[Load | Store, ...]":
        """Every distinct load, then every store."""
        return (*self.loads, *self.stores)

    @cached_property
    def reductions(self) -> tuple[Reduce, ...]:
        """Every distinct reduction."""
        return tuple(part for part in self.expressions if isinstance(part, Reduce))

    def _cost(self, first: int) -> int:
        """Elements that the loops from `first` on touch, the batch counted as one."""
        return prod(e.coefficient if isinstance(e, N) else e for e in self.loops[first:])

    @cached_property
    def plan(self) -> Plan:
        """Where the loops are cut into work items."""
        batch = next((loop for loop in range(self.outer - 1) if isinstance(self.loops[loop], N)), 0)  # never inside one item
        items = batch
        while items < self.outer - 1 and self._cost(items + 1) >= _ITEM_COST:
            items += 1
        if self.outer == 0:
            return Plan(0, 0)
        extent = self.loops[items]
        if isinstance(extent, N):
            # the batch is cut image by image; where it is the vector loop itself there is nothing else to cut
            return Plan(0, 0) if items == self.outer - 1 else Plan(items + 1, 0)
        chunk = -(-_ITEM_COST // max(self._cost(items + 1), 1))  # loops of no iterations cost nothing
        if items == self.outer - 1:
            whole = 1 if self.reduces_in_vectors(16) else 32 if self.reductions else 256  # whole vectors of any target
            chunk = -(-chunk // whole) * whole
        return Plan(items, 0 if chunk >= extent else chunk)

    @property
    def work(self) -> tuple[int, int]:
        """Returns the number of items."""
        per_image, batch = 1, False
        for extent in self.loops[: self.plan.items]:
            per_image *= extent.coefficient if isinstance(extent, N) else extent
            batch = batch or isinstance(extent, N)
        if self.plan.chunk:
            extent = self.loops[self.plan.items]
            assert isinstance(extent, int)
            per_image *= -(-extent // self.plan.chunk)
        return (per_image, 0) if batch else (0, per_image)

    def flops(self) -> int:
        """Returns one operation for each arithmetic expression of each element."""
        operations = sum(1 for part in self.expressions if not isinstance(part, Load))
        return operations * self._cost(0)

    # -- choice of the vector loop ----------------------------------------------------------------------------------

    def reduces_in_vectors(self, lanes: int) -> bool:
        """Returns whether the last reduced loop runs over vectors, not the last outer one."""
        if not self.reductions:
            return False
        last = len(self.loops) - 1
        inside = [load for r in self.reductions for load in walk(r.operand) if isinstance(load, Load)]
        if not all(load.strides[last] in (0, 1) and not irregular(load, last) for load in inside):
            return False
        extent = self.loops[last]
        finds = any(r.name.startswith("arg") for r in self.reductions)  # whose lanes take longer to join than to fill a few times
        if isinstance(extent, int) and extent < (8 * lanes if finds else lanes):
            return False
        vector = self.outer - 1
        if vector < 0:
            return True
        wide = self.loops[vector]
        narrow = isinstance(wide, int) and wide < lanes
        return narrow or any(load.strides[vector] not in (0, 1) or irregular(load, vector) for load in inside)

    def lanes(self, target: CpuTarget) -> int:
        """Returns how many elements of the vector loop are handled at once."""
        widest = max([SIZES[dtype] for dtype in self.operands], default=4)
        full = target.vector_bits // 8 // max(4, min(widest, 8))
        if self.reduces_in_vectors(full):
            return full
        if self.outer == 0:
            return 1
        extent = self.loops[self.outer - 1]
        while isinstance(extent, int) and full > extent:
            full //= 2
        return full

    def unroll(self) -> int:
        """Returns how many vectors are handled together."""
        vector = self.outer - 1
        gathers = any(load.strides[vector] not in (0, 1) or irregular(load, vector) for load in self.loads)
        scatters = any(store.strides[vector] != 1 for store in self.stores)
        heavy = any(isinstance(part, Unary) and part.name in _HEAVY for part in self.expressions)
        return 1 if gathers or scatters or heavy or len(self.expressions) > 12 or len(self.reductions) > 2 else 4

    def emit(self, target: CpuTarget) -> str:
        """Returns the module."""
        from ngc.codegen.llvm.kernels.nest_emit import NestEmitter

        module, b = self.open(target)
        NestEmitter(self, b, target).emit()
        b.ret()
        return str(module)


def irregular(load: Load, loop: int) -> bool:
    """Returns whether an access depends on a loop otherwise than through its stride."""
    terms: Iterator[Expr] = iter([axis.index for axis in load.axes] + ([load.guard] if load.guard is not None else []))
    return any(uses(term, loop) for term in terms)
