"""The arguments of MXNet-Neuron's `compile`, as its documentation lists them, in ngc's terms.

Old flags were those of neuron-cc; its successor neuronx-cc has others. What says how to compute becomes an explicit precision or neuronx-cc's own flag for it,
what says how much to show or keep becomes an option, and the rest is handed on as it is, for neuronx-cc to judge.
"""

import logging
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ngc.compat.builds import Build
from ngc.compat.contexts import neuron_target
from ngc.engines import EngineOptions
from ngc.engines.options import flag_words
from ngc.errors import InputError

_log = logging.getLogger("ngc")

_CASTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "none": ("fp32", ()), "all": ("bf16", ()), "all-bf16": ("bf16", ()), "all-fp16": ("fp16", ()),
    "matmult": ("fp32", ("--auto-cast matmult --auto-cast-type bf16",)), "matmult-bf16": ("fp32", ("--auto-cast matmult --auto-cast-type bf16",)),
    "matmult-fp16": ("fp32", ("--auto-cast matmult --auto-cast-type fp16",)),
}
"""neuron-cc's --fp32-cast: the precision of the module, and neuronx-cc's flags where only its matrix products are to be narrower."""

_LAYOUT_WORDS = ("fast-relayout", "no-fast-relayout")
"""Words of neuron-cc's --fast-math that concern its own way of moving data."""


@dataclass(frozen=True)
class NeuronOptions:
    """What `compile` was asked for.

    Attributes:
        precision: of the regions; fp32 unless a flag says otherwise: what neuron-cc did by default, everything in bf16, has to be asked for.
        target: a target text of ngc, from the argument `target`, the environment variable NGC_NEURON_TARGET, or "neuron".
        engine: which operators go where, and how they are compiled.
    """

    precision: str = "fp32"
    target: str = "neuron"
    engine: EngineOptions = field(default_factory=EngineOptions)

    @property
    def build(self) -> Build:
        """What executors of the compiled model compile for."""
        return Build(self.target, self.precision, self.engine)


def read_options(arguments: Mapping[str, Any]) -> NeuronOptions:
    """Returns what the keyword arguments of `compile` mean.

    Raises:
        InputError: an argument that is unknown or does not fit.
    """
    reader = _Reader(NeuronOptions(target=neuron_target()))
    for name, value in arguments.items():
        reader.read(name, value)
    return reader.options


class _Reader:
    """Reads arguments one by one into `options`."""

    def __init__(self, options: NeuronOptions) -> None:
        self.options = options
        self.known: Mapping[str, Callable[[Any], None]] = {
            "--neuroncore-pipeline-cores": self.cores, "--num-neuroncores": self.cores, "--fp32-cast": self.cast, "--fast-math": self.fast_math,
            "--verbose": self.verbose, "--pipeline": self.pipeline, "flags": self.flags, "excl_node_names": lambda value: self.names("excl_node_names", value),
            "force_incl_node_names": lambda value: self.names("force_incl_node_names", value), "work_dir": lambda value: self.engine(work_dir=value),
            "target": lambda value: self.set(target=str(value)),
        }

    def read(self, name: str, value: Any) -> None:
        if name not in self.known:
            raise InputError(f"neuron.compile has no argument {name!r}; it takes {', '.join(self.known)}, and further flags of the compiler in flags=[...]")
        self.known[name](value)

    def set(self, **changes: Any) -> None:
        self.options = replace(self.options, **changes)

    def engine(self, **changes: Any) -> None:
        self.set(engine=replace(self.options.engine, **changes))

    def cores(self, value: Any) -> None:
        try:
            self.engine(pipeline_cores=int(value))
        except (TypeError, ValueError) as error:
            raise InputError(f"--neuroncore-pipeline-cores takes a number, not {value!r}") from error

    def cast(self, value: Any) -> None:
        if not isinstance(value, str) or value not in _CASTS:
            raise InputError(f"--fp32-cast takes one of {', '.join(_CASTS)}, not {value!r}")
        precision, flags = _CASTS[value]
        self.set(precision=precision)
        self.engine(flags=(*self.options.engine.flags, *flags))

    def fast_math(self, value: Any) -> None:
        for word in _texts("--fast-math", value):
            if word in _LAYOUT_WORDS:
                _log.warning("--fast-math %s is left out: neuronx-cc has no such choice", word)
            else:
                self.cast(word.removeprefix("fp32-cast-"))

    def verbose(self, value: Any) -> None:
        self.engine(verbose=str(value).upper() not in ("0", "WARN", "WARNING", "ERROR", "FALSE"))

    def pipeline(self, value: Any) -> None:
        words = _texts("--pipeline", value)
        if unknown := sorted(set(words) - {"compile", "SaveTemps"}):
            raise InputError(f"--pipeline takes compile and SaveTemps, not {', '.join(unknown)}")
        if "SaveTemps" in words and self.options.engine.work_dir is None:
            self.engine(work_dir=os.curdir)

    def names(self, option: str, value: Sequence[str]) -> None:
        self.engine(**{option: value})

    def flags(self, value: Sequence[str]) -> None:
        """Reads neuron-cc's flags, one or several in each text."""
        if isinstance(value, str):
            raise InputError(f"flags takes a list of texts, not the text {value!r}; write [{value!r}]")
        for flag, values in _grouped(flag_words(_texts("flags", value))):
            if flag == "SaveTemps" or flag in ("--fp32-cast", "--fast-math", "--verbose", "--pipeline", "--neuroncore-pipeline-cores", "--num-neuroncores"):
                self.known["--pipeline" if flag == "SaveTemps" else flag](" ".join(values) if flag != "SaveTemps" else flag)
            else:
                self.engine(flags=(*self.options.engine.flags, shlex.join((flag, *values))))


def _texts(name: str, value: Any) -> list[str]:
    """Returns an argument that is a list of texts, or a text of several words."""
    if isinstance(value, str):
        return value.split()
    if not isinstance(value, Iterable) or not all(isinstance(item, str) for item in value):
        raise InputError(f"{name} takes a list of texts, not {value!r}")
    return list(value)


def _grouped(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields each flag with its values; SaveTemps stands alone unless it follows --pipeline."""
    flag, values = "", list[str]()
    for word in words:
        if word.startswith("-") or (word == "SaveTemps" and flag != "--pipeline"):
            if flag:
                yield flag, values
            flag, _, value = word.partition("=")
            values = [value] if value else []
        elif not flag:
            raise InputError(f"flags: {word!r} is no flag; a flag begins with --")
        else:
            values.append(word)
    if flag:
        yield flag, values
