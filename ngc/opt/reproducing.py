"""`--reproducer` and `--run-reproducer`: a failure as a file, and a file as options."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from ngc.errors import InputError
from ngc.opt.values import names

if TYPE_CHECKING:  # the command line is read before numpy is
    from ngc.ir import Graph
    from ngc.passes import Pass
    from ngc.passes.instruments.reproducer import KeepBefore
    from ngc.passes.reproducer import Recipe

_FILES = ("weights", "feeds", "calibration")
"""Options that name a file, relative to the reproducer's folder."""


def recipe(options: Namespace, passes: "Sequence[Pass]", tolerance: str | None, folder: Path | None, error: str = "") -> "Recipe":
    """Returns what the options say, for a reproducer in a folder.

    Args:
        options: of ngc-opt.
        passes: that are left to run.
        tolerance: by how much outputs may move, None where they are not compared.
        folder: that the names of files are relative to; None leaves them as they are.
        error: what went wrong.
    """
    import ngc
    from ngc.opt.inputs import seed_of
    from ngc.passes import format_pipeline
    from ngc.passes.reproducer import Recipe

    def relative(name: str) -> str:
        return name if folder is None else os.path.relpath(name, folder)

    finite = vars(options).get("check_finite", False)  # reduce has no such flag
    feeds = "" if tolerance is None and not finite else options.feeds if seed_of(options.feeds) is not None else relative(options.feeds)
    calibrated = options.calibration and any(item.name == "quantize" for item in passes)
    return Recipe(format_pipeline(passes), ngc.__version__, error.split("\n")[0], ",".join(options.load_pass), options.target, options.numerics,
                  relative(options.calibration) if calibrated else "", "" if tolerance is None else tolerance or "1e-4,1e-6",
                  "true" if finite else "", feeds)


def write_failure(kept: "KeepBefore", passes: "Sequence[Pass]", options: Namespace, error: Exception, again: "Callable[[Graph], Exception | None]") -> str:
    """Writes the graph that a pass failed on and returns a sentence on what was written.

    Args:
        kept: the graph as it was before the pass.
        passes: the whole pipeline.
        options: of ngc-opt.
        error: what was raised.
        again: runs the pass on a graph; returns what is raised then. Data is left out where random data does as well.
    """
    from ngc.passes.instruments.reproducer import without_data
    from ngc.passes.reproducer import write_reproducer

    assert kept.graph is not None
    bare = without_data(kept.graph)
    seeded = again(bare)
    graph = bare if type(seeded) is type(error) else kept.graph
    path = Path(options.reproducer)
    left_out = names(options.disable)
    remaining = [item for item in passes[kept.index - 1:] if item.required or not any(fnmatchcase(item.name, pattern) for pattern in left_out)]
    files = write_reproducer(path, graph, recipe(options, remaining, options.check_numerics, path.parent, str(error) or type(error).__name__))
    return f"reproducer written to {' and '.join(map(str, files))}; run it with: ngc-opt --run-reproducer {path}"


def adopt(options: Namespace, parser: ArgumentParser) -> None:
    """Gives options what a reproducer says; those on the command line stay.

    Raises:
        InputError: the file cannot be read or is no reproducer.
    """
    from ngc.opt.inputs import read_text, seed_of
    from ngc.passes.reproducer import Recipe

    path = Path(options.run_reproducer)
    found = Recipe.parse(read_text(str(path)), str(path))
    given = {**vars(found), "input": str(path), "check_numerics": found.check_numerics or None, "check_finite": found.check_finite == "true",
             "load_pass": [name for name in found.load_pass.split(",") if name]}
    for name in _FILES:
        if given[name] and (name != "feeds" or seed_of(given[name]) is None):
            given[name] = str(path.parent / given[name])
    for name in ("input", "passes", "load_pass", "target", "numerics", "calibration", "check_numerics", "check_finite", "feeds", "weights"):
        if given[name] and getattr(options, name) == parser.get_default(name):
            setattr(options, name, given[name])


def check_reproducer(options: Namespace) -> None:
    """Raises InputError where the options on reproducers do not go with the others."""
    if options.run_reproducer is not None and options.input is not None:
        raise InputError(f"--run-reproducer reads its own file; there is no place for the input {options.input}")
    if options.reproducer is not None and Path(options.reproducer).suffix != ".ngir":
        raise InputError(f"--reproducer writes .ngir text, with .npz beside it; {options.reproducer} is no such name")
