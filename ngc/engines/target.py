"""Targets that are engines: `tensorrt`, `tensorrt-rtx:sm86,sm89`, `neuron:inf2`, `neuron:cpu`."""

import re
from dataclasses import dataclass

from ngc.errors import InputError
from ngc.target import ENGINES

NEURON_FAMILIES = ("trn1", "trn2", "inf2")
"""Instance families that neuronx-cc compiles for."""

_CAPABILITY = re.compile(r"sm[0-9]{2,3}")


@dataclass(frozen=True)
class EngineTarget:
    """An engine and what it is to compile for.

    Attributes:
        name: the target text.
        engine: its key in `ENGINES`.
        variants: GPU compute capabilities such as "sm86", none for that of the GPU at hand; for Neuron one instance family, or "cpu" for the module on XLA's
            CPU client.
    """

    name: str
    engine: str
    variants: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The engine's name for people."""
        return ENGINES[self.engine]

    @property
    def is_tensorrt(self) -> bool:
        """Whether the engine is one of the two TensorRTs."""
        return self.engine != "neuron"

    @property
    def family(self) -> str:
        """The instance family that a Neuron module is compiled for, or "cpu"."""
        return self.variants[0]


def parse_engine_target(text: str) -> EngineTarget | None:
    """Returns the engine that a target text names, None where it names no engine.

    Raises:
        InputError: what stands behind the engine's name does not fit.
    """
    engine, colon, rest = text.partition(":")
    if engine not in ENGINES:
        return None
    variants = tuple(part.strip() for part in rest.split(",")) if colon else ()
    if engine == "neuron":
        if len(variants) > 1 or not set(variants) <= {*NEURON_FAMILIES, "cpu"}:
            raise InputError(f"target {text!r}: behind \"neuron:\" comes one of {', '.join(NEURON_FAMILIES)}, or cpu for XLA's CPU client")
        return EngineTarget(text, engine, variants or (NEURON_FAMILIES[0],))
    if not all(_CAPABILITY.fullmatch(part) for part in variants):
        raise InputError(f"target {text!r}: behind \"{engine}:\" come GPU compute capabilities by commas, such as {engine}:sm86,sm89")
    if len(set(variants)) != len(variants):
        raise InputError(f"target {text!r} names a compute capability twice")
    if engine == "tensorrt" and variants:
        raise InputError(f"target {text!r}: TensorRT builds for the GPU at hand; engines for other ones are built with \"tensorrt-rtx:{rest}\"")
    return EngineTarget(text, engine, variants)
