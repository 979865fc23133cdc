"""`OpDef`: the one record of an operator, and the table of all of them.

Nothing about an operator is declared twice: the builder, the parser, the verifier and the passes call the same `infer`; the oracle and
constant folding call the same `evaluate`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.graph import STAGES
from ngc.ir.steps import Step, check_steps, evaluate_steps, operand_count, tee_count
from ngc.ir.tensor_type import SymDim, TensorType

Types = Sequence[TensorType]
Arrays = Sequence[np.ndarray]
Attrs = Mapping[str, Any]


class _Required:
    """The default of an attribute that must be given."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Attr:
    """One attribute: kind (int, float, bool, str, ints, bounds, floats, shape, steps), default, and for strings the choices. None means absent."""

    kind: str
    default: Any = REQUIRED
    choices: tuple[str, ...] = ()

    def check(self, value: Any, where: str) -> Any:
        """Returns the value in its canonical Python type; VerifyError where it does not fit."""
        if value is None and self.default is None:
            return None
        try:
            match self.kind:
                case "int" if not isinstance(value, bool) and int(value) == value:
                    return int(value)
                case "float" if not isinstance(value, bool | str):
                    return float(value)
                case "bool" if isinstance(value, bool | np.bool_):
                    return bool(value)
                case "str" if isinstance(value, str) and (not self.choices or value in self.choices):
                    return value
                case "ints" if not isinstance(value, str):
                    if all(isinstance(item, int | np.integer) or item == int(item) for item in value):
                        return tuple(int(item) for item in value)
                case "bounds" if not isinstance(value, str):
                    if all(item is None or isinstance(item, int | np.integer) for item in value):
                        return tuple(None if item is None else int(item) for item in value)
                case "floats" if not isinstance(value, str):
                    if not any(isinstance(item, bool | str) for item in value):
                        return tuple(float(item) for item in value)
                case "shape" if not isinstance(value, str):
                    if all(isinstance(item, int | np.integer | SymDim) for item in value):
                        return tuple(item if isinstance(item, SymDim) else int(item) for item in value)
                case "steps":
                    if all(isinstance(item, Step) for item in value):
                        return tuple(value)
        except (TypeError, ValueError, OverflowError):
            pass
        wanted = f"one of {', '.join(self.choices)}" if self.choices else self.kind
        raise VerifyError(f"{where} takes {wanted}, not {value!r}")


@dataclass(frozen=True)
class FirstPart:
    """What an operator of two parts does before its prologue: both functions give the operands that the second part has instead of the operator's own."""

    infer: Callable[[Types, Attrs], Types]
    evaluate: Callable[[Arrays, Attrs], Arrays]


