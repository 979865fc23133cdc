"""From a model and data to the report of what int8 costs and gains it."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from ngc.calibration import quantizable
from ngc.calibration.batches import copied, iterate_feeds
from ngc.calibration.pieces import cut
from ngc.importer import import_model
from ngc.ir import Graph, clone
from ngc.passes import PassContext
from ngc.passes.quantize.outcome import quantized_layers
from ngc.quantization.analysis import IMAGES, Comparison, Machine, added_noise, compare, decibels, quantized
from ngc.quantization.options import QuantizationOptions, quantizer
from ngc.quantization.report import LayerReport, QuantizationReport
from ngc.quantization.speed import kernel_times
from ngc.runtime import Profile
from ngc.target import parse_target

_RUNS = 20
"""Of each profile."""


def analyze_quantization(
    model: Any,
    batches: Any,
    params: Any = None,
    *,
    calibration: Any = None,
    limit: int = 32,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    outputs: Sequence[str] | None = None,
    target: str = "cpu",
    threads: int | None = None,
    numerics: str = "fast",
    accuracy_budget: float | None = None,
    quantization: QuantizationOptions | None = None,
    cache: bool = True,
) -> QuantizationReport:
    """Returns what int8 costs and gains a model, layer by layer: its forms in fp32 and in int8 both run over data.

    Args:
        model: what `ngc.compile` takes.
        batches: data to measure with, as `ngc.calibrate` takes it; what is calibrated with too unless `calibration` is given.
        params: a .params path or a dictionary of arrays; found beside the symbol when a path or prefix is given.
        calibration: a `CalibrationTable` or other batches.
        limit: how many batches are measured with at most.
        shapes: input shapes by name; the first dimension may be "N".
        dtypes: input dtypes by name, float32 unless given.
        outputs: names of inner values to compute instead of the symbol's heads.
        target: a processor that this machine can stand for.
        threads: how many threads share a run; the physical cores that affinity and the container's quota leave unless given.
        numerics: "fast", or "exact" for direct summation only.
        accuracy_budget: as `ngc.compile` takes it.
        quantization: how ranges are chosen, which layers stay in f32, and so on.
        cache: reuse compiled kernels from the cache folder.

    Raises:
        ImportFailure: the model's files are missing, damaged or inconsistent.
        UnsupportedOperator: operators that ngc does not know, all of them listed.
        InputError: an argument or a batch that does not fit, or no batch at all.
        CodegenError: operators without kernels, all of them listed.
    """
    machine = Machine(parse_target(target), threads, cache, numerics)
    floats = clone(model) if isinstance(model, Graph) else import_model(model, params, shapes=shapes, dtypes=dtypes, outputs=outputs)
    quantizable(floats, PassContext(target=machine.target))
    taken = iterate_feeds(batches, floats.input_names)
    every = copied(taken if calibration is None else islice(taken, limit))
    feeds = every[:limit]
    calibrate = quantizer(every if calibration is None else calibration, quantization or QuantizationOptions(), machine, accuracy_budget)
    integers = quantized(floats, calibrate(floats), machine.target)
    comparison = compare(floats, integers, feeds, machine)
    executables = [machine.build(graph) for graph in (integers, floats)]
    example = cut(executables[0].program.inputs, feeds[0], IMAGES)[1][0]
    return _report(floats, integers, comparison, *(executable.profile(example, runs=_RUNS) for executable in executables))


def _report(floats: Graph, integers: Graph, comparison: Comparison, int8: Profile, fp32: Profile) -> QuantizationReport:
    """Returns the report of a comparison and of two profiles."""
    noise, times = added_noise(floats, comparison), [kernel_times(profile) for profile in (int8, fp32)]
    layers = tuple(LayerReport(layer, comparison.sqnr(layer.node), noise.get(layer.node, 0.0) if layer.precision == "int8" else 0.0,
                               times[0].get(layer.node) if layer.precision == "int8" else None, times[1].get(layer.node))
                   for layer in quantized_layers(integers))
    return QuantizationReport(layers, decibels(comparison.relative(comparison.outputs[0])), comparison.same / comparison.examples, comparison.examples,
                              int8.total_ms, fp32.total_ms)

