"""The modes `workload` and `max-qps` from the command line."""

import argparse
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ngc.errors import EvaluationError, NgcError
from ngc.evaluate.cli.predict_setup import build_of, files_of, input_of, manifest_of, recording, resource_of, with_table
from ngc.evaluate.cli.predict_tables import show_load
from ngc.evaluate.cli.progress import progress
from ngc.evaluate.inputs import read_address, synthetic
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.load import Step
from ngc.evaluate.manifest import Manifest
from ngc.evaluate.records import FINISHED, LOCAL
from ngc.evaluate.run.engine import LocalEngine
from ngc.evaluate.run.files import results_folder, trace_file, write_results
from ngc.evaluate.run.job import evaluation_of
from ngc.evaluate.run.load import Load, QueryServer, max_qps, workload
from ngc.evaluate.trace import Tracer

_log = logging.getLogger("ngc")


def workload_command(args: argparse.Namespace) -> None:
    """Puts one load on a model, and shows what came of it."""
    load = _load(args)
    _measure(args, load, {}, lambda server: workload(load, server))


def max_qps_command(args: argparse.Namespace) -> None:
    """Searches for the largest load under the bound, and shows it."""
    load = _load(args)

    def report(step: Step) -> None:
        _log.info("%.4g queries/s: %.4g ms at the %gth percentile, %s", step.qps, step.latency_ms, load.percentile, step.verdict)

    _measure(args, load, {"latency_bound_ms": args.latency_bound}, lambda server: max_qps(load, server, args.latency_bound, report))


def _load(args: argparse.Namespace) -> Load:
    """Returns the load; raises EvaluationError for flags that mean nothing under load."""
    for flag in ("resume", "compare", "calibration_images", "partition_list_size", "publish_predictions"):
        if getattr(args, flag):
            raise EvaluationError(f"--{flag} goes with the modes dataset, urls and raw, which evaluate inputs in parts; mode {args.mode} does not")
    if args.engine != LOCAL:
        raise EvaluationError(f"--engine={args.engine} spreads the parts of inputs over a cluster; mode {args.mode} measures one engine, in this process")
    return Load(initial_qps=args.initial_qps, percentile=args.percentile, min_queries=args.min_queries, min_duration_ms=args.min_duration,
                batch_size=args.batch_size, greedy=args.batching == "greedy", seed=args.seed)


def _measure(args: argparse.Namespace, load: Load, settings: dict[str, Any], measure: Callable[[QueryServer], dict[str, Any]]) -> None:
    """Compiles the model, measures, records and shows what was measured."""
    manifest = manifest_of(args)
    prepare, name = _query(args, manifest)
    files, level = files_of(args, manifest), _level(args)
    build, options = with_table(args, build_of(args))
    engine = LocalEngine.compile(files, manifest, build)
    asked = {name: getattr(args, name) for name in ("initial_qps", "percentile", "min_queries", "min_duration", "batching", "seed", "center_crop")}
    evaluation = evaluation_of(manifest, files, engine, mode=args.mode, category="", dataset_name=name, batch_size=load.batch_size, trace_level=level,
                               settings={**asked, **settings, **options})
    folder = results_folder(Path(args.base_dir), evaluation)
    with (
        recording(args) as recorder,
        Tracer(level, file=trace_file(folder, level), otlp=args.tracer_address, resource=resource_of(evaluation)) as tracer,
    ):
        recorder.begin(evaluation)
        try:
            with progress(args.mode, None, "queries") as advance:
                server = QueryServer(engine, prepare, tracer, advance)
                server.warm_up(load.batch_size)
                results = measure(server)
        except BaseException as error:  # Ctrl-C too: there is nothing to go on with
            with contextlib.suppress(NgcError):
                recorder.fail(evaluation.id, str(error) or type(error).__name__)
            raise
        recorder.set_trace(evaluation.id, tracer.drain())
        recorder.finish(evaluation.id, results)
    evaluation = replace(evaluation, state=FINISHED, results=results)
    write_results(folder, evaluation, {"settings": dict(evaluation.settings), **results})
    show_load(args, evaluation, recorder.place)


def _query(args: argparse.Namespace, manifest: Manifest) -> tuple[Callable[[], np.ndarray], str]:
    """Returns what makes the input of a query, and its name."""
    if args.image_path:
        preprocessing = manifest.preprocessing(args.center_crop)
        image = read_address(args.image_path, Path())
        preprocessing(image, args.image_path)  # a broken image is told before anything is compiled
        return lambda: preprocessing(image, args.image_path), args.image_path
    shape, element_type = input_of(manifest)
    generated = synthetic(shape, 1, args.seed, element_type)
    array = generated.read(0)
    return lambda: array, generated.name


def _level(args: argparse.Namespace) -> TraceLevel:
    """Returns the level of the trace, which has no layers under load."""
    level = TraceLevel.named(args.trace_level)
    if level > TraceLevel.MODEL_TRACE:
        _log.warning("mode %s traces no layers: measuring them would be part of the latency that is measured; the level is MODEL_TRACE", args.mode)
    return min(level, TraceLevel.MODEL_TRACE)
