"""`ngc-eval info evaluation`: tables of what evaluations measured."""

import argparse
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ngc.errors import EvaluationError
from ngc.evaluate.cli.filters import Found, add_filters, find
from ngc.evaluate.cli.flags import add_flag
from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.accuracy import accuracy_table
from ngc.evaluate.report.event_flow import event_flow_table, newest_chrome_trace
from ngc.evaluate.report.formats import json_list, json_rows, render
from ngc.evaluate.report.latency import duration_table, latency_table
from ngc.evaluate.report.launches import launches_table
from ngc.evaluate.report.layer_plots import layer_plot
from ngc.evaluate.report.layer_tree import layer_tree_table
from ngc.evaluate.report.layers import layers_table, selected, traced
from ngc.evaluate.report.load import load_table
from ngc.evaluate.report.output import Output, format_of, write_file
from ngc.evaluate.report.predictions import predictions_table
from ngc.evaluate.report.table import Table

_log = logging.getLogger("ngc")


@dataclass(frozen=True)
class Subject:
    """One of the tables.

    Attributes:
        aliases: other names of its command, those of the agents.
        help: what it shows.
        tabulate: makes it, of the store and the evaluations that were chosen.
        flags: that it takes beside these.
        details: how numbers are found, for its help.
    """

    aliases: tuple[str, ...]
    help: str
    tabulate: Callable[..., Table]
    flags: tuple[str, ...] = ()
    details: str = ""


_LATENCY = (" The duration is the trimmed mean of the durations of batches, without a fifth of them at each end; the latency is that duration divided by the "
            "batch size, the throughput its inverse. Batches with fewer inputs, such as the last one of a data set, do not count. Of evaluations of the same "
            "thing, the smallest duration is shown, and as their durations the mean of each.")

SUBJECTS: Mapping[str, Subject] = {
    "accuracy": Subject(("top_accuracy",), "the accuracy of each evaluation whose inputs have an expected class", accuracy_table),
    "duration": Subject(("durations",), "the durations of all batches of each evaluation", duration_table),
    "latency": Subject(("throughput", "latency_throughput"), "latency and throughput, of repeated evaluations the best", latency_table, details=_LATENCY),
    "load": Subject(("qps",), "what `workload` and `max-qps` measured", load_table),
    "layers": Subject(("layer",), "the time of each layer", layers_table, ("top_layers", "sort_by_latency")),
    "layer_tree": Subject(("layertree", "treemap"), "the layers as a tree of stages and blocks, with their summed times", layer_tree_table),
    "eventflow": Subject(("flow", "event_flow"), "traces as events", event_flow_table),
    "cuda_launch": Subject(("kernel_launch", "kernels"), "the CUDA kernels of traces", launches_table),
}
"""Tables by the names of their commands."""


def add_command(commands: Any) -> None:
    """Adds the commands to the parser."""
    parser = commands.add_parser("info", help="show what evaluations measured", description="Shows what is recorded.")
    about = parser.add_subparsers(title="about", required=True, metavar="WHAT")
    evaluation = about.add_parser("evaluation", help="what evaluations measured", description="Shows what evaluations measured, as tables, JSON or CSV.")
    subjects = evaluation.add_subparsers(title="tables", required=True, metavar="TABLE")
    for name, subject in SUBJECTS.items():
        one = subjects.add_parser(name, aliases=subject.aliases, help=subject.help, description=f"Shows {subject.help}.{subject.details}")
        _add_flags(one, "file to write, whose extension (.txt, .json, .csv) says the format")
        one.set_defaults(command=_show, subject=subject)
        if name in _FURTHER:
            _FURTHER[name](one)
    _add_all(subjects)
    _add_predictions(subjects)


def _add_flags(parser: argparse.ArgumentParser, output: str, **filters: str) -> None:
    add_filters(parser, **filters)
    group = parser.add_argument_group("output")
    add_flag(group, "format", "", "table, json or csv; else what the output's extension says, or table", short="f")
    add_flag(group, "output", "", output, short="o")
    add_flag(group, "overwrite", False, "replace what is there")
    add_flag(group, "append", False, "add the rows to those that are there")
    add_flag(group, "no_header", False, "leave away the names of columns, and what all rows have in common")


