"""MXNet's executor of a checkpoint, bound as its users bind it for inference."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any


def bind(mx: ModuleType, prefix: str, shapes: Mapping[str, Sequence[int]], dtypes: Mapping[str, str] | None = None) -> Any:
    """Returns the executor of a checkpoint for inputs of given shapes, of float32 unless `dtypes` has another numpy name for them.

    Parameters' shapes and types are stated too: MXNet cannot infer them all, those of a table of rows for instance.
    """
    symbol, arguments, auxiliaries = mx.model.load_checkpoint(prefix, 0)
    wanted = set(symbol.list_arguments())
    known = {name: array for name, array in arguments.items() if name in wanted}
    all_shapes = {**{name: array.shape for name, array in known.items()}, **{name: tuple(shape) for name, shape in shapes.items()}}
    types = {**{name: array.dtype for name, array in known.items()}, **dict.fromkeys(shapes, "float32"), **(dtypes or {})}
    executor = symbol.simple_bind(mx.cpu(), grad_req="null", type_dict=types, **all_shapes)
    executor.copy_params_from(arguments, auxiliaries)
    return executor
