"""Kernel calls before addresses are known: which kernel, on which tensors, for which batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, Spatial
from ngc.errors import CodegenError
from ngc.ir import Dim, Node, SymDim, TensorType, Value
from ngc.ir.tensor_type import product


@dataclass(frozen=True)
class Packed:
    """A constant in the form in which a kernel reads it: its offset in the blob of weights."""

    offset: int


@dataclass(frozen=True)
class Scratch:
    """Private scratch memory of a thread."""

    size: int


Argument = Value | Packed | Scratch


@dataclass
class Call:
    """One kernel call. `inplace` names an input whose buffer the first output may take over; `joined` calls share the barrier of the next.

    `note` is the algorithm and tile, `reason` why it was chosen, `scope` where its node stands: the names of the nodes and regions around it, empty outside.
    """

    spec: KernelSpec
    arguments: list[Argument]
    reads: list[Value]
    writes: list[Value]
    batch: Dim
    node: Node
    inplace: tuple[Value, ...] = ()
    joined: bool = False
    note: str = ""
    reason: str = ""
    scope: str = ""


@dataclass(eq=False)
class Mark:
    """What stands between kernel calls where they are not simply run in order.

    Attributes:
        kind: "loop" repeats what follows up to its "end" `steps` times, a "test" within leaves the loop unless its predicate holds; "if" runs what follows
            up to its "else" where its predicate holds, and from there to the "end" where not.
        node: the loop or conditional.
        reads: values that must be there at this place; a loop's operands, at its begin and at its end, are alive all through it.
        writes: values that begin to be made here at the latest.
        steps: of a loop.
        predicate: of a test and an if: one element, which holds unless it is zero.
        dtype: of the predicate.
    """

    kind: str
    node: Node
    reads: list[Value]
    writes: list[Value]
    steps: int = 0
    predicate: Argument | None = None
    dtype: str = ""


def barrier_groups(calls: Sequence[Call | Mark]) -> list[int]:
    """Returns for each call the number of its group: joined calls run side by side, in any order, up to the barrier that follows the last of them."""
    groups, group = [], 0
    for call in calls:
        groups.append(group)
        group += isinstance(call, Mark) or not call.joined
    return groups


@dataclass(frozen=True)
class Window:
    """Where a value lies in another in each step of a loop: rows that follow one another."""

    of: Value
    loop: Mark


def geometry(type: TensorType) -> Geometry:
    """Returns where a blocked tensor's elements lie, lower ranks with leading spatial ones."""
    if type.layout.is_plain:
        raise CodegenError(f"a plain tensor {type} has no blocked geometry")
    channels = static(type.shape[1])
    spatial = spatial_of([static(dim) for dim in type.shape[2:]])
    missing = 3 - (type.rank - 2)
    pairs = [(0, 0)] * missing + list(type.layout.halo or [(0, 0)] * (type.rank - 2))
    return Geometry(channels, type.layout.block, spatial, (pairs[0], pairs[1], pairs[2]), None, type.dtype)


def spatial_of(values: list[int] | tuple[int, ...], fill: int = 1) -> Spatial:
    """Returns (depth, height, width) of up to three values, missing ones in front filled."""
    d, h, w = [fill] * (3 - len(values)) + list(values)
    return d, h, w


def static(dim: Dim) -> int:
    """Returns a dimension that must not depend on the batch."""
    if isinstance(dim, SymDim):
        raise CodegenError(f"a dimension of {dim} stands where generated code needs a fixed size; compile with a fixed batch")
    return dim


def buffer_size(type: TensorType) -> tuple[int, bool]:
    """Returns (bytes, whether that is per image of the batch N)."""
    count = product(type.shape) if type.layout.is_plain else type.shape[0] * geometry(type).size
    return (count.factor * type.itemsize, True) if isinstance(count, SymDim) else (count * type.itemsize, False)


def same_bytes(a: TensorType, b: TensorType) -> bool:
    """Whether two types of the same logical elements have the same bytes in memory, so that one buffer serves both."""
    if a.layout == b.layout:
        return True
    plain, blocked = (a, b) if a.layout.is_plain else (b, a)
    if not plain.layout.is_plain or blocked.layout.is_plain or blocked.dtype != plain.dtype:
        return False
    shape = geometry(blocked)
    if shape.padded != shape.spatial:
        return False
    return shape.block == 1 or (shape.spatial == (1, 1, 1) and shape.channels % shape.block == 0)