def _add_layer_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("layers")
    add_flag(group, "sort_by_latency", False, "slowest first, instead of in the order of a run")
    add_flag(group, "top_layers", 0, "only so many of an evaluation, the slowest; 0 for all")
    add_flag(group, "bar_plot", False, "plot their times instead of printing them; of one evaluation")
    add_flag(group, "box_plot", False, "plot how their times spread over the runs instead of printing them; of one evaluation")
    add_flag(group, "plot_path", "", "file of the plot: .png, .svg or .pdf")
    parser.set_defaults(command=_show_layers)


def _add_event_flow_flags(parser: argparse.ArgumentParser) -> None:
    add_flag(parser, "chrome", False, "the trace of the newest evaluation that has one, for chrome://tracing and Perfetto")
    parser.set_defaults(command=_show_event_flow)


_FURTHER = {"layers": _add_layer_flags, "eventflow": _add_event_flow_flags}
"""What adds the flags of tables that have more than the others."""


def _add_all(subjects: Any) -> None:
    parser = subjects.add_parser("all", aliases=("eval_all",), help="all tables", description="Shows all tables for which something was measured.")
    _add_flags(parser, "folder to write, with one file for each table")
    parser.set_defaults(command=_show_all)


def _add_predictions(subjects: Any) -> None:
    parser = subjects.add_parser("predictions", aliases=("prediction", "input_predictions"), help="the published predictions of one evaluation",
                                 description="Shows the published predictions of one evaluation: that of --evaluation, or the newest that the filters choose.")
    _add_flags(parser, "file to write, whose extension (.txt, .json, .csv) says the format", limit="at most so many predictions; -1 for all")
    group = parser.add_argument_group("which predictions")
    add_flag(group, "wrong", False, "whose most probable class is not the expected one")
    add_flag(group, "failed", False, "that failed")
    add_flag(group, "expected", -1, "of inputs of this class; -1 for any")
    add_flag(group, "answered", -1, "whose most probable class is this one; -1 for any")
    add_flag(group, "offset", 0, "without the first so many")
    parser.set_defaults(command=_show_predictions)


def _show(args: argparse.Namespace) -> None:
    """Prints or writes one table."""
    output = _output(args)
    with find(args, args.limit) as found:
        options = {flag: getattr(args, flag) for flag in args.subject.flags}
        output.write(args.subject.tabulate(found.store, found.evaluations, **options))


def _show_layers(args: argparse.Namespace) -> None:
    """Prints or writes the table of layers, or plots it."""
    if args.top_layers < 0:
        raise EvaluationError(f"--top_layers is {args.top_layers}; it is a number of layers, or 0 for all")
    if args.bar_plot or args.box_plot:
        _plot(args)
    elif args.plot_path:
        raise EvaluationError("--plot_path is about a plot; give --bar_plot or --box_plot")
    else:
        _show(args)


def _show_event_flow(args: argparse.Namespace) -> None:
    """Prints or writes events as a table, or a trace for Chrome."""
    if not args.chrome:
        _show(args)
        return
    if args.append or args.format not in ("", "json"):
        raise EvaluationError("a trace for Chrome is one whole of JSON; --append and other formats are for events")
    output = Output(Path(args.output) if args.output else None, "json", args.overwrite)
    output.check()
    with find(args, args.limit) as found:
        output.write_text(newest_chrome_trace(found.store, found.evaluations))


