"""The line from a model to an executable: import, passes, code."""

import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngc.driver_engines import build_images, check_engine_options, check_model, check_passes, for_engine, kind_of, stored_images
from ngc.engines import EngineOptions, EngineTarget, parse_engine_target
from ngc.errors import EngineError, InputError
from ngc.importer import import_model
from ngc.importer.sources import resolve_model
from ngc.ir import Graph, clone
from ngc.passes import PIPELINES, Pass, PassContext, PassManager
from ngc.target import CpuTarget, host_target, parse_target

if TYPE_CHECKING:
    from ngc.codegen.program import Program
    from ngc.passes.instruments import DumpIR
    from ngc.quantization import QuantizationOptions
    from ngc.runtime import Executable

_log = logging.getLogger("ngc")

PRECISIONS = {"cpu": ("fp32", "bf16", "int8"), "tensorrt": ("fp32", "fp16", "int8"), "neuron": ("fp32", "bf16", "fp16")}
"""What can be computed in, by kind of target; each has a default pipeline of that name."""


def compile(  # the public name
    model: Any,
    params: Any = None,
    *,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
    dtypes: Mapping[str, str] | None = None,
    outputs: Sequence[str] | None = None,
    target: str = "cpu",
    precision: str | None = None,
    calibration: Any = None,
    accuracy_budget: float | None = None,
    threads: int | None = None,
    tune: bool = False,
    numerics: str = "fast",
    fallback: str | None = None,
    pipeline: str | None = None,
    dump_dir: str | os.PathLike[str] | None = None,
    cache: bool = True,
    quantization: "QuantizationOptions | None" = None,
    engine: EngineOptions | None = None,
) -> "Executable":
    """Returns an executable of an MXNet model.

    Args:
        model: a checkpoint prefix, a -symbol.json path, an mx.sym.Symbol, a Gluon HybridBlock, (symbol, arg_params, aux_params), or an ngc.Graph.
        params: a .params path or a dictionary of arrays; found beside the symbol when a path or prefix is given.
        shapes: input shapes by name; one dimension may be "N", then one executable takes any batch.
        dtypes: input dtypes by name, float32 unless given.
        outputs: names of inner values to return instead of the symbol's heads.
        target: "cpu" for this machine, or "cpu:" and a processor or x86-64 level; "tensorrt-rtx:sm86,sm89" for GPUs of these compute capabilities, "tensorrt"
            or "tensorrt-rtx" for the GPU at hand; "neuron:trn1", "neuron:trn2" or "neuron:inf2", and "neuron:cpu" for the Neuron module on XLA's CPU client,
            to check it. What an engine does not take runs on this machine's CPU; `ngc.coverage` shows what that would be. Building needs no device.
        precision: "fp32", which is meant unless the model carries ranges of its own; "bf16": activations and weights in bf16, sums in f32, on processors with
            AVX512-BF16 and on Neuron; "fp16": the same in fp16, on engines; or "int8": activations in u8, weights in i8, sums in i32, as `calibration` says,
            on the CPU, and in TensorRT with both in i8.
        calibration: for int8, a `CalibrationTable` or the path of one, or batches as `ngc.calibrate` takes them; not taken with other precisions. A model that
            carries its own ranges, since MXNet or `ngc.compat.quantization` quantized it, needs none, and is compiled in int8 unless a precision is asked for.
        accuracy_budget: for int8, the largest share of examples whose first choice may change, such as 0.01, or from 1 on the smallest signal-to-noise ratio of
            any output in dB; the layers that cost most stay in f32 until it holds. Measured with the batches of calibration.
        threads: how many threads share a run; the physical cores that affinity and the container's quota leave unless given.
        tune: choose the kernels of convolutions by measuring a short list, about half a second a layer, instead of by the cost model. Choices are kept in the
            cache folder and taken from there; with False nothing is measured, and no earlier choice is looked at. In int8, layers that are slower than in
            fp32 stay there, which is measured anew each time.
        numerics: "fast", or "exact" for direct summation only.
        fallback: "reference" runs operators that have no kernel in numpy.
        pipeline: a pass pipeline instead of the target's default one.
        dump_dir: a folder for the IR after every pass, an HTML index, LLVM IR and assembly, and what was built for engines; where a pass fails, also for
            reproducer.ngir, which `ngc-opt --run-reproducer` runs.
        cache: reuse compiled kernels from the cache folder.
        quantization: for int8, how ranges are chosen, which layers stay in f32, and so on.
        engine: for engines, what goes there and how they are built.

    Raises:
        ImportFailure: the model's files are missing, damaged or inconsistent.
        UnsupportedOperator: operators that ngc does not know, all of them listed.
        InputError: an argument that does not fit.
        CodegenError: operators without kernels, all of them listed.
        EngineError: the target's compiler is missing, or refuses the model.
    """
    device = parse_engine_target(target)
    described = host_target() if device is not None else parse_target(target)
    _check_options(numerics, fallback)
    check_engine_options(device, engine, accuracy_budget)
    check_precision(precision, target, device, described)
    kind = kind_of(device)
    if isinstance(model, Graph):
        graph = clone(model)
    else:
        model = resolve_model(model, params, shapes)
        graph = import_model(model, shapes=shapes, dtypes=dtypes, outputs=outputs, keep=kind if device is not None and precision != "int8" else None)
    precision = precision or ("int8" if graph.ranges and pipeline is None and "int8" in PRECISIONS[kind] else "fp32")
    if precision != "int8" and any(option is not None for option in (calibration, accuracy_budget, quantization)):
        raise InputError("calibration, accuracy_budget and quantization belong to precision=\"int8\"")
    if precision == "int8" and calibration is None and not graph.ranges:
        raise InputError('precision="int8" needs calibration=: batches of data like those that the model will meet, or a saved ngc.CalibrationTable')
    dump_dir = dump_dir or os.environ.get("NGC_DUMP_DIR")
    dump = _dump(Path(dump_dir)) if dump_dir else None
    options = engine or EngineOptions()
    divided = check_model(graph, target, device, options)
    manager = PassManager(pipeline or PIPELINES[f"{kind}-{precision}"], verify_each=False, instruments=[dump] if dump is not None else [])
    if device is not None:
        check_passes(manager.passes, pipeline, target, precision)
        manager.passes = for_engine(manager.passes, device, options, divided=divided)
    needed = _NEEDED_PASSES.get(precision) if device is None else None
    if needed is not None and not any(item.name == needed for item in manager.passes):
        raise InputError(f"pipeline {pipeline!r} has no {needed}, without which precision={precision!r} means nothing")
    if dump_dir:
        manager.instruments += (_reproducer(Path(dump_dir), manager.passes, "cpu" if device is not None else target, numerics, calibration),)
    context = PassContext(target=described, numerics=numerics)
    if precision == "int8":
        from ngc.quantization import QuantizationOptions, quantizer  # only int8 needs what these build on
        from ngc.quantization.analysis import Machine

        if quantization is not None and not isinstance(quantization, QuantizationOptions):
            raise InputError(f"quantization takes ngc.QuantizationOptions, not {type(quantization).__name__}")
        machine = Machine(described, threads, cache, numerics, fallback == "reference")
        context.calibrate = quantizer(calibration, quantization or QuantizationOptions(), machine, accuracy_budget, measure=tune and device is None,
                                      fuse=device is not None)
    manager.run(graph, context)
    from ngc.ir.verify import verify  # the whole pipeline is verified once; ngc-opt verifies after every pass

    verify(graph)
    start = time.perf_counter()
    images = build_images(graph, device, options, precision, dump_dir, stored_images(model, device)) if device is not None else {}
    from ngc.codegen.llvm.build import build_program  # LLVM is loaded by whoever compiles, not by `import ngc`
    from ngc.runtime import Executable

    if graph.stage != "lowered":
        raise InputError(f"pipeline {pipeline!r} leaves the graph in stage {graph.stage}; it must end with assign-layout")
    program = build_program(graph, described, cache=cache, numerics=numerics, progress=_progress("compiling kernels"), tune=tune,
                            measuring=_progress("measuring layers"), dump_dir=Path(dump_dir) / "kernels" if dump_dir else None,
                            fallback=fallback == "reference",
                            options={"numerics": numerics, "precision": precision, "fallback": fallback, "tune": tune, **_quantized(graph),
                                     **({"engine": device.name} if device is not None else {})}, engines=images)
    if dump is not None:
        _tell_dump(dump, graph, program, time.perf_counter() - start)
    slow = Counter(call.op.removeprefix("reference:") for call in program.calls if call.op.startswith("reference:"))
    if slow:
        _log.warning("fallback=\"reference\": %d operators without a kernel run in numpy: %s", slow.total(), ", ".join(f"{op} ({n})" for op, n in slow.items()))
    return Executable(program, graph, threads)


