"""Makes shapes smaller.

Which dimensions belong together, the channels that a layer makes and its bias and what it is added to, is not worked out: dimensions of equal size are
made smaller together, in all inputs, constants and attributes. Where that joins what does not belong together, the graph is refused by inference.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ngc.ir import Dim, Graph, Node, SymDim, TensorType, Value
from ngc.ir.tensor_type import bind_shape
from ngc.opt.reduce.case import Candidate, Case, Key
from ngc.opt.reduce.edit import Edit, Operands

_DIVISORS = (1 << 30, 256, 64, 16, 8, 4, 2)
"""All sizes at once are divided by these, none to less than one."""

_Axis = Callable[[Value, int], bool]
"""Whether an axis of an input or a constant is one that is made smaller."""


def batch(case: Case) -> Iterator[Candidate]:
    """Makes the first dimension of all inputs 1, whether it is the run-time batch or a number."""
    if not case.graph.inputs or not case.graph.inputs[0].type.shape:
        return
    first = case.graph.inputs[0].type.shape[0]
    if isinstance(first, SymDim) or first > 1:
        yield _smaller(case.graph, (0,), {first: 1}, lambda value, axis: not value.is_const and axis == 0)


def spatial(case: Case) -> Iterator[Candidate]:
    """Makes what lies behind batch and channels smaller in the inputs."""
    return _ladder(case.graph, lambda value, axis: not value.is_const and axis >= 2)


def channels(case: Case) -> Iterator[Candidate]:
    """Makes channels smaller: axis 1 of inputs, the first two of constants."""
    return _ladder(case.graph, lambda value, axis: axis < 2 if value.is_const else axis == 1)


def kernels(case: Case) -> Iterator[Candidate]:
    """Makes the taps of weights fewer."""
    return _ladder(case.graph, lambda value, axis: value.is_const and axis >= 2)


def _ladder(graph: Graph, wanted: _Axis) -> Iterator[Candidate]:
    """Yields candidates that divide all sizes of the wanted axes, by the largest numbers first, then those that make one size smaller."""
    sizes = sorted({dim for value in _sources(graph) for axis, dim in enumerate(value.type.shape) if wanted(value, axis) and isinstance(dim, int) and dim > 1},
                   reverse=True)
    tried: list[Mapping[Dim, int]] = []
    steps: list[tuple[Key, dict[int, int]]] = [((0, step), {size: max(size // divisor, 1) for size in sizes}) for step, divisor in enumerate(_DIVISORS)]
    steps += [((1, -size, step), {size: max(size // divisor, 1)}) for size in sizes for step, divisor in enumerate(_DIVISORS)]
    steps += [((2, -size), {size: size - 1}) for size in sizes if size <= 8]
    for key, mapping in steps:
        smaller: dict[Dim, int] = {size: target for size, target in mapping.items() if target < size}
        if smaller and smaller not in tried:
            tried.append(smaller)
            yield _smaller(graph, key, smaller, wanted)


def _smaller(graph: Graph, key: tuple[int, ...], sizes: Mapping[Dim, int], wanted: _Axis) -> Candidate:
    """Returns the candidate whose wanted axes have other sizes."""
    types, data = {}, {}
    for value in _sources(graph):
        shape = tuple(_size(dim, sizes) if wanted(value, axis) else dim for axis, dim in enumerate(value.type.shape))
        if shape != value.type.shape:
            types[value.name] = TensorType(shape, value.type.dtype, quant=value.type.quant)
            weight = value.producer.weight if value.producer is not None else None
            if weight is not None and weight.array is not None:
                corner = tuple(slice(size) for size in bind_shape(shape, 1))
                data[value.name] = np.ascontiguousarray(weight.array[corner])
    nodes = {node.name: Operands(tuple(value.name for value in node.inputs), attrs)
             for node in graph.nodes if node.op != "const" and (attrs := _attrs(node, sizes, types)) != node.attrs}
    shown = ", ".join(f"{size} as {target}" for size, target in sizes.items())
    return Candidate(key, f"sizes {shown}", Edit(types=types, data=data, nodes=nodes))


def _sources(graph: Graph) -> list[Value]:
    return [*graph.inputs, *(node.output for node in graph.nodes if node.op == "const")]


def _attrs(node: Node, sizes: Mapping[Dim, int], types: Mapping[str, TensorType]) -> dict[str, Any]:
    """Returns a node's attributes with other sizes in shapes, in the ends of slices and as the number of groups, and with less padding for fewer taps."""
    schema, attrs = node.definition.attrs, dict(node.attrs)
    for name, value in node.attrs.items():
        if schema[name].kind == "shape" or name == "end":
            attrs[name] = tuple(_size(dim, sizes) for dim in value or ())
        elif name == "groups":
            attrs[name] = _size(value, sizes)
        elif name in ("pad", "pad_end") and value and len(node.inputs) > 1 and node.inputs[1].name in types:
            before, after = (bind_shape(type.shape[2:], 1) for type in (node.inputs[1].type, types[node.inputs[1].name]))
            attrs[name] = tuple(max(side - (old - new) // 2, 0) for side, old, new in zip(value, before, after, strict=False))
    return attrs


def _size(dim: Any, sizes: Mapping[Dim, int]) -> Any:
    """Returns what a dimension becomes; with N goes every multiple of it."""
    if isinstance(dim, SymDim):
        return dim.factor if any(isinstance(size, SymDim) for size in sizes) else dim
    return sizes.get(dim, dim) if dim is not None else None
