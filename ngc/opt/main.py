"""The ngc-opt command."""

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ngc.errors import EngineError, InputError, NgcError, ParseError, PassError
from ngc.opt.arguments import parser
from ngc.opt.groups.listing import check_listing, wanted_lists
from ngc.opt.values import names

if TYPE_CHECKING:
    from ngc.ir import Graph
    from ngc.passes import Instrument, Pass, PassContext
    from ngc.passes.instruments.numerics import Tolerance

SUCCESS, FAILURE, USAGE, INTERNAL = range(4)
"""Exit codes."""


class OptMain:
    """One run of ngc-opt with given arguments; `run()` returns the exit code and never raises."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = list(argv)

    def run(self) -> int:
        """Does what the arguments say."""
        try:
            options = parser().parse_args(self.argv)
        except SystemExit as exit:  # argparse has printed its message, or the help
            return SUCCESS if exit.code in (0, None) else USAGE
        try:
            return self.work(options)
        except NgcError as error:
            _say(f"ngc-opt: error: {error}")
            return FAILURE
        except BrokenPipeError:  # whoever read the output has enough; Python's own flush at exit must not fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return SUCCESS
        except Exception:
            _say(f"ngc-opt: internal error; please report it with the arguments {self.argv!r}\n{traceback.format_exc()}")
            return INTERNAL

    def work(self, options: Namespace) -> int:
        """Lists, or reads, transforms and prints."""
        try:
            check_listing(options)
            if (lists := wanted_lists(options)):
                from ngc.opt.listing import listing

                print(listing(lists, as_json=options.json))
                return SUCCESS
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
            instruments, tolerance, ctx = self.instruments(options), self.tolerance(options), self.context(options, passes)
        except (InputError, ParseError, PassError, EngineError) as error:
            _say(f"ngc-opt: usage: {error}")
            return USAGE
        graph = self.read(options, passes)
        if tolerance is not None and passes:
            from ngc.opt.inputs import read_feeds
            from ngc.passes.instruments import CheckNumerics

            instruments.append(CheckNumerics(read_feeds(options.feeds, graph), tolerance, sys.stderr.write))
        self.transform(graph, passes, instruments, ctx, options)
        self.write(graph, options)
        return SUCCESS

    def passes(self, options: Namespace) -> "list[Pass]":
        """Returns the passes of -p, or of --compile-to and --compile-from."""
        from ngc.opt.pipelines import chosen_passes

        return chosen_passes(options)

    def instruments(self, options: Namespace) -> "list[Instrument]":
        """Returns the instruments that need no graph."""
        from ngc.opt.groups import WATCHING

        return [instrument for group in WATCHING for instrument in group.instruments(options, sys.stderr.write)]

    def read(self, options: Namespace, passes: "Sequence[Pass]") -> "Graph":
        """Returns the input graph; where passes will run or weights be written, random data stands in for constants that have none."""
        from ngc.ir import verify
        from ngc.ir.random_data import fill_missing_weights
        from ngc.opt.formats import NEED_DATA
        from ngc.opt.inputs import read_graph
        from ngc.opt.pipelines import check_stage

        graph = read_graph(options)
        verify(graph)
        check_stage(graph, options)
        missing = fill_missing_weights(graph) if passes or options.save_weights or options.emit in NEED_DATA else 0
        if missing:
            _say(f"ngc-opt: note: {missing} constants have no data (--weights gives it); seeded random data stands for them")
        return graph

    def tolerance(self, options: Namespace) -> "Tolerance | None":
        """Returns by how much outputs may move, None where that is not checked."""
        from ngc.passes.instruments.numerics import Tolerance

        if options.check_numerics is None:
            return None
        return Tolerance.parse(options.check_numerics) if options.check_numerics else Tolerance()

    def context(self, options: Namespace, passes: "Sequence[Pass]") -> "PassContext":
        """Returns what passes may ask."""
        from ngc.opt.pipelines import cpu_target
        from ngc.passes import PassContext

        context = PassContext(cpu_target(options), options.numerics)
        if options.calibration:
            if not any(item.name == "quantize" for item in passes):
                raise InputError("--calibration goes with the pass quantize, which -p does not have")
            from ngc.calibration import CalibrationTable  # only int8 needs what these build on
            from ngc.quantization import QuantizationOptions, quantizer
            from ngc.quantization.analysis import Machine

            assert context.target is not None
            context.calibrate = quantizer(CalibrationTable.load(options.calibration), QuantizationOptions(), Machine(context.target))
        return context

    def transform(self, graph: "Graph", passes: "Sequence[Pass]", instruments: "Sequence[Instrument]", ctx: "PassContext", options: Namespace) -> None:
        """Runs the passes, and prints the times where they were asked for."""
        from ngc.passes import PassManager
        from ngc.passes.instruments import Timing

        manager = PassManager(passes, instruments=instruments, verify_each=not options.no_verify_each, disable=names(options.disable))
        manager.run(graph, ctx)
        for instrument in instruments:
            if isinstance(instrument, Timing):
                _say(instrument.table())

    def write(self, graph: "Graph", options: Namespace) -> None:
        """Writes the graph in the format that was asked for, or the list of its nodes, and its weights where asked."""
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
        elif options.output is None or options.output == "-":
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


def _say(text: str) -> None:
    sys.stderr.write(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    sys.exit(main())
