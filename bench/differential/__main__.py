"""Tries every operator that the importer knows against MXNet: `python -m bench.differential --cases 50000 --update docs/operators.md`.

Exits with 1 where something is left unexplained; each such case is printed as a program that runs it. A run that was interrupted goes on with `--resume`.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from bench.arguments import names
from bench.differential.progress import Progress
from bench.differential.search import Tally, try_one
from bench.differential.strategies import GRAPHS, STRATEGIES
from bench.differential.table import page

_GRAPH_SHARE = 10
"""One case in so many is a graph of several operators."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.differential", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="how many in all; 50,000 take about half an hour on two cores")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn: the same seed draws the same cases")
    parser.add_argument("--ops", type=lambda text: names(text, list(STRATEGIES), "operator"), help="MXNet operators by comma; all of them unless given")
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with an MXNet of its own")
    parser.add_argument("--results", type=Path, default=Path("out/differential.json"), help="where results are kept")
    parser.add_argument("--resume", action="store_true", help="go on from these results")
    parser.add_argument("--update", type=Path, metavar="PAGE", help="write the table of operators")
    return parser


def _report(name: str, tally: Tally) -> None:
    print(f"{name}: {tally.tried} cases, {tally.compiled} compiled, {tally.refused} refused, {tally.both_refuse} by both, error {tally.error:.2g}", flush=True)
    if 2 * tally.refused > tally.tried:
        print(f"  more than half refused: {tally.refusals.most_common(1)[0][0]}")
    if tally.finding:
        print(f"  {tally.summary}\n\n{tally.finding}\n", flush=True)


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = _parser().parse_args(arguments)
    progress = Progress(options.results, options.cases, options.seed)
    if options.resume:
        progress.load()
    graphs = options.cases // _GRAPH_SHARE if options.ops is None else 0
    wanted = dict.fromkeys(options.ops or STRATEGIES, (options.cases - graphs) // len(options.ops or STRATEGIES))
    if graphs:
        wanted[GRAPHS] = graphs
    left = {name: count for name, count in wanted.items() if name not in progress.results}
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        tasks = {pool.submit(try_one, name, count, options.seed): name for name, count in sorted(left.items(), key=lambda item: -item[1])}
        for task in as_completed(tasks):
            progress.add(tasks[task], task.result())
            _report(tasks[task], task.result())
    results = {name: progress.results[name] for name in wanted}
    if options.update is not None:
        options.update.write_text(page(results, options.cases, options.seed))
    findings = [name for name, tally in results.items() if tally.finding]
    print(f"{sum(tally.tried for tally in results.values())} cases; " + (f"unexplained: {', '.join(findings)}" if findings else "nothing unexplained"))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