def _show_all(args: argparse.Namespace) -> None:
    """Prints all tables, or writes each to its file of a folder."""
    if not args.output:
        output = _output(args)
        if output.format == "csv":
            raise EvaluationError("the tables have different columns: give a folder as --output for one file of CSV each, or --format json")
        with find(args, args.limit) as found:
            tables = _all_tables(found)
        if output.format == "json":
            lists = (f'"{name}": {json_list(json_rows(table))}' for name, table in tables.items())
            output.write_text(f"{{{', '.join(lists)}}}\n")
        else:
            output.write_text("\n".join(f"{name}\n{'=' * len(name)}\n{render(table, 'table', header=output.header)}" for name, table in tables.items()))
        return
    outputs = _outputs(args)
    with find(args, args.limit) as found:
        tables = _all_tables(found)
    for name, table in tables.items():
        outputs[name].write(table)


def _all_tables(found: Found) -> dict[str, Table]:
    """Returns the tables by name; those for which nothing was measured are left out, with a warning that says what they need."""
    tables = {}
    for name, subject in SUBJECTS.items():
        try:
            tables[name] = subject.tabulate(found.store, found.evaluations)
        except EvaluationError as error:
            _log.warning("%s is left out: %s", name, error)
    return tables


def _outputs(args: argparse.Namespace) -> dict[str, Output]:
    """Returns where each table of a folder goes. All are checked before one is written."""
    folder = Path(args.output)
    if folder.exists() and not folder.is_dir():
        raise EvaluationError(f"{folder} is no folder; `all` writes one file for each table into a folder")
    format = format_of(args.format, None)
    extension = "txt" if format == "table" else format
    outputs = {name: Output(folder / f"{name}.{extension}", format, args.overwrite, args.append, not args.no_header) for name in SUBJECTS}
    for output in outputs.values():
        output.check()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"cannot make the folder {folder}: {error.strerror}") from error
    return outputs


def _show_predictions(args: argparse.Namespace) -> None:
    """Prints or writes predictions."""
    output = _output(args)
    if args.offset < 0:
        raise EvaluationError(f"--offset is {args.offset}; it is at least 0")
    if args.wrong and args.failed:
        raise EvaluationError("an answer that failed is no wrong one; give --wrong or --failed")
    wanted = {"expected": _class(args.expected), "answered": _class(args.answered), "wrong": args.wrong, "failed": args.failed}
    with find(args, 1) as found:
        [evaluation] = found.evaluations
        if not found.store.count_predictions(evaluation.id):
            raise EvaluationError(f"evaluation {evaluation.id} ({evaluation.model_name}) has no predictions; `ngc-eval predict ... --publish_predictions` "
                                  "keeps them")
        predictions = found.store.predictions(evaluation.id, **wanted, limit=None if args.limit < 0 else args.limit, offset=args.offset)
    output.write(predictions_table(evaluation.id, predictions))


def _plot(args: argparse.Namespace) -> None:
    if args.bar_plot and args.box_plot:
        raise EvaluationError("--bar_plot and --box_plot are two plots; give one of them")
    if not args.plot_path:
        raise EvaluationError("a plot goes into a file; give --plot_path, such as --plot_path layers.svg")
    path = Path(args.plot_path)
    Output(path, "plot", args.overwrite).check()
    with find(args, args.limit) as found:
        [evaluation, layers], *others = traced(found.store, found.evaluations)
    if others:
        raise EvaluationError(f"a plot shows one evaluation, {1 + len(others)} have layers; choose one, such as the newest with --evaluation {evaluation.id}")
    chosen = selected(layers, args.top_layers, args.sort_by_latency)
    write_file(path, layer_plot(chosen, _title(evaluation), path, boxes=args.box_plot))


def _title(evaluation: Evaluation) -> str:
    return f"{evaluation.model_name} {evaluation.model_version}, {evaluation.precision}, batch {evaluation.batch_size}, {evaluation.machine.hostname}"


def _output(args: argparse.Namespace) -> Output:
    """Returns where the flags say that a table goes, checked before anything is computed."""
    path = Path(args.output) if args.output else None
    output = Output(path, format_of(args.format, path), args.overwrite, args.append, not args.no_header)
    output.check()
    return output


def _class(number: int) -> int | None:
    return None if number < 0 else number
