"""What each engine takes, asked by its name."""

from collections.abc import Callable

from ngc.errors import EngineError
from ngc.ir import Node
from ngc.target import ENGINES


def why_not_on(engine: str) -> Callable[[Node], str | None]:
    """Returns the predicate of an engine: why it does not take a node, None where it does.

    Raises:
        EngineError: there is no such engine.
    """
    match engine:  # each table is loaded for its own engine only
        case "tensorrt" | "tensorrt-rtx":
            from ngc.engines.tensorrt_support import why_not_tensorrt as predicate

        case "neuron":
            from ngc.engines.stablehlo_forms import why_no_stablehlo as predicate
        case _:
            raise EngineError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}")
    return predicate