_NEEDED_PASSES = {"bf16": "convert-precision", "int8": "quantize"}


def _check_options(numerics: str, fallback: str | None) -> None:
    if numerics not in ("fast", "exact"):
        raise InputError(f"unknown numerics {numerics!r}; accepted is \"fast\" or \"exact\"")
    if fallback not in (None, "reference"):
        raise InputError(f"unknown fallback {fallback!r}; accepted is None or \"reference\"")


def _quantized(graph: Graph) -> dict[str, Any]:
    """Returns what became of the layers of a quantized graph, for the executable and its artifact."""
    events = [event for event in graph.events if event.pass_name == "quantize"]
    if events and all(event.status == "skipped" for event in events):
        _log.warning("the pass quantize is switched off: nothing is int8")
    from ngc.passes.quantize.outcome import DECIDING, quantized_layers

    if not any(event.rule == "precision" and event.pass_name in DECIDING for event in graph.events):
        return {}
    layers = quantized_layers(graph)
    if layers and not any(layer.precision == "int8" for layer in layers):
        reason, count = Counter(layer.reason for layer in layers).most_common(1)[0]
        _log.warning("no layer multiplies int8: all %d stay in fp32, %d of them because %s", len(layers), count, reason)
    return {"quantization": [asdict(layer) for layer in layers]}


