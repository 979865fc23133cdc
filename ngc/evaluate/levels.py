"""How much of an evaluation is traced."""

from enum import IntEnum

from ngc.errors import EvaluationError


class TraceLevel(IntEnum):
    """Levels of traces, each with all that those before it have; names and order are those of the MLModelScope agents.

    ngc's kernels are the layers of FRAMEWORK_TRACE. They call no library whose own calls could be traced, so on a CPU the levels
    from ML_LIBRARY_TRACE on have what FRAMEWORK_TRACE has.
    """

    NO_TRACE = 0
    APPLICATION_TRACE = 1
    MODEL_TRACE = 2
    FRAMEWORK_TRACE = 3
    ML_LIBRARY_TRACE = 4
    SYSTEM_LIBRARY_TRACE = 5
    HARDWARE_TRACE = 6
    FULL_TRACE = 7

    @classmethod
    def named(cls, name: str) -> "TraceLevel":
        """Returns the level of a name, in any case, with or without `_TRACE`; LIBRARY_TRACE is ML_LIBRARY_TRACE.

        Raises:
            EvaluationError: there is no such level.
        """
        spelled = name.upper().removesuffix("_TRACE")
        spelled = {"LIBRARY": "ML_LIBRARY"}.get(spelled, spelled)
        try:
            return cls[f"{spelled}_TRACE"]
        except KeyError:
            raise EvaluationError(f"no trace level {name!r}; there are {', '.join(level.name for level in cls)}") from None
