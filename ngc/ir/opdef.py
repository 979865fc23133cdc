"""`OpDef`: the one record of an operator, and the table of all of them.

Nothing about an operator is declared twice: the builder, the parser, the verifier and the passes call the same `infer`; the oracle and
constant folding call the same `evaluate`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ngc.errors import VerifyError, shorten
from ngc.ir.graph import STAGES, Graph
from ngc.ir.steps import Step, check_steps, evaluate_steps, operand_count, tee_count
from ngc.ir.tensor_type import Quant, SymDim, TensorType

Types = Sequence[TensorType]
Arrays = Sequence[np.ndarray]
Attrs = Mapping[str, Any]
Regions = Sequence[Graph]
RunRegion = Callable[[Graph, Arrays], Arrays]
"""Evaluates a region for arrays in the order of its inputs."""


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
        raise VerifyError(f"{where} takes {wanted}, not {shorten(repr(value))}")


@dataclass(frozen=True)
class FirstPart:
    """What an operator of two parts does before its prologue: both functions give the operands that the second part has instead of the operator's own."""

    infer: Callable[[Types, Attrs], Types]
    evaluate: Callable[[Arrays, Attrs], Arrays]


@dataclass(frozen=True)
class RegionRule:
    """What an operator does with the graphs that it holds.

    Attributes:
        names: what each region is to the operator, in order; the last may be optional (`?`).
        infer: returns the results' types; VerifyError where the regions do not fit the operands or each other.
        evaluate: returns the results.
    """

    names: tuple[str, ...]
    infer: Callable[[Types, Attrs, Regions], tuple[TensorType, ...]]
    evaluate: Callable[[Arrays, Attrs, Regions, RunRegion], Arrays]

    def check_count(self, count: int, name: str) -> None:
        """Raises VerifyError unless an operator of that name may have so many regions."""
        least, most = sum(not region.endswith("?") for region in self.names), len(self.names)
        if not least <= count <= most:
            wanted = ("one region" if most == 1 else f"{most} regions") if least == most else f"{least} to {most} regions"
            named = f" ({', '.join(self.names)})" if most > 1 else ""
            raise VerifyError(f"{name} has {wanted}{named}, not {count}")


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
    regions: RegionRule | None = None

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
            raise VerifyError(f"{self.name} has no attribute {shorten(', '.join(unknown))}; it takes {', '.join(self.attrs) or 'none'}")
        checked = {}
        for name, schema in self.attrs.items():
            value = attrs.get(name, schema.default)
            if value is REQUIRED:
                raise VerifyError(f"{self.name} needs the attribute {name}")
            checked[name] = schema.check(value, f"attribute {name} of {self.name}")
        return checked

    def infer_types(self, types: Types, attrs: Attrs, regions: Sequence[Graph] = ()) -> tuple[TensorType, ...]:
        """Returns the result types, further results of tee steps included."""
        if self.regions is not None:
            self.regions.check_count(len(regions), self.name)
            return self.regions.infer([type.logical for type in types], attrs, regions)
        if regions:
            raise VerifyError(f"{self.name} has no region, not {len(regions)}")
        own, before, _ = self.split(len(types), attrs)
        logical = [type.logical for type in types]
        prologue, epilogue = attrs.get("prologue", ()), attrs.get("epilogue", ())
        if tee_count(prologue):
            raise VerifyError(f"prologue of {self.name}: only an epilogue can store a further result with tee")
        try:
            main = logical[:own] if self.first is None else self.first.infer(logical[:own], attrs)
            if prologue:
                check_steps(prologue, logical[own:own + before], main[0], self.channel_axis, f"prologue of {self.name}")
                if main[0].dtype in INTEGERS:
                    raise VerifyError(f"prologue of {self.name}: steps before the main work take floats, not {main[0].dtype}")
            results = self.infer(main, attrs)
        except (TypeError, ValueError, IndexError, ArithmeticError) as error:
            given = shorten(", ".join(map(str, logical[:own])), 1000)
            raise VerifyError(f"{self.name} does not take operands of types ({given}) with these attributes: {error}") from error
        if epilogue:
            check_steps(epilogue, logical[own + before:], results[0], self.channel_axis, f"epilogue of {self.name}")
            results = (*results, *(results[0] for step in epilogue if step.kind == "tee"))
        return quantized_types(results, attrs, self.name) if attrs.get("result") == "u8" else results

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
            if attrs.get("result") and results[0].dtype == np.uint8:
                results = (results[0].astype(np.float32), *results[1:])
            if epilogue := attrs.get("epilogue", ()):
                first, tees = evaluate_steps(epilogue, arrays[own + before:], results[0], self.channel_axis)
                results = (first, *results[1:], *tees)
        return results


