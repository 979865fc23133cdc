"""Operators that hold graphs of their own: calls of engines, loops and conditionals.

    results = engine.call(x...) { region }                      = region(x...)

    s..., y... = loop(s0..., x..., c...) { body, condition? }   for t in range(steps):
                                                                    if not condition(s..., c...): break
                                                                    s..., y[t]... = body(s..., x[t]..., c...)

    y... = cond(p, c...) { then, else }                         = then(c...) if p else else(c...)

A loop carries values from step to step (s), scans operands along their first axis (x), captures what does not change (c) and stacks what each step
returns beside the carried values (y), as Scan and Loop of ONNX do; rows of y that no step writes are zeros. A region sees nothing of the graph around it but
its inputs. Predicates have one element, of any type, and hold unless it is zero: NaN holds.
"""

from collections.abc import Sequence

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.graph import Graph
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, RegionRule, Regions, RunRegion, Types
from ngc.ir.tensor_type import DTYPES, SymDim, TensorType, bind_shape
from ngc.target import ENGINES


def _no_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    raise VerifyError("its results' types are those that its regions return")


def _no_evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    raise VerifyError("it is evaluated through its regions")


def _returned(region: Graph) -> tuple[TensorType, ...]:
    return tuple(value.type.logical for value in region.outputs)


def _listed(types: Sequence[TensorType]) -> str:
    return f"({', '.join(map(str, types))})"


def _check_takes(op: str, region: Graph, given: Types) -> None:
    wanted = [value.type for value in region.inputs]
    if list(given) != [type.logical for type in wanted]:
        raise VerifyError(f"{op}: the region {region.name} takes {_listed(wanted)}, not {_listed(given)}")


def _check_predicate(op: str, type: TensorType) -> None:
    if any(dim != 1 for dim in type.shape):
        raise VerifyError(f"{op}: a predicate has one element, not the type {type}")


# -- engine.call ------------------------------------------------------------------------------------------------------


def _call_types(types: Types, attrs: Attrs, regions: Regions) -> tuple[TensorType, ...]:
    _check_takes("engine.call", regions[0], types)
    return _returned(regions[0])


def _call(arrays: Arrays, attrs: Attrs, regions: Regions, run: RunRegion) -> Arrays:
    return run(regions[0], arrays)


# -- loop -------------------------------------------------------------------------------------------------------------


def _loop_types(types: Types, attrs: Attrs, regions: Regions) -> tuple[TensorType, ...]:
    carried, scanned, steps = attrs["carried"], attrs["scanned"], attrs["steps"]
    if carried < 0 or scanned < 0 or carried + scanned > len(types):
        raise VerifyError(f"loop: {len(types)} operands do not begin with {carried} carried and {scanned} scanned ones")
    if steps < 1:
        raise VerifyError(f"loop: steps is 1 or more, not {steps}")
    initial, slices, captured = list(types[:carried]), [], list(types[carried + scanned:])
    for type in types[carried:carried + scanned]:
        if type.rank == 0 or type.shape[0] != steps:
            raise VerifyError(f"loop: a scanned operand has the first dimension {steps}, which is the number of steps, not the type {type}")
        slices.append(type.with_shape(type.shape[1:]))
    body = regions[0]
    _check_takes("loop", body, [*initial, *slices, *captured])
    returned = _returned(body)
    if list(returned[:carried]) != initial:
        raise VerifyError(f"loop: the region {body.name} carries {_listed(returned[:carried])} to the next step, not {_listed(initial)}")
    for condition in regions[1:]:
        _check_takes("loop", condition, [*initial, *captured])
        if len(condition.outputs) != 1:
            raise VerifyError(f"loop: the region {condition.name} returns one predicate, not {len(condition.outputs)} values")
        _check_predicate("loop", condition.outputs[0].type)
    return (*initial, *(type.with_shape((steps, *type.shape)) for type in returned[carried:]))


def _loop(arrays: Arrays, attrs: Attrs, regions: Regions, run: RunRegion) -> Arrays:
    carried, scanned = attrs["carried"], attrs["scanned"]
    state, rows, captured = list(arrays[:carried]), arrays[carried:carried + scanned], arrays[carried + scanned:]
    body = regions[0]
    batch = _batch(body, [*state, *(array[0] for array in rows), *captured])
    stacks = [np.zeros((attrs["steps"], *bind_shape(value.type.shape, batch)), DTYPES.get(value.type.dtype, DTYPES["f32"]))
              for value in body.outputs[carried:]]
    for step in range(attrs["steps"]):
        if not all(np.any(run(condition, [*state, *captured])[0]) for condition in regions[1:]):
            break
        results = run(body, [*state, *(array[step] for array in rows), *captured])
        state = list(results[:carried])
        for stack, result in zip(stacks, results[carried:], strict=True):
            stack[step] = result
    return [*state, *stacks]


def _batch(region: Graph, arrays: Arrays) -> int:
    """Returns the batch of a run by what a region is given; 1 where nothing depends on it."""
    for value, array in zip(region.inputs, arrays, strict=True):
        for dim, size in zip(value.type.shape, array.shape, strict=True):
            if isinstance(dim, SymDim):
                return size // dim.factor
    return 1


# -- cond -------------------------------------------------------------------------------------------------------------


def _cond_types(types: Types, attrs: Attrs, regions: Regions) -> tuple[TensorType, ...]:
    _check_predicate("cond", types[0])
    for region in regions:
        _check_takes("cond", region, types[1:])
    first, second = map(_returned, regions)
    if first != second:
        raise VerifyError(f"cond: the regions {regions[0].name} and {regions[1].name} return {_listed(first)} and {_listed(second)}, which must be alike")
    return first


def _cond(arrays: Arrays, attrs: Attrs, regions: Regions, run: RunRegion) -> Arrays:
    return run(regions[0] if np.any(arrays[0]) else regions[1], arrays[1:])


OPS = (
    OpDef("engine.call", ("x*",), _no_infer, _no_evaluate, {"engine": Attr("str", choices=tuple(ENGINES))}, regions=RegionRule(("region",), _call_types, _call),
          doc="A region of the graph that an engine executes; its operands are the region's inputs, its results what the region returns."),
    OpDef("loop", ("x*",), _no_infer, _no_evaluate, {"carried": Attr("int", 0), "scanned": Attr("int", 0), "steps": Attr("int")}, frozenset({"control"}),
          regions=RegionRule(("body", "condition?"), _loop_types, _loop),
          doc="Runs its body for `steps` steps, or as long as its condition holds before them. Operands: initial carried values, scanned tensors, captured "
              "values; results: the last carried values, then what each step returned, stacked."),
    OpDef("cond", ("predicate", "x*"), _no_infer, _no_evaluate, traits=frozenset({"control"}), regions=RegionRule(("then", "else"), _cond_types, _cond),
          doc="Runs one of two regions on the operands behind the predicate: the second where that is zero."),
)
