"""The options of an engine: `ngc.compile(engine=ngc.EngineOptions(...))`."""

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from ngc.errors import InputError


@dataclass(frozen=True)
class EngineOptions:
    """What goes to the engine, and how it is built.

    Attributes:
        min_subgraph_size: regions of fewer operators stay on the CPU.
        excl_node_names: MXNet nodes that stay on the CPU.
        force_incl_node_names: MXNet nodes that go to the engine whatever its support table says; the engine's compiler has the last word.
        batch: for models whose batch is N, the smallest, the usual and the largest batch that a TensorRT engine is built for.
        timing_cache: a file that TensorRT's measurements are taken from and kept in.
        workspace: bytes that TensorRT may use beside weights and activations; its own default unless given.
        flags: further arguments of neuronx-cc, as they are written on its command line.
        pipeline_cores: over how many NeuronCores the compiler spreads the model.
        work_dir: a folder for what the Neuron compiler is given, says and makes; a temporary one, removed at the end, unless given.
        verbose: show all that the engine's compiler says, instead of its warnings and errors.
    """

    min_subgraph_size: int = 2
    excl_node_names: tuple[str, ...] = ()
    force_incl_node_names: tuple[str, ...] = ()
    batch: tuple[int, int, int] = (1, 1, 16)
    timing_cache: str | os.PathLike[str] | None = None
    workspace: int | None = None
    flags: tuple[str, ...] = ()
    pipeline_cores: int = 1
    work_dir: str | os.PathLike[str] | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        for name in ("excl_node_names", "force_incl_node_names", "flags"):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Iterable) or not all(isinstance(item, str) for item in value):
                what = "arguments" if name == "flags" else "names"
                raise InputError(f"{name} takes a list of {what}, not {value!r}" + (f"; write [{value!r}]" if isinstance(value, str) else ""))
            object.__setattr__(self, name, tuple(value))
        flag_words(self.flags)
        for name in ("timing_cache", "work_dir"):
            if not isinstance(path := getattr(self, name), str | os.PathLike | None):
                raise InputError(f"{name} is a path, not {path!r}")
        for name in ("min_subgraph_size", "pipeline_cores"):
            if not _is_count(getattr(self, name)):
                raise InputError(f"{name} is a whole number of at least 1, not {getattr(self, name)!r}")
        if self.workspace is not None and not _is_count(self.workspace):
            raise InputError(f"workspace is a number of bytes, not {self.workspace!r}")
        batches = tuple(self.batch) if isinstance(self.batch, Iterable) else ()
        if len(batches) != 3 or not all(map(_is_count, batches)) or list(batches) != sorted(batches):
            raise InputError(f"batch is (smallest, usual, largest), rising and at least 1, not {self.batch!r}")
        object.__setattr__(self, "batch", batches)

    @property
    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults, by name."""
        return {option.name: getattr(self, option.name) for option in fields(self) if getattr(self, option.name) != option.default}


def flag_words(flags: Iterable[str]) -> list[str]:
    """Returns the words of flags, each of which may hold several, with quotes as a shell has them; InputError where a quote has no end."""
    words = []
    for flag in flags:
        try:
            words += shlex.split(flag)
        except ValueError as error:
            raise InputError(f"flags: {flag!r} cannot be split into words: {error}") from error
    return words


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
