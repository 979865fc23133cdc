"""The command `ngc-opt reduce`."""

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ngc.errors import EngineError, InputError, NgcError, ParseError, PassError
from ngc.opt.main import SUCCESS, USAGE, OptMain, say
from ngc.opt.reduce.arguments import parser

if TYPE_CHECKING:  # the command line is read before numpy is
    from ngc.ir import Graph
    from ngc.opt.reduce.case import Case
    from ngc.opt.reduce.checks import Check
    from ngc.opt.reduce.reducer import Reducer
    from ngc.passes import Pass, PassContext
    from ngc.passes.reproducer import Recipe

INTERRUPTED = 130
"""The exit code after Ctrl-C, that of shells."""


class ReduceMain(OptMain):
    """One run of `ngc-opt reduce` with given arguments."""

    def parser(self) -> ArgumentParser:
        return parser()

    def work(self, options: Namespace) -> int:
        """Reads, reduces and writes; what was found so far is written too when the search is left early."""
        try:
            passes = self.passes(options)
            check = self.check(options, passes)
        except (InputError, ParseError, PassError, EngineError) as error:
            say(f"ngc-opt: usage: {error}")
            return USAGE
        for path in (options.output, options.save_weights):
            if path not in (None, "-") and not Path(path).parent.is_dir():  # said now, not after minutes
                raise InputError(f"{path} cannot be written: there is no folder {Path(path).parent}")
        from ngc.opt.reduce.case import Case
        from ngc.opt.reduce.progress import Progress
        from ngc.opt.reduce.reducer import Reducer

        first = Case(self.input(options, passes), tuple(passes))
        with Progress(sys.stderr) as progress:
            reducer = Reducer(check, first, _seed(options), progress.tell)
            try:
                reducer.begin()
                reducer.run()
            except KeyboardInterrupt:
                say(f"{summary(first, reducer)}; interrupted, {'this is the best so far' if reducer.taken else 'nothing was found yet'}")
                if reducer.taken:
                    self.write_case(reducer.best, options)
                return INTERRUPTED
            except Exception:
                if reducer.taken:
                    with suppress(NgcError):  # what went wrong first matters more
                        self.write_case(reducer.best, options)
                raise
        self.write_case(reducer.best, options)
        say(summary(first, reducer))
        return SUCCESS

    def check(self, options: Namespace, passes: "Sequence[Pass]") -> "Check":
        """Returns what says whether a case is interesting.

        Raises:
            InputError: options that do not go together.
        """
        from ngc.opt.inputs import check_input
        from ngc.opt.reduce.checks import FailureCheck, NumericsCheck
        from ngc.opt.reduce.command import CommandCheck
        from ngc.passes import PassContext
        from ngc.passes.instruments.tolerance import Tolerance

        check_input(options)
        seed = _seed(options)
        if options.jobs < 1:
            raise InputError(f"--jobs takes a number of at least 1, not {options.jobs}")
        if options.timeout is not None and not 0 < options.timeout < math.inf:
            raise InputError(f"--timeout takes a number of seconds above 0, not {options.timeout:g}")
        made = self.context(options, passes)

        def context() -> "PassContext":
            return PassContext(made.target, made.numerics)  # the ranges of a calibration are in the graph

        if options.interesting is not None:
            return CommandCheck(options.interesting, options.timeout, options.jobs)
        for option, given in (("--timeout", options.timeout is not None), ("--jobs", options.jobs != 1)):
            if given:
                raise InputError(f"{option} goes with --interesting only: the checks of --interesting-if run in this process")
        kind, _, detail = options.interesting_if.partition("=")
        if kind == "numerics":
            return NumericsCheck(context, Tolerance.parse(detail) if detail else Tolerance(), seed)
        if kind in ("crash", "verify"):
            return FailureCheck(context, kind == "verify", detail)
        raise InputError(f"--interesting-if takes numerics, crash or verify, with a tolerance or a text after '=', not {options.interesting_if!r}")

    def input(self, options: Namespace, passes: "Sequence[Pass]") -> "Graph":
        """Returns the graph to begin with; the ranges of a calibration table are those of its values."""
        from ngc.ir import verify
        from ngc.opt.inputs import read_graph

        graph = read_graph(options)
        verify(graph)
        if options.calibration:
            from ngc.passes.record_ranges import RecordRanges

            context = self.context(options, passes)
            context.calibrate = self.calibrator(options, context, fuse=True)
            RecordRanges().run(graph, context)
        return graph

    def write_case(self, case: "Case", options: Namespace) -> None:
        """Writes a case as a reproducer."""
        from ngc.ir import print_graph, save_weights
        from ngc.passes.reproducer import has_data, write_reproducer

        recipe, weights = self.recipe(case, options), options.save_weights
        if options.output not in (None, "-"):
            write_reproducer(Path(options.output), case.graph, recipe, Path(weights) if weights else None)
            return
        if weights:
            save_weights(case.graph, weights)
        elif has_data(case.graph):
            say("ngc-opt: note: some constants must keep their data, which -o or --save-weights writes")
        sys.stdout.write(recipe.header() + print_graph(case.graph) + "\n")
        sys.stdout.flush()

    def recipe(self, case: "Case", options: Namespace) -> "Recipe":
        """Returns how a case is run again."""
        from ngc.opt.reproducing import recipe

        kind, _, detail = (options.interesting_if or "").partition("=")
        folder = None if options.output in (None, "-") else Path(options.output).parent
        return recipe(options, case.passes, detail if kind == "numerics" else None, folder)


def summary(first: "Case", reducer: "Reducer") -> str:
    """Returns one line: sizes before and after, candidates, seconds."""
    best = reducer.best
    return (f"ngc-opt: reduced {first.size} nodes to {best.size} and {len(first.passes)} passes to {len(best.passes)}: "
            f"{reducer.tried} candidates, {reducer.taken} taken, {reducer.seconds:.1f} s")


def _seed(options: Namespace) -> int:
    """Returns the seed of random inputs.

    Raises:
        InputError: inputs are to come from a file.
    """
    from ngc.opt.inputs import seed_of

    seed = seed_of(options.feeds)
    if seed is None:
        raise InputError(f"--feeds takes random(seed=N) here, not {options.feeds!r}: inputs from a file do not fit a graph whose inputs shrink")
    return seed