@dataclass(frozen=True)
class OpDef:
    """An operator: operand names (`?` optional, `*` any number), attributes, type inference, numpy evaluation, traits, legal stages.

    `infer` and `evaluate` see the operator's own operands and result only; steps are folded around them here. `channel_axis` is the axis that
    per-channel steps follow. An operator of two parts with steps between them has a `first` part: then the prologue comes after that, and `infer` and
    `evaluate` see what it gives.
    """

    name: str
    operands: tuple[str, ...]
    infer: Callable[[Types, Attrs], tuple[TensorType, ...]]
    evaluate: Callable[[Arrays, Attrs], tuple[np.ndarray, ...]]
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    channel_axis: int = 1
    stages: tuple[str, ...] = STAGES
    doc: str = ""
    first: "FirstPart | None" = None

    def split(self, count: int, attrs: Attrs) -> tuple[int, int, int]:
        """Returns how many of `count` operands are the operator's own, the prologue's and the epilogue's."""
        before, after = operand_count(attrs.get("prologue", ())), operand_count(attrs.get("epilogue", ()))
        own = count - before - after
        least = sum(not name.endswith(("?", "*")) for name in self.operands)
        most = count if any(name.endswith("*") for name in self.operands) else len(self.operands)
        if not least <= own <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise VerifyError(f"{self.name} takes {wanted} operands ({', '.join(self.operands)}) besides those of its steps, not {own}")
        return own, before, after

    def check_attrs(self, attrs: Attrs) -> dict[str, Any]:
        """Returns all attributes in canonical types with defaults filled in; VerifyError for unknown, missing or ill-typed ones."""
        unknown = sorted(set(attrs) - set(self.attrs))
        if unknown:
            raise VerifyError(f"{self.name} has no attribute {', '.join(unknown)}; it takes {', '.join(self.attrs) or 'none'}")
        checked = {}
        for name, schema in self.attrs.items():
            value = attrs.get(name, schema.default)
            if value is REQUIRED:
                raise VerifyError(f"{self.name} needs the attribute {name}")
            checked[name] = schema.check(value, f"attribute {name} of {self.name}")
        return checked

    def infer_types(self, types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
        """Returns the result types, further results of tee steps included."""
        own, before, _ = self.split(len(types), attrs)
        logical = [type.logical for type in types]
        prologue, epilogue = attrs.get("prologue", ()), attrs.get("epilogue", ())
        if tee_count(prologue):
            raise VerifyError(f"prologue of {self.name}: only an epilogue can store a further result with tee")
        try:
            main = logical[:own] if self.first is None else self.first.infer(logical[:own], attrs)
            if prologue:
                check_steps(prologue, logical[own:own + before], main[0], self.channel_axis, f"prologue of {self.name}")
            results = self.infer(main, attrs)
        except (TypeError, ValueError, IndexError, ArithmeticError) as error:
            given = ", ".join(map(str, logical[:own]))
            raise VerifyError(f"{self.name} does not take operands of types ({given}) with these attributes: {error}") from error
        if epilogue:
            check_steps(epilogue, logical[own + before:], results[0], self.channel_axis, f"epilogue of {self.name}")
            results = (*results, *(results[0] for step in epilogue if step.kind == "tee"))
        return results

    def evaluate_arrays(self, arrays: Arrays, attrs: Attrs, narrow: Callable[[np.ndarray], np.ndarray] | None = None) -> tuple[np.ndarray, ...]:
        """Returns the results by numpy: the reference semantics. Overflow and invalid values are results, not warnings.

        `narrow` rounds what a first part and a prologue make of an operand whose type numpy lacks, as the code does that multiplies it.
        """
        own, before, _ = self.split(len(arrays), attrs)
        main = list(arrays[:own])
        with np.errstate(all="ignore"):
            if self.first is not None:
                main = list(self.first.evaluate(main, attrs))
            if prologue := attrs.get("prologue", ()):
                main[0], _ = evaluate_steps(prologue, arrays[own:own + before], main[0], self.channel_axis)
            if narrow is not None and (prologue or self.first is not None):
                main[0] = narrow(main[0])
            results = self.evaluate(main, attrs)
            if epilogue := attrs.get("epilogue", ()):
                first, tees = evaluate_steps(epilogue, arrays[own + before:], results[0], self.channel_axis)
                results = (first, *results[1:], *tees)
        return results


STEP_ATTRS = {"epilogue": Attr("steps", ())}
PROLOGUE_ATTRS = {"prologue": Attr("steps", ()), "epilogue": Attr("steps", ())}
RESULT_ATTRS = {"result": Attr("str", None, ("f32", "bf16"))}
"""Of operators that compute in f32 whatever their data is stored in: the element type of the results, that of the data unless given."""


def result_dtype(data: TensorType, attrs: Attrs) -> str:
    """Returns the element type of an operator's results; VerifyError where the data is of a type that has no other."""
    wanted: str | None = attrs["result"]
    if wanted is not None and data.dtype not in RESULT_ATTRS["result"].choices:
        raise VerifyError(f"data of {data.dtype} gives no result of {wanted}; f32 and bf16 give either")
    return wanted or data.dtype

_FAMILIES = ("basic", "convolution", "separable", "dense", "normalization", "pooling", "elementwise", "shape", "reduce")


@cache
def opdefs() -> dict[str, OpDef]:
    """Returns every operator by name, each family's table loaded once; a duplicate name is an error."""
    table: dict[str, OpDef] = {}
    for family in _FAMILIES:
        for definition in import_module(f"ngc.ir.ops.{family}").OPS:
            if definition.name in table:
                raise ValueError(f"duplicate operator {definition.name} in ngc.ir.ops.{family}")
            table[definition.name] = definition
    return table


def opdef(name: str) -> OpDef:
    """Returns an operator's record; VerifyError with near matches where there is none."""
    try:
        return opdefs()[name]
    except KeyError:
        from difflib import get_close_matches  # only errors need it

        near = get_close_matches(name, opdefs(), 3)
        raise VerifyError(f"unknown operator {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")) from None
