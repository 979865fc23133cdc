"""The ngc-opt command."""

import os
import sys
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ngc.errors import EngineError, InputError, NgcError, ParseError, PassError
from ngc.opt.arguments import parser
from ngc.opt.groups.checking import checks
from ngc.opt.groups.listing import check_listing, wanted_lists
from ngc.opt.reproducing import adopt, check_reproducer, write_failure
from ngc.opt.values import names

if TYPE_CHECKING:
    from ngc.ir import Graph
    from ngc.passes import Instrument, Pass, PassContext
    from ngc.passes.value_ranges import Quantization

SUCCESS, FAILURE, USAGE, INTERNAL = range(4)
"""Exit codes."""


class OptMain:
    """One run of ngc-opt with given arguments; `run()` returns the exit code and never raises."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = list(argv)
        self.own_passes: dict[str, type[Pass]] = {}

    def run(self) -> int:
        """Does what the arguments say."""
        if self.argv[:1] == ["reduce"]:
            from ngc.opt.reduce.main import ReduceMain  # a command of its own

            return ReduceMain(self.argv[1:]).run()
        try:
            options = self.parser().parse_args(self.argv)
        except SystemExit as exit:  # argparse has printed its message, or the help
            return SUCCESS if exit.code in (0, None) else USAGE
        try:
            return self.work(options)
        except NgcError as error:
            say(f"ngc-opt: error: {error}")
            return FAILURE
        except BrokenPipeError:  # whoever read the output has enough; Python's own flush at exit must not fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return SUCCESS
        except Exception:
            say(f"ngc-opt: internal error; please report it with the arguments {self.argv!r}\n{traceback.format_exc()}")
            return INTERNAL

    def parser(self) -> ArgumentParser:
        """Returns the parser of the arguments."""
        return parser()

    def work(self, options: Namespace) -> int:
        """Lists, or reads, transforms and prints."""
        try:
            check_listing(options)
            if (lists := wanted_lists(options)):
                from ngc.opt.listing import listing

                print(listing(lists, as_json=options.json))
                return SUCCESS
            check_reproducer(options)
        except InputError as error:
            say(f"ngc-opt: usage: {error}")
            return USAGE
        if options.run_reproducer is not None:
            adopt(options, self.parser())
        try:
            passes = self.passes(options)
            if options.print_pipeline:
                from ngc.passes import format_pipeline

                print(format_pipeline(passes))
                return SUCCESS
            if options.input is None:
                raise InputError("INPUT is missing: .ngir text, '-', an MXNet -symbol.json file or a checkpoint prefix")
            from ngc.opt.formats import check_output
            from ngc.opt.inputs import check_options

            check_options(options)
            check_output(options)
            prepared = self.instruments(options), self.context(options, passes)
        except (InputError, ParseError, PassError, EngineError) as error:
            say(f"ngc-opt: usage: {error}")
            return USAGE
        if options.bisect_auto is not None:
            from ngc.opt.bisecting import bisect_auto

            bisect_auto(self.read(options, passes), passes, prepared[1], options, sys.stderr.write)
            return SUCCESS
        if options.split_input_file or options.verify_diagnostics:
            from ngc.opt.chunks import run_chunks

            text, messages = run_chunks(options, lambda part: self.process(options, passes, self.instruments(options), self.context(options, passes), part))
            for message in messages:
                say(message)
            self.put(text, options)
            return FAILURE if messages else SUCCESS
        self.put(self.process(options, passes, *prepared), options)
        return SUCCESS

    def process(self, options: Namespace, passes: "Sequence[Pass]", instruments: "list[Instrument]", ctx: "PassContext", text: str | None = None) -> str:
        """Reads one graph, or parses the given part of the input, transforms it and returns it as text, empty where its format is a file."""
        graph = self.read(options, passes, text)
        self.transform(graph, passes, [*instruments, *checks(options, graph, sys.stderr.write)], ctx, options)
        return self.render(graph, options)

    def passes(self, options: Namespace) -> "list[Pass]":
        """Returns the passes of -p, or of --compile-to and --compile-from."""
        from ngc.opt.pipelines import chosen_passes
        from ngc.opt.plugins import load_passes

        self.own_passes = load_passes(options.load_pass)
        return chosen_passes(options, self.own_passes)

    def instruments(self, options: Namespace) -> "list[Instrument]":
        """Returns the instruments that need no graph."""
        from ngc.opt.groups import WATCHING

        return [instrument for group in WATCHING for instrument in group.instruments(options, sys.stderr.write)]

    def read(self, options: Namespace, passes: "Sequence[Pass]", text: str | None = None) -> "Graph":
        """Returns the input graph; where passes will run or weights be written, random data stands in for constants that have none."""
        from ngc.ir import verify
        from ngc.ir.random_data import fill_missing_weights
        from ngc.opt.formats import NEED_DATA
        from ngc.opt.inputs import read_graph
        from ngc.opt.pipelines import check_stage

        graph = read_graph(options, text)
        verify(graph)
        check_stage(graph, options)
        missing = fill_missing_weights(graph) if passes or options.check_finite or options.save_weights or options.emit in NEED_DATA else 0
        if missing:
            say(f"ngc-opt: note: {missing} constants have no data (--weights gives it); seeded random data stands for them")
        return graph

    def context(self, options: Namespace, passes: "Sequence[Pass]") -> "PassContext":
        """Returns what passes may ask."""
        from ngc.opt.pipelines import cpu_target
        from ngc.passes import PassContext

        context = PassContext(cpu_target(options), options.numerics, own_passes=self.own_passes)
        if options.calibration:
            if not any(item.name == "quantize" for item in passes):
                raise InputError("--calibration goes with the pass quantize, which -p does not have")
            context.calibrate = self.calibrator(options, context)
        return context

    def calibrator(self, options: Namespace, context: "PassContext", *, fuse: bool = False) -> "Callable[[Graph], Quantization]":
        """Returns what reads the ranges of a graph from the table that was given; `fuse` where the graph is one before fusion."""
        from ngc.calibration import CalibrationTable  # only int8 needs what these build on
        from ngc.quantization import QuantizationOptions, quantizer
        from ngc.quantization.analysis import Machine

        assert context.target is not None
        return quantizer(CalibrationTable.load(options.calibration), QuantizationOptions(), Machine(context.target), fuse=fuse)

    def transform(self, graph: "Graph", passes: "Sequence[Pass]", instruments: "Sequence[Instrument]", ctx: "PassContext", options: Namespace) -> None:
        """Runs the passes."""
        from ngc.passes import PassManager
        from ngc.passes.instruments.reproducer import KeepBefore

        kept = KeepBefore()
        manager = PassManager(passes, instruments=[*([kept] if options.reproducer else ()), *instruments], verify_each=not options.no_verify_each,
                              disable=names(options.disable))
        try:
            manager.run(graph, ctx)
        except Exception as error:
            if kept.graph is not None:
                say("ngc-opt: " + write_failure(kept, passes, options, error, lambda graph: self.failure(graph, passes[kept.index - 1:], options)))
            raise

    def failure(self, graph: "Graph", passes: "Sequence[Pass]", options: Namespace) -> Exception | None:
        """Returns what the first pass raises on a graph with seeded random data, None where it does well."""
        from ngc.ir import clone
        from ngc.ir.random_data import fill_missing_weights
        from ngc.passes import PassManager

        graph = clone(graph)
        fill_missing_weights(graph)
        try:
            silent = checks(options, graph, lambda text: None)
            PassManager(passes[:1], instruments=silent, verify_each=not options.no_verify_each).run(graph, self.context(options, passes))
        except Exception as error:
            return error
        return None

    def render(self, graph: "Graph", options: Namespace) -> str:
        """Returns the graph in the format that was asked for, or the list of its nodes; writes what is a file or a folder, and its weights where asked."""
        from ngc.ir import save_weights
        from ngc.opt.formats import FILES, MODULES, TEXTS, is_folder
        from ngc.opt.nodes import list_nodes

        emit = options.emit or next(iter(TEXTS))
        files = MODULES[emit](graph, options) if emit in MODULES else {}
        text = "".join(files.values())
        if options.list_nodes:
            text = list_nodes(graph, as_json=options.json) + "\n"
        elif emit in TEXTS:
            text = TEXTS[emit](graph, options)
        if options.save_weights:
            save_weights(graph, options.save_weights)
        if emit in FILES:
            FILES[emit](graph, options.output)
        elif is_folder(options.output):
            _write_folder(files, options.output)
        return text

    def put(self, text: str, options: Namespace) -> None:
        """Writes text to where the result goes; a format that is a file or a folder is there already."""
        from ngc.opt.formats import FILES, is_folder

        if options.emit in FILES or is_folder(options.output):
            return
        if options.output is None or options.output == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _write(text, options.output)


def main() -> int:
    """Runs ngc-opt with the process's arguments."""
    return OptMain(sys.argv[1:]).run()


def _write(text: str, path: str) -> None:
    """Writes a file, whole or not at all."""
    from ngc.ir.weights_file import replacing

    try:
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def _write_folder(files: Mapping[str, str], folder: str) -> None:
    """Writes one file for each text."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror or error}") from error
    for name, text in files.items():
        _write(text, os.path.join(folder, name))


def say(text: str) -> None:
    """Writes a line to the standard error stream."""
    sys.stderr.write(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    sys.exit(main())
