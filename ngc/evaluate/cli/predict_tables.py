"""What `ngc-eval predict` shows in the end: a table for people, or JSON, on stdout."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ngc.cli.arguments import megabytes
from ngc.evaluate.records import Evaluation
from ngc.evaluate.run.agreement import Agreement
from ngc.evaluate.run.summary import Summary, number

if TYPE_CHECKING:
    from rich.table import Table

_WIDTH = 160
"""Characters of a line where stdout is no terminal."""


def show_summary(args: argparse.Namespace, summary: Summary, place: str) -> None:
    """Shows one evaluation; `place` is where it is recorded, "" if it is not."""
    evaluation = summary.evaluation
    if args.format == "json":
        _print_json({**summary.to_json(), "published": place or None})
        return
    rows = [
        ("model", f"{evaluation.model_name} {evaluation.model_version}"),
        ("computed by", f"{evaluation.engine}, {evaluation.precision}, weights {megabytes(summary.weight_bytes)}"),
        ("inputs", f"{summary.inputs} of {evaluation.dataset_name}{f', {summary.failures} more failed' if summary.failures else ''}"),
    ]
    if summary.labelled:
        rows += [("top-1 accuracy", _share(summary.top1)), ("top-5 accuracy", _share(summary.top5)), ("calibration error", f"{summary.calibration_error:.4f}")]
    rows += [
        ("latency", f"{_figures(summary.latency_ms)} ms for one input, in batches of {summary.batch} (trimmed mean)"),
        ("throughput", f"{_figures(summary.throughput)} inputs/s; {_figures(summary.rate)} with reading and preprocessing, in {summary.seconds:.1f} s"),
        ("published", f"{evaluation.id} in {place}" if place else "no; --publish records it"),
    ]
    _print_rows(rows)


def show_comparison(args: argparse.Namespace, rows: Sequence[tuple[Summary, Agreement]], place: str) -> None:
    """Shows evaluations in several precisions, each compared with the first."""
    if args.format == "json":
        _print_json([{**summary.to_json(), "agreement": number(agreement.share), "mean_difference": number(agreement.mean_difference),
                      "published": place or None} for summary, agreement in rows])
        return
    first = rows[0][0].evaluation
    title = f"{first.model_name} {first.model_version}, {rows[0][0].inputs} inputs of {first.dataset_name}, batches of {first.batch_size}"
    table = _table(title)
    for column in ("", "top-1", "top-5", f"same as {first.precision}", "mean |difference|", "latency (ms)", "inputs/s", "weights", "failed"):
        table.add_column(column, justify="right" if column else "left")
    for summary, agreement in rows:
        table.add_row(summary.evaluation.precision, _share(summary.top1), _share(summary.top5), _share(agreement.share),
                      _figures(agreement.mean_difference, 2), _figures(summary.latency_ms), _figures(summary.throughput),
                      megabytes(summary.weight_bytes), str(summary.failures))
    _console().print(table)
    if place:
        print("published: " + ", ".join(f"{summary.evaluation.precision} {summary.evaluation.id}" for summary, _ in rows) + f" in {place}")


def show_load(args: argparse.Namespace, evaluation: Evaluation, place: str) -> None:
    """Shows what a load measured."""
    results = evaluation.results
    if args.format == "json":
        about = {"id": evaluation.id, "mode": evaluation.mode, "model_name": evaluation.model_name, "model_version": evaluation.model_version,
                 "target": evaluation.target, "precision": evaluation.precision, "threads": evaluation.threads, "batch_size": evaluation.batch_size}
        _print_json({**about, **results, "published": place or None})
        return
    rows = [("model", f"{evaluation.model_name} {evaluation.model_version}"), ("computed by", f"{evaluation.engine}, {evaluation.precision}")]
    if "steps" in results:
        rows += [("bound", f"{results['latency_bound_ms']:g} ms"), ("largest load", f"{_figures(results['qps'])} queries/s")]
    else:
        rows += [("load", f"{results['queries']} queries, {_figures(results['offered_qps'])} a second"), ("achieved", f"{_figures(results['qps'])} queries/s"),
                 ("median latency", f"{_figures(results['median_latency_ms'])} ms")]
    rows += [("latency", f"{_figures(results['latency_ms'])} ms at the {results['percentile']:g}th percentile"),
             ("published", f"{evaluation.id} in {place}" if place else "no; --publish records it")]
    _print_rows(rows)


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    table = _table("")
    table.show_header = False
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def _table(title: str) -> "Table":
    from rich import box
    from rich.table import Table

    return Table(title=title or None, box=box.SIMPLE, title_justify="left")


def _console() -> Any:
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH, markup=False, highlight=False)


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=1))


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2%}"


def _figures(value: float, figures: int = 4) -> str:
    """Returns a number with so many significant figures, and no exponent; a dash for NaN."""
    if math.isnan(value) or not value:
        return "-" if math.isnan(value) else "0"
    return f"{value:,.{max(0, figures - 1 - math.floor(math.log10(abs(value))))}f}"
