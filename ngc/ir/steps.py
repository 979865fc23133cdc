"""Steps: what operators do in registers before (`prologue`) or after (`epilogue`) their main work.

A node's operands are the operator's own, then those of the prologue's steps, then those of the epilogue's, in order. So a step needs no
indices, and use lists, sharing and partitioning see every tensor that a step reads. The evaluator, the printer and each code generator fold
over the same tuple.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.tensor_type import TensorType, format_shape
from ngc.ir.unary import UNARY, evaluate_unary


@dataclass(frozen=True)
class StepDef:
    """One kind of step: names of its operands and of its numeric parameters."""

    operands: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    doc: str = ""


STEPS: dict[str, StepDef] = {
    "bias": StepDef(("vector",), doc="x + v[c]"),
    "affine": StepDef(("vector", "vector"), doc="x * s[c] + t[c]"),
    "prelu": StepDef(("vector",), doc="x > 0 ? x : v[c] * x"),
    "add": StepDef(("tensor",), doc="x + y; y has x's shape, or ones for the spatial dimensions"),
    "multiply": StepDef(("tensor",), doc="x * y; y has x's shape, or ones for the spatial dimensions"),
    "add_scaled": StepDef(("tensor",), ("factor",), doc="x + y * factor; y of f32 or u8, whose integers are read as they are, has x's shape"),
    "scale": StepDef((), ("factor", "offset"), doc="x * factor + offset"),
    "tee": StepDef(doc="store x as a further result of the node, and go on"),
    **{name: StepDef((), tuple(param for param, _ in definition.params), doc="element-wise function")
       for name, definition in UNARY.items() if definition.is_activation},
}
"""The closed vocabulary. Per-channel vectors have one value for each element of the operator's channel axis."""


@dataclass(frozen=True)
class Step:
    """One step: its kind and its numbers; its operands stand in the node's `inputs`."""

    kind: str
    params: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in STEPS:
            raise VerifyError(f"unknown step {self.kind!r}; known: {', '.join(sorted(STEPS))}")
        if len(self.params) != len(STEPS[self.kind].params):
            raise VerifyError(f"step {self.kind} takes the numbers ({', '.join(STEPS[self.kind].params)}), {len(self.params)} were given")

    @property
    def operands(self) -> int:
        """How many of the node's operands the step reads."""
        return len(STEPS[self.kind].operands)

    @property
    def is_activation(self) -> bool:
        """Whether the step is an element-wise function of one argument."""
        return self.kind in UNARY


def operand_count(steps: Iterable[Step]) -> int:
    """Returns how many operands a sequence of steps reads."""
    return sum(step.operands for step in steps)


def tee_count(steps: Iterable[Step]) -> int:
    """Returns how many further results a sequence of steps stores."""
    return sum(step.kind == "tee" for step in steps)


def check_steps(steps: Sequence[Step], operands: Sequence[TensorType], result: TensorType, axis: int, where: str) -> None:
    """Raises VerifyError where an operand of a step does not fit the tensor that the steps work on."""
    remaining = list(operands)
    for step in steps:
        for kind in STEPS[step.kind].operands:
            operand = remaining.pop(0)
            dtypes = _operand_dtypes(step.kind, kind, result.dtype)
            if kind == "vector" and not -result.rank <= axis < result.rank:
                raise VerifyError(f"{where}: step {step.kind} works on channels, which {format_shape(result.shape)} does not have")
            if kind == "vector":
                legal = operand.rank == 1 and (operand.shape[0] == result.shape[axis] or (step.kind == "prelu" and operand.shape[0] == 1))
                wanted = f"({result.shape[axis]},)"
            else:
                planes = (*result.shape[:2], *(1,) * (result.rank - 2))
                legal = operand.shape == result.shape or (result.rank > 2 and operand.shape == planes and step.kind != "add_scaled")
                wanted = format_shape(result.shape)
            if not legal:
                raise VerifyError(f"{where}: step {step.kind} takes an operand of shape {wanted}, not {format_shape(operand.shape)}")
            if operand.dtype not in dtypes:
                raise VerifyError(f"{where}: step {step.kind} takes an operand of dtype {' or '.join(dtypes)}, not {operand.dtype}")


def _operand_dtypes(step: str, operand: str, result: str) -> tuple[str, ...]:
    """Returns the element types that an operand of a step may have; steps compute in f32 where the result is narrower."""
    if step == "add_scaled":
        return ("f32", "u8")
    return ("f32",) if result == "u8" or (operand == "vector" and result == "bf16") else (result,)


def evaluate_steps(steps: Sequence[Step], operands: Sequence[np.ndarray], x: np.ndarray, axis: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns the value after all steps, and what each tee stored."""
    remaining, tees = list(operands), []
    shape = [1] * x.ndim
    if -x.ndim <= axis < x.ndim:
        shape[axis] = -1
    for step in steps:
        taken = [remaining.pop(0) for _ in range(step.operands)]
        match step.kind:
            case "bias":
                x = x + taken[0].reshape(shape)
            case "affine":
                x = x * taken[0].reshape(shape) + taken[1].reshape(shape)
            case "prelu":
                x = np.where(x > 0, x, x * taken[0].reshape(shape)).astype(x.dtype)
            case "add":
                x = x + taken[0]
            case "multiply":
                x = x * taken[0]
            case "add_scaled":
                x = x + taken[0].astype(x.dtype) * x.dtype.type(step.params[0])
            case "scale":
                x = (x * x.dtype.type(step.params[0]) + x.dtype.type(step.params[1])).astype(x.dtype)
            case "tee":
                tees.append(x)
            case _:
                x = evaluate_unary(step.kind, x, step.params)
    return x, tees
