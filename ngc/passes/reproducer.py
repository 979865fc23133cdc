"""Reproducers: IR text whose leading comments say which passes are run on it, and how, so that one file shows a failure again.

    # ngc-opt reproducer
    # version: 0.1.0
    # error: pass fold-batch-norm (5) moves the output ...
    # passes: fold-batch-norm
    # check-numerics: 0.0001,1e-06
    # weights: small.npz
    # run: ngc-opt --run-reproducer small.ngir
    graph @net(...) { ... }

Constants without data are seeded random, as ever in ngc-opt; where that does not do, the data lies in the file that `weights` names, beside the text.
"""

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from ngc.errors import InputError
from ngc.ir import Graph, print_graph, save_weights
from ngc.ir.weights_file import replacing

_TITLE = "# ngc-opt reproducer"


@dataclass(frozen=True)
class Recipe:
    """What is run on the graph of a reproducer; every field is a line of its header.

    Attributes:
        passes: a pipeline.
        version: of ngc.
        error: the first line of the message, for readers.
        load_pass: passes of the user's own, module:Class by commas.
        target: what passes compile for.
        numerics: the numeric contract.
        calibration: a table of ranges.
        check_numerics: a tolerance; empty where outputs are not compared.
        check_finite: "true" where values that become NaN or infinite are looked for.
        feeds: inputs to evaluate with.
        weights: the file of the constants' data; empty where it is seeded random.
    """

    passes: str
    version: str = ""
    error: str = ""
    load_pass: str = ""
    target: str = "cpu"
    numerics: str = "fast"
    calibration: str = ""
    check_numerics: str = ""
    check_finite: str = ""
    feeds: str = ""
    weights: str = ""

    def header(self, path: Path | None = None) -> str:
        """Returns the comments at the top of a reproducer; with a path, how it is run too."""
        lines = [_TITLE]
        for name, value in vars(self).items():
            if value or name == "passes":
                lines.append(f"# {name.replace('_', '-')}: {' '.join(value.split())}".rstrip())
        if path is not None:
            lines.append(f"# run: ngc-opt --run-reproducer {shlex.quote(path.name)}")
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str, source: str) -> "Recipe":
        """Returns what the comments at the top of a text say.

        Raises:
            InputError: they are not those of a reproducer.
        """
        lines = text.split("\n")
        if lines[0].strip() != _TITLE:
            raise InputError(f"{source} is no reproducer: its first line is not '{_TITLE}'")
        found = {}
        for line in lines[1:]:
            if not line.startswith("# "):
                break
            name, _, value = line[2:].partition(":")
            found[name.strip().replace("-", "_")] = value.strip()
        if "passes" not in found:
            raise InputError(f"{source} is no whole reproducer: it does not say which passes to run")
        return cls(**{name: value for name, value in found.items() if name in cls.__dataclass_fields__})


def has_data(graph: Graph) -> bool:
    """Whether any constant has data, which the text alone does not hold."""
    return any(node.weight is not None and node.weight.array is not None for part in graph.with_regions() for node in part.nodes)


def write_reproducer(path: Path, graph: Graph, recipe: Recipe, weights: Path | None = None) -> list[Path]:
    """Writes a reproducer, and where constants have data that to an .npz file, by default beside it; returns the files.

    Raises:
        InputError: a file cannot be written.
        ArtifactError: the data cannot be written.
    """
    files = [path]
    if has_data(graph):
        files.append(weights or path.with_suffix(".npz"))
        save_weights(graph, files[1])
        recipe = replace(recipe, weights=os.path.relpath(files[1], path.parent))
    try:
        with replacing(path) as file:
            file.write((recipe.header(path) + print_graph(graph) + "\n").encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
    return files
