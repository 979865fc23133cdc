"""The passes that ngc-opt runs: those of -p, or a part of the pipeline that `ngc.compile` runs for a target and a precision."""

from argparse import Namespace
from collections.abc import Mapping

from ngc.engines import EngineOptions, parse_engine_target
from ngc.errors import InputError
from ngc.ir import Graph
from ngc.passes import PIPELINES, Pass, parse_pipeline
from ngc.passes.phases import passes_between
from ngc.target import CpuTarget, host_target, parse_target


def chosen_passes(options: Namespace, own: Mapping[str, type[Pass]]) -> list[Pass]:
    """Returns the passes that the options ask for; `own` are passes of the user's, by name.

    Raises:
        InputError: options that do not go together, or a precision that the target does not have.
        ParseError, PassError: -p is no pipeline, or the default one has no such stage.
    """
    if options.compile_to is None and options.compile_from is None:
        if options.precision is not None:
            raise InputError("--precision chooses among ngc.compile's pipelines for --compile-to and --compile-from; -p names its passes itself")
        return parse_pipeline(options.passes, own)
    if options.passes:
        raise InputError("--compile-to and --compile-from run ngc.compile's own pipeline; they do not go with -p")
    from ngc.driver import check_precision  # -p does without the driver and what it imports
    from ngc.driver_engines import for_engine, kind_of

    device, precision = parse_engine_target(options.target), options.precision or "fp32"
    check_precision(precision, options.target, device, cpu_target(options))
    passes = parse_pipeline(PIPELINES[f"{kind_of(device)}-{precision}"], own)
    if device is not None:
        passes = for_engine(passes, device, EngineOptions())
    return passes_between(passes, options.compile_from or "imported", options.compile_to or "lowered")


def check_stage(graph: Graph, options: Namespace) -> None:
    """Raises InputError where a graph is not in the stage that --compile-from, or --compile-to without it, begins at."""
    if options.compile_to is None and options.compile_from is None:
        return
    start = options.compile_from or "imported"
    if graph.stage != start:
        raise InputError(f"{options.input} is in stage {graph.stage}, not {start}; --compile-from {graph.stage} goes on from there")


def cpu_target(options: Namespace) -> CpuTarget:
    """Returns the processor that --target names; this machine's beside an engine."""
    return host_target() if parse_engine_target(options.target) is not None else parse_target(options.target)
