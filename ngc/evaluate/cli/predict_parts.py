"""Evaluates a job from the command line: alone, or in several precisions that are compared."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ngc.errors import EvaluationError
from ngc.evaluate.cli.predict_checks import precisions
from ngc.evaluate.cli.predict_engines import Observe, cluster_of, runner_of
from ngc.evaluate.cli.predict_setup import build_of, compiled, published, recording, resource_of
from ngc.evaluate.cli.predict_tables import show_comparison, show_summary
from ngc.evaluate.cli.progress import progress
from ngc.evaluate.inputs import Sample
from ngc.evaluate.records import RUNNING
from ngc.evaluate.run.agreement import Agreement, Answers
from ngc.evaluate.run.engine import LocalEngine
from ngc.evaluate.run.evaluate import Interrupted, evaluate
from ngc.evaluate.run.files import results_folder, trace_file, write_results
from ngc.evaluate.run.identity import choose
from ngc.evaluate.run.job import Job, new_evaluation
from ngc.evaluate.run.recorder import Recorder
from ngc.evaluate.run.summary import Summary, results_of, summarize
from ngc.evaluate.store import Store
from ngc.evaluate.trace import Tracer

if TYPE_CHECKING:
    from ngc.evaluate.scale import Cluster

_log = logging.getLogger("ngc")


def evaluate_job(args: argparse.Namespace, job: Job) -> None:
    """Evaluates, records and shows a job.

    Raises:
        EvaluationError: it cannot be evaluated, or not be resumed.
        KeyboardInterrupt: it was interrupted; says how to go on.
        NgcError: whatever else went wrong, in one line.
    """
    with recording(args) as recorder, cluster_of(args) as cluster:
        if args.compare:
            show_comparison(args, _compare(args, job, recorder, cluster), recorder.place)
            return
        job, engine = compiled(args, job, build_of(args))
        summary = _perform(args, job, engine, recorder, cluster)
        show_summary(args, summary, recorder.place)


def _compare(args: argparse.Namespace, job: Job, recorder: Recorder, cluster: "Cluster | None") -> list[tuple[Summary, Agreement]]:
    """Evaluates a job in each precision of --compare, one after the other, so that none disturbs another's caches; returns how each agrees with the first."""
    if not job.classifies:
        raise EvaluationError(f"--compare in mode {job.mode!r}: agreement is that of probabilities of classes, which this mode does not look at")
    rows: list[tuple[Summary, Agreement]] = []
    answers = Answers(max((part.end for part in job.parts), default=0))
    forms = [compiled(args, job, replace(build_of(args), precision=precision)) for precision in precisions(args)]  # what cannot be compiled is said at once
    for own, engine in forms:
        pieces: dict[int, Agreement] = {}  # by the first input of each batch: batches may come in any order, sums are rounded in one

        def observe(samples: Sequence[Sample], probabilities: np.ndarray, first: bool = not rows, pieces: dict[int, Agreement] = pieces) -> None:
            if first:
                answers.keep(samples, probabilities)
            pieces[samples[0].index] = answers.compare(samples, probabilities)

        summary = _perform(args, own, engine, recorder, cluster, observe)
        rows.append((summary, sum((pieces[first] for first in sorted(pieces)), Agreement())))
    return rows


def _perform(
    args: argparse.Namespace, job: Job, engine: LocalEngine, recorder: Recorder, cluster: "Cluster | None", observe: Observe | None = None
) -> Summary:
    """Evaluates one job with one engine, and writes its files."""
    evaluation, finished = new_evaluation(job, engine, args.engine), set[int]()
    if args.resume:
        assert isinstance(recorder, Store)  # --resume means --publish
        found = choose(recorder, evaluation, args.resume)
        if found is not evaluation:
            evaluation, finished = replace(found, state=RUNNING, error=""), recorder.finished_parts(found.id)
    folder = results_folder(Path(args.base_dir), evaluation)
    inputs = sum(map(len, job.parts))
    with (
        Tracer(job.trace_level, file=trace_file(folder, job.trace_level, goes_on=bool(finished)), otlp=args.tracer_address,
               resource=resource_of(evaluation)) as tracer,
        progress(f"{evaluation.model_name} {evaluation.precision}", inputs, "inputs") as advance,
        runner_of(cluster, job, engine, tracer, advance, observe) as runner,
    ):
        advance(sum(len(part) for part in job.parts if part.index in finished))
        try:
            outcome = evaluate(runner, job.parts, evaluation, recorder, tracer, predictions=job.predictions)
        except Interrupted as interrupt:
            raise KeyboardInterrupt(_how_to_go_on(args, interrupt)) from None
    summary = summarize(outcome, engine.weight_bytes)
    write_results(folder, outcome.evaluation, results_of(summary, outcome))
    _log.info("trace, system_info.json and results.json are in %s", folder)
    return summary


def _how_to_go_on(args: argparse.Namespace, interrupt: Interrupted) -> str:
    parts = f"{f'{interrupt.reason}; ' if interrupt.reason else ''}{interrupt.done} of {interrupt.evaluation.parts} parts"
    if not published(args):
        return f"{parts} were finished; without --publish none is kept"
    resume = f"--resume={interrupt.evaluation.id}"
    if args.compare:
        return f"{parts} are kept; the same flags with --precision={interrupt.evaluation.precision} {resume} instead of --compare go on"
    return f"{parts} are kept; the same command with {resume} goes on"
