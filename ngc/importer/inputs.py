"""Tells a model's inputs from its parameters, and finds the inputs' shapes and element types."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from ngc.errors import ImportFailure, InputError
from ngc.importer.attributes import DTYPE_BY_NAME, MalformedValue, parse_shape, parse_type_flag
from ngc.importer.operator_names import parameter_inputs
from ngc.importer.sources import ModelSource
from ngc.importer.symbol import SymbolGraph
from ngc.ir import Dim, Shape, SymDim
from ngc.ir.tensor_type import format_shape

_DTYPES = frozenset(DTYPE_BY_NAME.values())
NAMED = 20
"""The most missing parameters that an error names: a network without any lacks hundreds."""

_WEIGHTED = ("Convolution", "Convolution_v1", "Deconvolution", "FullyConnected")


class InputTypes:
    """The variables of a symbol that are inputs (`positions`, in MXNet's order), and their types.

    A variable is a parameter when the parameters have its name, and an input otherwise; one that stands where
    only parameters stand, and that the caller gave no shape, is a missing parameter.
    """

    def __init__(
        self,
        source: ModelSource,
        symbol: SymbolGraph,
        order: Sequence[int],
        shapes: Mapping[str, Sequence[Any]] | None,
        dtypes: Mapping[str, Any] | None,
    ) -> None:
        self._source, self._symbol = source, symbol
        self._order = [symbol.nodes[position] for position in order]
        self._shapes = {name: _check_shape(name, shape) for name, shape in (shapes or {}).items()}
        self._dtypes = {name: _check_dtype(name, dtype) for name, dtype in (dtypes or {}).items()}
        variables = [position for position in order if symbol.nodes[position].is_variable]
        self.positions = [position for position in variables if self._parameter(position) is None]
        self._check_names()
        self._refuse_missing_parameters()
        self._refuse_missing_shapes()

    def type_of(self, position: int) -> tuple[Shape, str]:
        """Returns shape and dtype of an input."""
        shape = self._shape(position)
        if shape is None:
            raise ImportFailure(f"{self._symbol.source}: {self._symbol.nodes[position]} has no shape")
        return shape, self._dtype(position)

    def _parameter(self, position: int) -> np.ndarray[Any, Any] | None:
        return self._source.parameter(
            self._symbol.nodes[position].name, aux=position in self._symbol.aux_nodes
        )

    def _check_names(self) -> None:
        """Refuses shapes and dtypes for names that the model does not have; labels and parameters pass."""
        inputs = [self._symbol.nodes[position].name for position in self.positions]
        every = {node.name for node in self._source.symbol.nodes if node.is_variable}
        for option, given in (("shapes", self._shapes), ("dtypes", self._dtypes)):
            for name in given:
                if name not in every:
                    near = get_close_matches(name, inputs, 1)
                    hint = (
                        f"did you mean {near[0]!r}?"
                        if near
                        else f"inputs: {', '.join(map(repr, inputs)) or 'none'}"
                    )
                    raise InputError(f"{option}: the model has no input {name!r}; {hint}")
        for name, shape in self._shapes.items():
            array = self._source.parameter(name, aux=False)
            if name not in inputs and array is not None and array.shape != shape:
                raise InputError(f"shapes: {name!r} is a parameter of shape {array.shape}, not {format_shape(shape)}")

    def _refuse_missing_parameters(self) -> None:
        slots = {
            node.inputs[slot].node
            for node in self._order
            for slot in parameter_inputs(node.op, node.attrs)
            if slot < len(node.inputs)
        }
        missing = [
            self._symbol.nodes[position]
            for position in self.positions
            if position in slots and self._symbol.nodes[position].name not in self._shapes
        ]
        if missing:
            names = ", ".join(f"{node.name!r} (node {node.index})" for node in missing[:NAMED])
            if len(missing) > NAMED:
                names += f" and {len(missing) - NAMED} more"
            raise ImportFailure(
                f"{self._symbol.source}: {len(missing)} parameters are missing ({self._source.params_name}): "
                f"{names}; pass params= with them, or a shape for what is meant as an input"
            )

    def _refuse_missing_shapes(self) -> None:
        lacking = [
            self._symbol.nodes[position] for position in self.positions if self._shape(position) is None
        ]
        if lacking:
            names = ", ".join(f"{node.name!r} (node {node.index})" for node in lacking)
            example = f'shapes={{"{lacking[0].name}": (1, 3, 224, 224)}}'
            raise InputError(
                f"{self._symbol.source}: no shape for the inputs {names}; pass for instance {example}, "
                '"N" for a batch of any size'
            )

    def _shape(self, position: int) -> Shape | None:
        node = self._symbol.nodes[position]
        if node.name in self._shapes:
            return self._shapes[node.name]
        text = node.hidden.get("__shape__")
        if text is None:
            return None
        try:
            shape = parse_shape(text)
        except MalformedValue as error:
            raise ImportFailure(
                f"{self._symbol.source}: {node}: __shape__ = {text[:80]!r}: {error}"
            ) from error
        # 0 (and -1 under numpy semantics) stands for a dimension that is not known yet.
        return shape if shape and min(shape) > 0 else None

    def _dtype(self, position: int) -> str:
        """Returns the dtype given, that of the file, or that of the weights which the input meets first."""
        node = self._symbol.nodes[position]
        if node.name in self._dtypes:
            return self._dtypes[node.name]
        text = node.hidden.get("__dtype__")
        if text is not None:
            try:
                return parse_type_flag(text)
            except MalformedValue as error:
                raise ImportFailure(
                    f"{self._symbol.source}: {node}: __dtype__ = {text[:80]!r}: {error}"
                ) from error
        return self._dtypes_of_weights.get(position, "f32")

    @cached_property
    def _dtypes_of_weights(self) -> dict[int, str]:
        """The element types of the weights that values meet first, by the positions of the nodes that give the values."""
        found: dict[int, str] = {}
        for user in self._order:
            if user.op in _WEIGHTED and len(user.inputs) > 1:
                weight = self._parameter(user.inputs[1].node)
                if weight is not None and weight.dtype.name in DTYPE_BY_NAME:
                    found.setdefault(user.inputs[0].node, DTYPE_BY_NAME[weight.dtype.name])
        return found


def _check_shape(name: str, shape: Sequence[Any]) -> Shape:
    wanted = 'sizes of at least 1, such as (1, 3, 224, 224), or "N" once for a batch of any size'
    if isinstance(shape, str) or not isinstance(shape, Sequence):
        raise InputError(f"shapes: {name!r} has {shape!r}; expected {wanted}")
    dims: list[Dim] = []
    for dim in shape:
        if SymDim() not in dims and (dim == "N" or dim == SymDim()):
            dims.append(SymDim())
        elif isinstance(dim, int | np.integer) and not isinstance(dim, bool) and dim >= 1:
            dims.append(int(dim))
        else:
            raise InputError(f"shapes: {name!r} has {tuple(shape)!r}; expected {wanted}")
    return tuple(dims)


def _check_dtype(name: str, dtype: Any) -> str:
    if isinstance(dtype, str) and dtype in _DTYPES:
        return dtype
    try:
        known = DTYPE_BY_NAME.get(dtype if dtype == "bfloat16" else np.dtype(dtype).name)
    except TypeError:
        known = None
    if known is None:
        raise InputError(f"dtypes: {name!r} has {dtype!r}; expected one of {', '.join(DTYPE_BY_NAME)}")
    return known
