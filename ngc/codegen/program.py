"""What code generation hands to the runtime: plain data, the same whether it was just compiled or read from an artifact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import TensorSpec


@dataclass(frozen=True)
class CallInfo:
    """One kernel call of the program, for profiles and explanations: its symbol, operator, source nodes, and its size per unit of `n`.

    `node` begins with the nodes and regions around it where it stands in some, as `loop/body/conv`; the sizes are those of all steps of such loops, as far as
    their number is known. `results` are what the call writes, in a loop what one step does, and `result_bytes` what of it takes up bytes of the arena; programs
    that were saved before calls had them have none.
    """

    symbol: str
    op: str
    node: str
    sources: tuple[str, ...]
    flops: int
    bytes: int
    per_image: bool
    note: str = ""
    results: tuple[TensorSpec, ...] = ()
    result_bytes: int = 0


@dataclass
class Program:
    """A compiled graph.

    Attributes:
        entry: the symbol of `void entry(ctx*)`.
        objects: object images by symbol, the entry's own among them.
        weights: packed constants, one blob.
        arena_fixed, arena_per_image: bytes of the arena are fixed + N * per_image.
        scratch: bytes of private scratch for each thread, behind the arena.
        options: how it was compiled, for whoever looks at it.
        callbacks: names of the nodes that Python executes, as of `CallInfo`, by the symbols under which the entry calls them.
        engines: what executes those of them that are engine calls, by the nodes' names; the others run in the reference evaluator.
    """

    target: str
    identity: str
    entry: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    calls: tuple[CallInfo, ...]
    arena_fixed: int
    arena_per_image: int
    scratch: int
    weights: np.ndarray
    objects: dict[str, bytes] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    callbacks: Mapping[str, str] = field(default_factory=dict)
    engines: Mapping[str, EngineImage] = field(default_factory=dict)

    def arena_bytes(self, batch: int, threads: int) -> int:
        """Returns the bytes of one arena for a batch and a number of threads."""
        return self.arena_fixed + batch * self.arena_per_image + threads * self.scratch