def check_precision(precision: str | None, name: str, device: EngineTarget | None, target: CpuTarget) -> None:
    """Raises InputError where a kind of target does not have a precision, EngineError where the processor lacks its instructions."""
    accepted = PRECISIONS[kind_of(device)]
    if precision is not None and precision not in accepted:
        raise InputError(f"unknown precision {precision!r} for target {name!r}; accepted is one of {', '.join(accepted)}")
    if device is None and precision == "bf16" and not target.has_bf16:
        raise EngineError(f"precision 'bf16' needs a processor with AVX512-BF16 (vdpbf16ps), which target {target.name!r} ({target.cpu}) lacks; "
                          'precision="fp32" runs there')


def _dump(folder: Path) -> "DumpIR":
    from ngc.passes.instruments import DumpIR  # only dumps need it

    return DumpIR(folder)


def _tell_dump(dump: "DumpIR", graph: Graph, program: "Program", seconds: float) -> None:
    """Adds to a dump which kernels and engine files the nodes became."""
    from ngc.passes.instruments.page import EngineFiles, Kernel

    kernels = [Kernel(call.node, call.symbol, call.op, call.note, call.symbol not in program.callbacks) for call in program.calls]
    engines = [EngineFiles(node, image.engine, image.file_names) for node, image in program.engines.items()]
    dump.built(graph, kernels, engines, seconds)


def _reproducer(folder: Path, passes: Sequence[Pass], target: str, numerics: str, calibration: Any) -> Any:
    """Returns what writes a reproducer where a pass fails; calibration is in it where it was given as a file."""
    from ngc import __version__
    from ngc.passes.instruments.reproducer import WriteReproducer  # only dumps need it
    from ngc.passes.reproducer import Recipe

    table = os.path.relpath(calibration, folder) if isinstance(calibration, str | os.PathLike) else ""
    recipe = Recipe("", __version__, target=target, numerics=numerics, calibration=table)
    return WriteReproducer(folder / "reproducer.ngir", passes, recipe, _log.warning)


def _progress(what: str) -> Any:
    """Returns a callback that draws a progress bar on a terminal, None elsewhere; it draws a new one for whatever comes after the last is full."""
    import sys

    if not sys.stderr.isatty():
        return None
    from rich.progress import Progress  # only terminals need it

    bar: dict[str, Any] = {}

    def advance(done: int, total: int, symbol: str) -> None:
        if "progress" not in bar:
            bar["progress"] = Progress(transient=True)
            bar["progress"].start()
            bar["task"] = bar["progress"].add_task(what, total=total)
        bar["progress"].update(bar["task"], completed=done)
        if done == total:
            bar["progress"].stop()
            bar.clear()

    return advance
