"""Gives every value an address: graph inputs and outputs where the caller has them, constants in the blob, the rest in the arena."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ngc.codegen.llvm.calls import Argument, Call, Mark, Packed, Scratch, barrier_groups, buffer_size
from ngc.codegen.llvm.entry import Address, Stride
from ngc.codegen.llvm.kernels.halo import HaloKernel
from ngc.codegen.llvm.lower import Lowering
from ngc.codegen.llvm.lower_moves import copy_call
from ngc.codegen.memory_plan import MemoryPlan, Request, plan_memory, round_up
from ngc.ir import Node, TensorType, Value


@dataclass
class Placement:
    """Addresses of all values, the plan of the arena, and the scratch of a thread."""

    lowering: Lowering
    pinned: dict[Value, Address]
    plan: MemoryPlan
    scratch: int

    def address(self, argument: Argument) -> Address:
        """Returns where a call's argument lies."""
        if isinstance(argument, Packed):
            return Address("weights", argument.offset)
        if isinstance(argument, Scratch):
            return Address("scratch")
        root, inside = self.lowering.root(argument), self.lowering.offset(argument) * argument.type.itemsize
        strides = tuple(_stride(loop, row) for loop, row in self.lowering.rows(argument))
        if root in self.pinned:
            pinned = self.pinned[root]
            return replace(pinned, fixed=pinned.fixed + inside, strides=strides)
        fixed, per_image = self.plan.offsets[root]
        return Address("arena", fixed + inside, per_image, strides=strides)


def _stride(loop: Mark, row: TensorType) -> Stride:
    """Returns how far a step of a loop moves on where rows of a type follow one another."""
    size, per_image = buffer_size(row)
    return Stride(loop, 0 if per_image else size, size if per_image else 0)


def place(lowering: Lowering) -> Placement:
    """Returns the placement of a lowered graph; adds calls that copy outputs which are inputs, constants or returned twice."""
    graph, calls = lowering.graph, lowering.calls
    pinned = {value: Address("input", index=index) for index, value in enumerate(graph.inputs)}
    pinned.update({value: Address("weights", packed.offset) for value, packed in lowering.stored.items()})
    _pin_outputs(lowering, pinned)
    _share_buffers(lowering, calls, pinned)
    requests = []
    for root, (first, last) in _lifetimes(lowering, calls).items():
        if root not in pinned:
            size, per_image = buffer_size(root.type)
            requests.append(Request(root, size, per_image, first, last))
    scratch = max((round_up(argument.size) for call in lowering.kernel_calls for argument in call.arguments if isinstance(argument, Scratch)), default=0)
    return Placement(lowering, pinned, plan_memory(requests), scratch)


def _pin_outputs(lowering: Lowering, pinned: dict[Value, Address]) -> None:
    """Lets outputs be computed where the caller wants them, copies the others there."""
    for index, value in enumerate(lowering.graph.outputs):
        root = lowering.root(value)
        if not value.is_const and not root.is_const and root not in pinned and buffer_size(root.type) == buffer_size(value.type):
            pinned[root] = Address("output", index=index)
            continue
        target = Value(f"{value.name}.out{index}", value.type)
        pinned[target] = Address("output", index=index)
        node = value.producer
        if node is None:  # an input that is returned: nothing of the graph stands for its copy
            node = Node("identity", (value,), {}, ())
            node.outputs = (target,)
        lowering.call(copy_call(lowering, value, target, node))


def _lifetimes(lowering: Lowering, calls: Sequence[Call | Mark]) -> dict[Value, tuple[int, int]]:
    """Returns the first and last group of calls in which each buffer is alive; calls of a group are alive at once, whichever is named first."""
    lives: dict[Value, tuple[int, int]] = {}
    for group, call in zip(barrier_groups(calls), calls, strict=True):
        for value in (*call.reads, *call.writes):
            root = lowering.root(value)
            first, _ = lives.get(root, (group, group))
            lives[root] = (first, group)
    return lives


def _share_buffers(lowering: Lowering, calls: Sequence[Call | Mark], pinned: dict[Value, Address]) -> None:
    """Lets what a call writes take over the buffer of an input that dies there, where the kernel allows it and the layouts agree.

    The halos of what is written are filled just before the call, with what the same layout's halo of the input holds already. An input that the
    call reads a second time keeps its buffer: a convolution of x that adds x still needs all of x's channels after the first are stored. So does one that
    another call of the group reads.
    """
    joined = {part.of for part in lowering.slices.values()}
    lives, groups = _lifetimes(lowering, calls), barrier_groups(calls)
    for index, call in enumerate(calls):
        if isinstance(call, Mark):
            continue
        remaining = [value for value in call.inplace if not value.is_const]
        if not remaining:
            continue
        beside = _beside(lowering, calls, groups, index)
        for out in call.writes:
            out_root = lowering.root(out)
            if out_root in pinned or out_root in joined or out in lowering.slices or out_root in beside or lives[out_root][0] < groups[index]:
                continue
            for value in remaining:
                root = lowering.root(value)
                dies = lives[root][1] == groups[index] and root is not out_root
                movable = root not in pinned and root not in joined and value not in lowering.slices and root not in beside
                once = sum(lowering.root(read) is root for read in call.reads) == 1
                if dies and movable and once and root.type.layout == out.type.layout and buffer_size(root.type) == buffer_size(out.type):
                    lives[root] = (lives[root][0], lives.pop(out_root)[1])
                    lowering.alias(out_root, root)
                    remaining.remove(value)
                    break


def _beside(lowering: Lowering, calls: Sequence[Call | Mark], groups: Sequence[int], index: int) -> set[Value]:
    """Returns the buffers that other calls of a call's group read or write; those that fill halos leave everything else as it is."""
    first, last = bisect_left(groups, groups[index]), bisect_right(groups, groups[index])
    others = (call for call in calls[first:last] if call is not calls[index] and not (isinstance(call, Call) and isinstance(call.spec, HaloKernel)))
    return {lowering.root(value) for call in others for value in (*call.reads, *call.writes)}