STEP_ATTRS = {"epilogue": Attr("steps", ())}
PROLOGUE_ATTRS = {"prologue": Attr("steps", ()), "epilogue": Attr("steps", ())}
RESULT_ATTRS = {"result": Attr("str", None, ("f32", "bf16", "u8")), "scales": Attr("floats", None), "zero_points": Attr("ints", None)}
"""Of operators that compute in f32 whatever their data is stored in: the element type of the results, that of the data unless given.

A result of u8 is the value after the last step, rounded to nearest even and saturated; `scales` and `zero_points` say what its integers stand for, one
entry for the first result and one for each tee. A single result may have a scale for each channel.
"""

_RESULTS = {"f32": ("f32", "bf16", "u8"), "bf16": ("f32", "bf16"), "u8": ("f32", "u8")}


def result_dtype(data: TensorType, attrs: Attrs) -> str:
    """Returns the element type of an operator's results; VerifyError where the data is of a type that has no other."""
    wanted: str | None = attrs["result"]
    if wanted is None:
        if data.dtype == "u8":
            raise VerifyError("data of u8 needs the attribute result: f32 or u8")
        return data.dtype
    if wanted not in _RESULTS.get(data.dtype, ()):
        possible = "; ".join(f"{name} gives {' or '.join(results)}" for name, results in _RESULTS.items())
        raise VerifyError(f"data of {data.dtype} gives no result of {wanted}; {possible}")
    return wanted


def quantized_types(results: Types, attrs: Attrs, name: str) -> tuple[TensorType, ...]:
    """Returns results of u8 with what their integers stand for; VerifyError where that is not said for each of them."""
    scales: tuple[float, ...] = attrs["scales"] or ()
    zero_points: tuple[int, ...] = attrs["zero_points"] or ()
    count = len(results)
    if not all(0 < scale < math.inf for scale in scales) or not all(0 <= zero <= 255 for zero in zero_points):
        raise VerifyError(f"{name}: scales are positive and finite, zero_points between 0 and 255, not {scales} and {zero_points}")
    if count == len(zero_points) == 1 < len(scales) and results[0].rank > 1 and len(scales) == results[0].shape[1]:
        return (replace(results[0], quant=Quant(scales, zero_points[0], axis=1)),)
    if len(scales) != count or len(zero_points) != count:
        raise VerifyError(f"{name} has {count} result{'s' * (count > 1)} of u8 and needs as many scales and zero_points, not {len(scales)} and "
                          f"{len(zero_points)}; one result may have a scale for each channel")
    return tuple(replace(type, quant=Quant((scale,), zero)) for type, scale, zero in zip(results, scales, zero_points, strict=True))


def check_x_zero(x: TensorType, w: TensorType, attrs: Attrs, name: str) -> None:
    """Checks the element types of a layer's data and weights: equal, or u8 and i8 with the integer that stands for a zero of the data.

    Raises:
        VerifyError: they do not fit each other.
    """
    if x.dtype == "u8" or w.dtype == "i8":
        if (x.dtype, w.dtype) != ("u8", "i8") or "x_zero" not in attrs:
            takes = "weights of i8 with data of u8" if "x_zero" in attrs else "floats"
            raise VerifyError(f"{name} takes {takes}, not {w.dtype} with {x.dtype}")
        if x.quant is not None and x.quant.zero_point != attrs["x_zero"]:
            raise VerifyError(f"{name}: x_zero is {attrs['x_zero']}, the data's zero point {x.quant.zero_point}")
        if not 0 <= attrs["x_zero"] <= 255:
            raise VerifyError(f"{name}: x_zero is between 0 and 255, not {attrs['x_zero']}")
    elif x.dtype != w.dtype:
        raise VerifyError(f"{name} takes data and weights of one dtype, not {x.dtype} and {w.dtype}")
    elif attrs.get("x_zero", 0):
        raise VerifyError(f"{name}: x_zero belongs to data of u8, not of {x.dtype}")


def centered(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, np.ndarray, np.dtype]:
    """Returns a layer's data and weights as they are multiplied, and the element type of its sums: for data of u8, x - x_zero, the weights, and f32."""
    x, w = arrays
    if x.dtype != np.uint8:
        return x, w, x.dtype
    return x.astype(np.float64) - attrs["x_zero"], w, np.dtype(np.float32)


INTEGERS = frozenset({"u8", "i8", "i32", "i64", "bool"})

X_ZERO_ATTRS = {"x_zero": Attr("int", 0)}
"""Of layers that multiply u8 data by i8 weights: the integer that stands for zero, which padding reads. The sums of (x - x_zero) * w are exact integers,
and the steps work on them as f32."""

_FAMILIES = ("basic", "convolution", "separable", "dense", "normalization", "pooling", "elementwise", "bits", "shape", "reduce", "quantization", "regions",
             "indexing", "ordering", "sequences", "detection", "resampling", "matmul", "recurrent", "linear_algebra")


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
