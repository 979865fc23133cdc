"""Writes what the benchmarks measured as an HTML page with plots and as Markdown.

`python -m bench.report --models-json a.json,b.json [--kernels-json k.json] [--compile-json c.json] [--sample-json s.json]
 [--accuracy-json q.json] -o report.html --markdown performance.md`

The files are those that `bench.models`, `bench.kernels`, `bench.compile_time`, `bench.sample_block` and `bench.accuracy` write with --json. They do not say
when and on which processor they were made: the day is that of the files, the processor this machine's, unless given.
"""

import argparse
import datetime
from collections.abc import Sequence
from pathlib import Path

from bench import kernels
from bench.accuracy.compare import Accuracy
from bench.compile_time import Timing
from bench.cores import processor_name
from bench.report import markdown, page
from bench.report.content import Measurements
from bench.report.readings import UnreadableFile, read_comparisons, read_rows


def file_dates(paths: Sequence[Path]) -> str:
    """Returns the day on which files were written, or the first and the last."""
    days = sorted({datetime.date.fromtimestamp(path.stat().st_mtime).isoformat() for path in paths})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _paths(text: str) -> list[Path]:
    return [Path(item) for item in text.split(",")]


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bench.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (("models", "bench.models"), ("kernels", "bench.kernels"), ("compile", "bench.compile_time"), ("sample", "bench.sample_block"),
                       ("accuracy", "bench.accuracy")):
        parser.add_argument(f"--{name}-json", default=[], type=_paths, help=f"files of {what}, by comma", metavar="FILES")
    parser.add_argument("-o", "--output", type=Path, help="HTML file to write")
    parser.add_argument("--markdown", type=Path, help="Markdown file to write")
    parser.add_argument("--processor", help="the processor's name, if it is not this machine's")
    parser.add_argument("--date", help="when it was measured, if not on the day of the files")
    options = parser.parse_args()
    files = [*options.models_json, *options.kernels_json, *options.compile_json, *options.sample_json, *options.accuracy_json]
    if not files:
        parser.error("nothing to report: give one of --models-json, --kernels-json, --compile-json, --sample-json, --accuracy-json")
    if not (options.output or options.markdown):
        parser.error("nowhere to write: give -o, --markdown or both")
    try:
        found = Measurements(
            processor=options.processor or processor_name(), comparisons=read_comparisons(options.models_json),
            kernels=[row for path in options.kernels_json for row in read_rows(path, kernels.Result)],
            compile_times=[row for path in options.compile_json for row in read_rows(path, Timing)],
            accuracies=[row for path in options.accuracy_json for row in read_rows(path, Accuracy)],
            blocks=read_comparisons(options.sample_json), date=options.date or file_dates(files),
        )  # fmt: skip
    except UnreadableFile as error:
        parser.error(str(error))
    for path, render in ((options.output, page.render), (options.markdown, markdown.render)):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(found), encoding="utf-8")
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
