"""The table of passes, each loaded when it is asked for, and the named pipelines."""

from collections.abc import Callable
from importlib import import_module

from ngc.passes.base import Pass


def _load(module: str, name: str) -> Callable[[], type[Pass]]:
    def load() -> type[Pass]:
        found: type[Pass] = getattr(import_module(f"ngc.passes.{module}"), name)
        return found

    return load


def _lazy(*names: str) -> dict[str, Callable[[], type[Pass]]]:
    """A pass file, its class and its name in pipelines are the same words."""
    return {name: _load(name.replace("-", "_"), "".join(word.capitalize() for word in name.split("-"))) for name in names}


PASSES: dict[str, Callable[[], type[Pass]]] = _lazy(
    "canonicalize", "fold-constants", "eliminate-common-subexpressions", "eliminate-dead-code", "hoist-strides", "fold-batch-norm",
    "fuse-attention", "fuse-conv", "merge-parallel-dense", "fuse-preactivation", "fuse-prologue", "fuse-elementwise", "convert-precision", "quantize",
    "fuse-separable", "assign-layout", "record-ranges", "partition", "optimize-regions", "insert-qdq", "narrow-floats",
)

_CANONICAL = "canonicalize,fold-constants,eliminate-common-subexpressions,eliminate-dead-code"

_LAYERS = f"{_CANONICAL},fuse-attention,fold-batch-norm,hoist-strides,fold-constants,fuse-conv,merge-parallel-dense,fuse-preactivation"

_REST = "fuse-attention,fold-batch-norm,hoist-strides,fold-constants,fuse-conv,merge-parallel-dense,fuse-preactivation,fuse-prologue,fuse-elementwise," \
    "fuse-separable,eliminate-dead-code,assign-layout"
"""What the CPU does of a model whose larger part an engine executes."""

_FUSED = f"{_LAYERS},fuse-prologue,fuse-elementwise"

QUANTIZABLE = f"{_LAYERS},fuse-elementwise"
"""What comes before quantization, and before calibration, which knows values by the names that they have then."""

QUANTIZED_REST = "fuse-prologue,fold-constants,fuse-separable,eliminate-dead-code,assign-layout"
"""What comes after quantization: it fuses what stayed in f32."""

PIPELINES: dict[str, str] = {
    "canonical": _CANONICAL,
    "cpu-fp32": f"{_FUSED},fuse-separable,eliminate-dead-code,assign-layout",
    "cpu-int8": f"{QUANTIZABLE},quantize,{QUANTIZED_REST}",
    "cpu-bf16": f"{_FUSED},convert-precision,fold-constants,fuse-separable,eliminate-dead-code,assign-layout",
    **{name: f"{_CANONICAL},partition{{engine={engine}}},optimize-regions{{precision={precision}}},{_REST}" for name, engine, precision in (
        ("tensorrt-fp32", "tensorrt", "fp32"), ("tensorrt-fp16", "tensorrt", "fp16"),
        ("neuron-fp32", "neuron", "fp32"), ("neuron-bf16", "neuron", "bf16"), ("neuron-fp16", "neuron", "fp16"))},
    "tensorrt-int8": f"{_CANONICAL},record-ranges,partition{{engine=tensorrt}},optimize-regions{{precision=int8}},{_REST}",
}
"""Default pipelines by target and precision."""
