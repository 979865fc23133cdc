"""Expresses a node's result as steps on one of its operands: what conv, dense and element-wise fusion share.

    activation(x)                     [activation]
    prelu(x, v)                       [prelu(v)]
    x*s + t, per channel              [affine(s,t)], [bias(t)] where s is 1
    x*s + t, one number each          [scale(s,t)]
    x + y, x * y                      [add(y)], [multiply(y)]; y has x's shape, or ones for the spatial dimensions
    y - x                             [scale(-1,0), add(y)]
    eltwise(x){steps}                 steps
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ngc.ir import Node, Step, TensorType, Value
from ngc.ir.rewrite import Rewriter
from ngc.ir.tensor_type import DTYPES
from ngc.ir.unary import UNARY
from ngc.passes.affine import FLOATS, Affine, affine_of, is_number

ACTIVATIONS = tuple(name for name, definition in UNARY.items() if definition.is_activation)
"""Functions that may be steps."""


@dataclass(frozen=True)
class NewVector:
    """A per-channel operand that is a constant still to be made."""

    name: str
    array: np.ndarray


@dataclass(frozen=True)
class StepForm:
    """Steps and their operands, in order."""

    steps: tuple[Step, ...]
    operands: tuple[Value | NewVector, ...] = ()

    @property
    def tensors(self) -> tuple[Value, ...]:
        """Operands that are values of the graph already."""
        return tuple(operand for operand in self.operands if isinstance(operand, Value))

    @property
    def is_per_channel(self) -> bool:
        """Whether no step reads a whole tensor."""
        return not any(step.kind in ("add", "add_scaled", "multiply", "tee") for step in self.steps)

    def __add__(self, other: "StepForm") -> "StepForm":
        return StepForm((*self.steps, *other.steps), (*self.operands, *other.operands))

    def materialize(self, rewriter: Rewriter, before: Node) -> tuple[Value, ...]:
        """Returns the operands as values, new constants placed before a node."""
        return tuple(rewriter.constant(operand.name, operand.array, before=before, locs=before.locs)
                     if isinstance(operand, NewVector) else operand for operand in self.operands)


def step_form(node: Node, position: int, axis: int) -> StepForm | str | None:
    """Returns a node's first result as steps on its operand number `position`, whose channels lie along `axis`.

    A text where the node is of such a kind but cannot be steps, None for other nodes.
    """
    x = node.inputs[position]
    dtype = x.type.dtype
    if dtype not in FLOATS or len(node.outputs) != 1 or node.type.dtype != dtype:
        return None
    has_channels = -x.type.rank <= axis < x.type.rank
    axis %= max(x.type.rank, 1)
    if node.has_trait("activation"):
        return StepForm((Step(node.op, tuple(node.attrs[name] for name, _ in UNARY[node.op].params)),))
    match node.op:
        case "prelu" if position == 0:
            if axis != 1 or not has_channels:
                return "the slopes follow another axis than the steps"
            return StepForm((Step("prelu"),), (node.inputs[1],))
        case "eltwise" if position == 0:
            steps = node.attrs["epilogue"]
            per_channel = any(step.kind in ("bias", "affine", "prelu") for step in steps)
            return StepForm(steps, node.inputs[1:]) if (axis == 1 and has_channels) or not per_channel else None
        case "batch_norm" if position != 0:
            return None
    affine = affine_of(node)
    if isinstance(affine, Affine) and affine.axis is not None and not has_channels and len(node.inputs) == 2:
        return _of_tensors(node, position, axis)  # numbers along the only dimension are a tensor like any other
    if isinstance(affine, Affine):
        return _of_affine(node, affine, axis) if affine.x is x else None
    if affine is not None or len(node.inputs) != 2:
        return affine
    return _of_tensors(node, position, axis)


def _of_affine(node: Node, affine: Affine, axis: int) -> StepForm | str:
    if affine.axis is None:
        return StepForm((Step("scale", (float(affine.scale), float(affine.shift))),))
    dtype = DTYPES[node.type.dtype]
    if affine.axis != axis % node.type.rank:
        return f"its constant runs along axis {affine.axis}, not the channels' axis {axis % node.type.rank}"
    with np.errstate(over="ignore"):
        scale, shift = affine.scale.astype(dtype), affine.shift.astype(dtype)
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        return f"its scale and shift are not finite in {node.type.dtype}"
    if is_number(scale, 1.0):
        return StepForm((Step("bias"),), (NewVector(f"{node.name}_shift", shift),))
    return StepForm((Step("affine"),), (NewVector(f"{node.name}_scale", scale), NewVector(f"{node.name}_shift", shift)))


def _of_tensors(node: Node, position: int, axis: int) -> StepForm | str | None:
    x, other = node.inputs[position], node.inputs[1 - position]
    if node.op not in ("add", "mul", "sub"):
        return None
    if node.type.shape != x.type.shape:
        return f"its result {node.type} is broadcast beyond %{x.name}"
    planes = (*x.type.shape[:2], *(1,) * (x.type.rank - 2))
    if other.type.shape != x.type.shape and not (x.type.rank > 2 and axis == 1 and other.type.shape == planes):
        return f"%{other.name}: {other.type} is broadcast in a way that steps do not have"
    if node.op == "sub":
        if (position == 0) != node.attrs["reverse"]:
            return f"%{other.name} is subtracted, and steps only add"
        return StepForm((Step("scale", (-1.0, 0.0)), Step("add")), (other,))
    return StepForm((Step("add" if node.op == "add" else "multiply"),), (other,))


def step_operands(steps: Sequence[Step], operands: Sequence[Value]) -> Iterator[tuple[Step, tuple[Value, ...]]]:
    """Yields each step with the operands that it reads."""
    position = 0
    for step in steps:
        yield step, tuple(operands[position:position + step.operands])
        position += step.operands


def split_operands(node: Node) -> tuple[tuple[Value, ...], tuple[Value, ...], tuple[Value, ...]]:
    """Returns a node's own operands, its prologue's and its epilogue's."""
    own, before, _ = node.definition.split(len(node.inputs), node.attrs)
    return node.inputs[:own], node.inputs[own:own + before], node.inputs[own + before:]


def fits(form: StepForm, type: TensorType) -> bool:
    """Whether the steps' tensors have the element type of the tensor that they work on."""
    return all(value.type.dtype == type.dtype for value in form.tensors)
