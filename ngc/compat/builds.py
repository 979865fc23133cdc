"""What executors compile for."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ngc.compat.contexts import check_first, gpu_target, kind_of, neuron_target
from ngc.engines import EngineOptions
from ngc.errors import EngineError, InputError
from ngc.importer.subgraphs import engine_nodes
from ngc.importer.symbol import SymbolGraph

if TYPE_CHECKING:
    from ngc.compat.symbol import Symbol
    from ngc.runtime import Executable

USE_FP16 = "MXNET_TENSORRT_USE_FP16"
"""MXNet's environment variable for the precision of its TensorRT engines: fp16 unless it is 0."""

_FAMILIES = {"neuron": "neuron", "gpu": "tensorrt"}
"""By kind of context, the kind of engine."""


@dataclass(frozen=True)
class Build:
    """The target of `ngc.compile`, with what belongs to it.

    Attributes:
        target: "cpu", or an engine's.
        precision: None for what the model asks for.
        options: what goes to an engine, and how it is built.
        calibration: for int8.
    """

    target: str = "cpu"
    precision: str | None = None
    options: EngineOptions = field(default_factory=EngineOptions)
    calibration: Any = None

    @property
    def is_engine(self) -> bool:
        """Whether the target is an engine."""
        return not self.target.startswith("cpu")

    def compile(self, model: tuple[SymbolGraph, Mapping[str, Any], Mapping[str, Any]], shapes: Any, dtypes: Any = None) -> "Executable":
        """Returns the executable of a symbol with its parameters for inputs of these shapes and dtypes.

        The regions of a divided symbol stay as they are, except in int8, which divides the model itself.
        """
        from ngc.driver import compile  # LLVM is loaded by whoever compiles

        options, family = self.options, re.split("[-:]", self.target)[0]
        if self.precision != "int8" and any(engine_nodes(model[0], family)):
            options = replace(options, **{name: getattr(EngineOptions, name) for name in ("min_subgraph_size", "excl_node_names", "force_incl_node_names")})
        return compile(model, shapes=shapes, dtypes=dtypes, target=self.target, precision=self.precision, calibration=self.calibration,
                       engine=options if self.is_engine else None)


CPU = Build()


def build_for(symbol: "Symbol", ctx: Any) -> Build:
    """Returns what a symbol is to be compiled for on a device: in the precision that it was divided for.

    Raises:
        EngineError: a context of another kind than CPU, GPU and Neuron, or a device that is not the first of its kind.
        InputError: its regions are of several precisions.
    """
    kind = kind_of(ctx)
    if kind.startswith("cpu"):
        return CPU
    if kind not in _FAMILIES:
        raise EngineError(f"ctx={ctx}: a symbol is executed on a CPU, by TensorRT on a GPU, or by Neuron; pass mx.cpu(), mx.gpu(0) or "
                          "ngc.compat.neuron.neuron()")
    check_first(ctx)
    if kind == "gpu" and symbol.build is not None:
        return symbol.build if symbol.build.precision else Build(symbol.build.target, tensorrt_precision(), symbol.build.options)
    precisions = sorted({node.attrs["precision"] for node in engine_nodes(symbol.graph, _FAMILIES[kind]) if "precision" in node.attrs})
    if len(precisions) > 1:
        raise InputError(f"the symbol's subgraphs were divided for {' and '.join(precisions)}; divide the model once")
    if kind == "neuron":
        return Build(neuron_target(ctx), precisions[0] if precisions else "fp32")
    return Build(gpu_target(), precisions[0] if precisions else tensorrt_precision())


def tensorrt_precision() -> str:
    """Returns the precision that MXNet's environment variable asks for: fp16 unless it is 0."""
    return "fp16" if os.environ.get(USE_FP16, "1") == "1" else "fp32"
