"""The options of an engine: `ngc.compile(engine=ngc.EngineOptions(...))`."""

import os
from dataclasses import dataclass

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
            if isinstance(value, str):
                raise InputError(f"{name} takes several names, not the text {value!r}; write [{value!r}]")
            object.__setattr__(self, name, tuple(value))
        if self.min_subgraph_size < 1:
            raise InputError(f"min_subgraph_size is at least 1, not {self.min_subgraph_size}")
        if self.workspace is not None and self.workspace < 0:
            raise InputError(f"workspace is a number of bytes, not {self.workspace}")
        if self.pipeline_cores < 1:
            raise InputError(f"pipeline_cores is at least 1, not {self.pipeline_cores}")
        if len(self.batch) != 3 or not 1 <= self.batch[0] <= self.batch[1] <= self.batch[2]:
            raise InputError(f"batch is (smallest, usual, largest), rising and at least 1, not {self.batch}")
