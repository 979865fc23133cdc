"""Fuzzes the readers of files: `python -m tests.fuzz symbol params --executions 1000000`.

With atheris (`pip install atheris`) mutations are led by coverage; `--blind` does without. A run goes on after a finding.
Inputs that break a reader are left in `--output`; put them, made small, into tests/fuzz/corpus with the fix.
"""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

from tests.fuzz import fuzzing, readers


def main() -> int:
    """Returns 1 where a reader broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"any of {', '.join(readers.NAMES)}; all unless given")
    parser.add_argument("--executions", type=int, default=1_000_000, help="inputs for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blind", action="store_true", help="mutate the kept inputs only, without coverage")
    parser.add_argument("--output", type=Path, default=Path("out/fuzz"), help="where inputs are left that break a reader")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    names = options.readers or readers.NAMES
    if unknown := [name for name in names if name not in readers.NAMES]:
        parser.error(f"no such reader: {', '.join(unknown)}; known: {', '.join(readers.NAMES)}")
    broken = [name for name in names if not _holds(name, options)]
    return 1 if broken else 0


def _holds(name: str, options: argparse.Namespace) -> bool:
    """Whether a reader stands all executions; says how fast they were."""
    begin, start = time.time(), time.perf_counter()
    # In a process of its own: atheris instruments what is imported in it, and ends it.
    arguments = fuzzing.Findings(name, options.output), options.executions, options.seed, options.blind
    process = multiprocessing.get_context("spawn").Process(target=fuzzing.run, args=arguments)
    process.start()
    process.join()
    kept = [path for path in options.output.glob(f"{name}-*") if path.is_file() and path.stat().st_mtime >= begin]
    held = process.exitcode == 0 and not kept
    seconds = time.perf_counter() - start
    speed = f"{seconds:.0f} s, {options.executions / seconds:.0f} a second" if process.exitcode == 0 else f"ended early after {seconds:.0f} s"
    print(f"{name}: {options.executions} executions, {speed}, {'nothing found' if held else 'BROKEN'}", flush=True)
    return held


if __name__ == "__main__":
    sys.exit(main())
